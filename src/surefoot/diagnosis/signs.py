"""The three signs of a healthy run: stability, effective step size, sensitivity to the rate; in words, with numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from surefoot.curve import Curve, sensitivity
from surefoot.diagnosis.blocks import LARGEST
from surefoot.diagnosis.nouns import Finding
from surefoot.history.columns import History

NOT_MEASURED = "not measured"
LOW, HIGH = 3e-4, 3e-1
"""The range of rates over which arXiv 2309.14322 states sensitivities."""


def signs(findings: Sequence[Finding], history: History | None = None, curve: Curve | None = None) -> dict[str, str]:
    """Return the three signs in words, "not measured" where neither ``history`` nor ``curve`` holds what they need.

    >>> signs(())["stability"], signs(())["sensitivity"]
    ('stable', 'not measured')
    """
    return {
        "stability": _stability(findings),
        "effective step size": NOT_MEASURED if history is None else _step_size(history),
        "sensitivity": _sensitive(history, curve),
    }


def _stability(findings: Sequence[Finding]) -> str:
    unstable = [one for one in findings if one.code.startswith("SF1") and one.severity != "info"]
    if unstable:
        return f"unstable: {_named(unstable[0])}"
    noted = [one for one in findings if one.code.startswith("SF1")]
    return f"stable, with a note: {_named(noted[0])}" if noted else "stable"


def _named(finding: Finding) -> str:
    return f"{finding.code} {finding.name}" + ("" if finding.step is None else f" at step {finding.step:,}")


def _step_size(history: History) -> str:
    ratio = _typical(history, "update_ratio")
    if ratio is not None:
        return f"update over weight {ratio:.2g}, {_sized(ratio)} (about 1e-3 is usual)"
    headroom = _typical(history, "headroom")
    if headroom is not None:
        much = "too large: a step along the update would raise the loss" if headroom < 1 else "within the edge"
        return f"headroom {headroom:.2g}, {much} (1 is the edge)"
    for name, words in (("update_rms", "RMS of the update"), ("effective_lr", "effective rate")):
        value = _typical(history, name)
        if value is not None:
            return f"{words} {value:.2g}"
    return NOT_MEASURED


def _sized(ratio: float) -> str:
    # Folklore of the field, undated: the thresholds of SF110.
    if ratio > 1e-2:
        return "large"
    return "small" if ratio < 1e-4 else "usual"


def _typical(history: History, name: str) -> float | None:
    """Return the median of the last third of what a column says, None where it says nothing finite."""
    if name not in history.names:
        return None
    values = history[name][np.abs(history[name]) <= LARGEST]
    return float(np.median(values[len(values) * 2 // 3 :])) if len(values) else None


def _sensitive(history: History | None, curve: Curve | None) -> str:
    if curve is not None:
        return _swept(curve)
    headroom = None if history is None else _typical(history, "headroom")
    if headroom is None:
        return NOT_MEASURED
    return f"no sweep; by the headroom the rate could rise {headroom:.2g}x before a step raises the loss"


def _swept(curve: Curve) -> str:
    for low, high, words in ((LOW, HIGH, "3e-4 to 3e-1"), (0.0, math.inf, "the rates that were run")):
        value = sensitivity(curve, low, high)
        if value is not None and curve.best is not None:
            gain = curve.start_loss - curve.best.loss
            share = f", {value / gain:.0%} of what training gains" if gain > 0 else ""
            return f"{value:.3g} in loss{share}, over {words}"
    return "not measured: the sweep has fewer than two rates that ended, or no loss at initialisation"
