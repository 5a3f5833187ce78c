"""Every detector, in the order of their codes: the explicit list that ``diagnose`` runs."""

from __future__ import annotations

from typing import Any

from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.detectors import (
    sf101_non_finite,
    sf401_length_mismatch,
)

_MODULES = (
    sf101_non_finite,
    sf401_length_mismatch,
)
DETECTORS: tuple[Detector[Any], ...] = tuple(module.DETECTOR for module in _MODULES)
DOCS: dict[str, str] = {module.DETECTOR.code: module.__doc__ or "" for module in _MODULES}
"""By code, what ``surefoot explain`` prints."""
