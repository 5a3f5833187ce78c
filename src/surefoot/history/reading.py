"""Reading: what a training loop says after one update."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from surefoot.errors import ArgumentError

Lazy = float | Callable[[], float]


@dataclass(frozen=True, init=False)
class Reading:
    """One update as seen by the loop: its step, its loss, and what else was measured.

    ``step`` counts applied updates from 0, ``loss`` is the training loss of that update (may be NaN),
    ``lr`` the rate that was applied, ``val_loss`` a number or a callable that is called only when somebody needs it,
    ``grad_norm`` the global gradient norm before clipping, ``tokens`` the tokens seen so far; ``extra`` holds any
    other number under its own name. Raises ArgumentError for a step that is not a count or a loss that is no number.

    >>> Reading(3, 0.5, lr=1e-3, val_metric=0.9)
    Reading(3, 0.5, lr=0.001, val_metric=0.9)
    """

    step: int
    loss: float
    lr: float | None = None
    val_loss: Lazy | None = None
    grad_norm: float | None = None
    tokens: float | None = None
    extra: Mapping[str, float] = field(default_factory=dict)

    def __init__(
        self,
        step: int,
        loss: float,
        *,
        lr: float | None = None,
        val_loss: Lazy | None = None,
        grad_norm: float | None = None,
        tokens: float | None = None,
        **extra: float,
    ) -> None:
        given: dict[str, Any] = {"lr": lr, "val_loss": val_loss, "grad_norm": grad_norm, "tokens": tokens}
        object.__setattr__(self, "step", _count(step))
        object.__setattr__(self, "loss", _float(loss, "loss"))
        for name, value in given.items():
            object.__setattr__(self, name, value if value is None or callable(value) else _float(value, name))
        object.__setattr__(self, "extra", {name: _float(value, name) for name, value in extra.items()})

    def judged(self) -> Reading:
        """Return the reading with its lazy ``val_loss`` called, so that it holds floats only."""
        if not callable(self.val_loss):
            return self
        return Reading(**(self.row() | {"val_loss": float(self.val_loss())}))

    def row(self) -> dict[str, Any]:
        """Return the reading as one flat dict without the fields that were not given."""
        named = {"lr": self.lr, "val_loss": self.val_loss, "grad_norm": self.grad_norm, "tokens": self.tokens}
        given = {name: value for name, value in named.items() if value is not None}
        return {"step": self.step, "loss": self.loss, **given, **self.extra}

    def __repr__(self) -> str:
        row = self.row()
        rest = "".join(f", {name}={value!r}" for name, value in list(row.items())[2:])
        return f"Reading({self.step}, {self.loss!r}{rest})"


def _count(step: Any) -> int:
    whole = isinstance(step, (int, np.integer)) and not isinstance(step, bool)
    if not whole or step < 0:
        raise ArgumentError(f"step={step!r} must be an int >= 0: the number of updates applied before this one.")
    return int(step)


def _float(value: Any, name: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise ArgumentError(f"{name}={value!r} must be a number (NaN is one): use .item() on a tensor.") from None
