"""Every detector, in the order of their codes: the explicit list that ``diagnose`` runs."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from surefoot.diagnosis.detector import Detector

_NAMES = (
    "sf101_non_finite",
    "sf102_divergence",
    "sf103_collapse",
    "sf104_spike",
    "sf105_recurring_spikes",
    "sf106_oscillation",
    "sf107_end_of_warmup",
    "sf108_after_a_rise",
    "sf109_gradient_precursor",
    "sf110_update_ratio",
    "sf111_headroom",
    "sf112_runaway_d",
    "sf201_too_slow",
    "sf202_plateau",
    "sf203_decayed_too_early",
    "sf204_warmup_too_long",
    "sf205_batch_too_noisy",
    "sf206_not_training",
    "sf207_stuck_d",
    "sf301_overfitting",
    "sf302_memorised",
    "sf401_length_mismatch",
    "sf402_late_rise",
    "sf403_bare_resume",
    "sf404_unusual_rate",
    "sf405_no_decay",
    "sf406_flat_cooldown",
    "sf407_decay_misfit",
    "sf408_flat_metric",
    "sf501_hidden_nan",
    "sf502_unapplied_rate",
    "sf503_sparse_rows",
)
_MODULES = tuple(import_module(f"surefoot.diagnosis.detectors.{name}") for name in _NAMES)
DETECTORS: tuple[Detector[Any], ...] = tuple(module.DETECTOR for module in _MODULES)
DOCS: dict[str, str] = {module.DETECTOR.code: module.__doc__ or "" for module in _MODULES}
"""By code, what ``surefoot explain`` prints."""
