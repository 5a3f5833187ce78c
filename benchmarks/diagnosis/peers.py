"""Peers' rules, as small functions over logged rows: True where the rule fires, None where it cannot be asked.

They are rules, not their packages: each is written from its source, applied to the rows of a log as its authors apply
it to updates or epochs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from surefoot import History

Rule = Callable[[History], bool | None]


def nan_check(history: History) -> bool | None:
    """Composer's NaNMonitor: isnan(loss) stops; inf is not caught (composer/callbacks/nan_monitor.py)."""
    loss = _said(history, "loss")
    return bool(np.isnan(loss).any()) if len(loss) else None


def six_sigma(history: History, window: int = 128, least: int = 64) -> bool | None:
    """OLMo-core's SkipStepOptimizer: loss or gradient norm above mean + 6 std of the previous 128, from 64 on.

    Source: OLMo-core, src/olmo_core/optim/skip_step_optimizer.py.
    """
    found = [_said(history, name) for name in ("loss", "grad_norm") if name in history.names]
    long = [values for values in found if len(values) > least]
    return any(_above(values, window, least) for values in long) if long else None


def ten_fold(history: History, first: int = 100) -> bool | None:
    """Megatron-LM's rerun machine: a loss of at least 10 x the largest of the first 100; NaN is ignored there.

    Source: Megatron-LM, megatron/core/rerun_state_machine.py (is_unexpectedly_large).
    """
    loss = _said(history, "loss")
    if len(loss) <= first or not np.isfinite(loss[:first]).any():
        return None
    return bool((np.nan_to_num(loss[first:], nan=0.0) >= 10 * np.nanmax(loss[:first])).any())


def overfits(history: History) -> bool | None:
    """UMLAUT: one epoch with validation loss up and training loss not up (Schoop, Huang, Hartmann, CHI 2021)."""
    if "val_loss" not in history.names:
        return None
    at = np.flatnonzero(np.isfinite(history["val_loss"]))
    if len(at) < 3:
        return None
    loss = history["loss"]
    train = np.array([_mean(loss[a + 1 : b + 1]) for a, b in zip([-1, *at[:-1]], at, strict=True)])
    val = history["val_loss"][at]
    return bool(((np.diff(val) > 0) & (np.diff(train) <= 0)).any())


def rate_out_of_range(history: History) -> bool | None:
    """UMLAUT: a rate above 0.01 is high, below 1e-7 low (Schoop et al., CHI 2021); judged by the highest logged."""
    rates = _said(history, "lr") if "lr" in history.names else np.zeros(0)
    return bool(rates.max() > 0.01 or rates.max() < 1e-7) if len(rates) else None


def exploding(history: History) -> bool | None:
    """AutoTrainer: a loss that is NaN, or above 1e3 (ICSE 2021, its default thresholds)."""
    loss = _said(history, "loss")
    return bool((~(loss <= 1e3)).any()) if len(loss) else None


def swinging(history: History) -> bool | None:
    """AutoTrainer: in a quarter of the epochs the accuracy swings (read here: falls) by 0.05 or more."""
    accuracy = _said(history, "val_accuracy") if "val_accuracy" in history.names else np.zeros(0)
    return bool(np.mean(np.diff(accuracy) <= -0.05) >= 0.25) if len(accuracy) > 3 else None


RULES: Mapping[str, Rule] = {
    "NaN check": nan_check,
    "OLMo-core 6 sigma": six_sigma,
    "Megatron 10 x": ten_fold,
    "UMLAUT overfitting": overfits,
    "UMLAUT rate": rate_out_of_range,
    "AutoTrainer explosion": exploding,
    "AutoTrainer swings": swinging,
}


def _said(history: History, name: str) -> np.ndarray:
    return history[name][history.said(name)]


def _mean(values: np.ndarray) -> float:
    fine = values[np.isfinite(values)]
    return float(fine.mean()) if len(fine) else np.nan


def _above(values: np.ndarray, window: int, least: int) -> bool:
    sums, squares = (np.concatenate([[0.0], np.cumsum(part)]) for part in (values, values**2))
    at = np.arange(least, len(values))
    low = np.maximum(at - window, 0)
    count = at - low
    mean = (sums[at] - sums[low]) / count
    spread = np.sqrt(np.maximum((squares[at] - squares[low]) / count - mean**2, 0.0) * count / (count - 1))
    return bool((values[at] > mean + 6 * spread).any())
