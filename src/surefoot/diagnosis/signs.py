"""The three signs of a healthy run: stability, effective step size, sensitivity to the rate; in words, with numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from surefoot.curve import Curve
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


def sensitivity(curve: Curve, low: float = LOW, high: float = HIGH) -> float | None:
    """Return the LR sensitivity of a sweep: how much is lost, on average, by a rate chosen blindly.

    sensitivity = mean over eta in [low, high] of min(loss(eta), loss at initialisation) - best loss, in units of the
    loss; eta are the rates of the longest trials in the range, the mean is over ln eta, straight lines between
    neighbours, and a run that failed counts as the loss at initialisation. 0 means that any rate would do.
    None where fewer than two rates of the range were run, none ended well, or the initial loss is not known.

    >>> from surefoot.trial import Trial
    >>> sensitivity(Curve((Trial(1e-3, 0, 9, 9, 1.0), Trial(1e-2, 0, 9, 9, 2.0)), start_loss=3.0))
    0.5

    Source: "Small-scale proxies for large-scale Transformer training instabilities", arXiv 2309.14322, 2023.
    """
    rates = {lr: loss for lr, loss in curve.by_rate().items() if low <= lr <= high}
    start = curve.start_loss
    if len(rates) < 2 or not math.isfinite(start) or not math.isfinite(min(rates.values())):
        return None
    x = np.log(list(rates))
    y = np.array([min(loss, start) if math.isfinite(loss) else start for loss in rates.values()])
    area = float(((y[1:] + y[:-1]) / 2 * np.diff(x)).sum())
    return area / float(x[-1] - x[0]) - float(y.min())


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
