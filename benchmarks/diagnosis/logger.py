"""How a run is logged: every update or every tenth, a mean or the last value, with or without the other columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

Columns = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Logger:
    """A row every ``every`` updates (a fraction: of the total), ``mean`` of the losses in between or the last of them.

    ``names`` are the columns besides step and loss. ``hides`` is the filter of transformers' Trainer: the loss of an
    update that is not finite counts as the average of those since the last row.
    """

    every: float
    mean: bool
    names: tuple[str, ...]
    hides: bool = False

    def logged(self, run: Columns) -> dict[str, np.ndarray]:
        """Return the columns that this logger would have written of ``run``, NaN where a row does not say."""
        total = len(run["step"])
        every = int(self.every) if self.every >= 1 else max(int(self.every * total), 1)
        last = np.arange(every - 1, total, every)
        found = {"step": run["step"][last], "loss": self._losses(run["loss"], every)}
        for name in self.names:
            found[name] = _latest(run[name], every) if name == "val_loss" else run[name][last]
        return found

    def _losses(self, loss: np.ndarray, every: int) -> np.ndarray:
        windows = loss[: len(loss) // every * every].reshape(-1, every)
        if self.hides:
            return np.array([_filtered(window) for window in windows])
        return windows.mean(1) if self.mean else windows[:, -1]


def _filtered(window: np.ndarray) -> float:
    """Return the mean that transformers' Trainer logs (``logging_nan_inf_filter``, Trainer's training loop)."""
    total = 0.0
    for since, loss in enumerate(window):
        total += loss if np.isfinite(loss) else total / (1 + since)
    return total / len(window)


def _latest(values: np.ndarray, every: int) -> np.ndarray:
    windows = values[: len(values) // every * every].reshape(-1, every)
    # A NaN in here means that this update was not evaluated: losses that are NaN are told from the training loss.
    return np.array([next((v for v in window[::-1] if v == v), np.nan) for window in windows])  # noqa: PLR0124  NaN is not said


_RATE, _NORM, _VAL = "lr", "grad_norm", "val_loss"
LOGGERS = (
    Logger(1, mean=False, names=(_RATE, _NORM, _VAL)),
    Logger(10, mean=True, names=(_RATE, _NORM, _VAL)),
    Logger(2, mean=False, names=()),
    Logger(1 / 30, mean=True, names=(_VAL,)),
    Logger(10, mean=False, names=(_RATE, _NORM)),
    Logger(5, mean=False, names=(_RATE, _VAL)),
)
EVERY = Logger(1, mean=False, names=())
HIDDEN = (
    Logger(1, mean=True, names=(_RATE, _NORM), hides=True),
    Logger(10, mean=True, names=(_RATE, _NORM), hides=True),
)
