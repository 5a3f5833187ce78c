"""Numbers that laws take: finite, above zero, and said so in one sentence where they are not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from surefoot.errors import ArgumentError


def positive(value: Any, name: str, what: str) -> float:
    """Return ``value`` as a float above zero; raise ArgumentError, naming ``what`` it is, otherwise.

    >>> positive(2, "m", "a ratio")
    2.0
    """
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and 0 < float(value) < math.inf:
        return float(value)
    raise ArgumentError(f"{name}={value!r} must be a finite number > 0: {what}.")


def inside(value: Any, name: str, what: str) -> float:
    """Return ``value`` as a float in [0, 1); raise ArgumentError, naming ``what`` it is, otherwise.

    >>> inside(0.9, "beta1", "the decay of the mean")
    0.9
    """
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and 0 <= float(value) < 1:
        return float(value)
    raise ArgumentError(f"{name}={value!r} must be in [0, 1): {what}.")
