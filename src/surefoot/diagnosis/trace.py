"""Trace: the fold that most detectors read: every column that matters, condensed, and what the log says besides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from surefoot.diagnosis.detector import Fold
from surefoot.diagnosis.excursions import Excursion, excursions
from surefoot.diagnosis.series import Series
from surefoot.diagnosis.shape import Shape, shape_of
from surefoot.history.columns import History
from surefoot.history.origin import Fact

_PREFIXES = ("val_", "train_", "test_", "metrics_")
_NAMES = frozenset(
    {
        *("loss", "val_loss", "lr", "applied_lr", "grad_norm", "tokens", "epoch", "batch", "loss_scale", "skipped"),
        *("update_ratio", "update_rms", "headroom", "sharpness_ratio", "noise_scale", "weight_norm", "weight_decay"),
        *("grad_cosine", "log_z", "attention_logit", "effective_lr", "accuracy", "momentum", "applied_step"),
        *("rms_t", "d"),
    }
)


@dataclass(frozen=True, eq=False)
class Trace:
    """What is remembered of a run: ``rows`` seen, a ``Series`` by column, and the ``facts`` and format of its log."""

    rows: int = 0
    series: Mapping[str, Series] = field(default_factory=dict)
    facts: Mapping[str, Fact] = field(default_factory=dict)
    format: str = ""
    last_step: float = np.nan

    def __getitem__(self, name: str) -> Series:
        """Return the series of a column, an empty one where the log has none."""
        return self.series.get(name, Series())

    @cached_property
    def loss(self) -> Shape | None:
        """The shape of the training loss, None where there is too little of it."""
        return shape_of(self["loss"])

    @cached_property
    def val_loss(self) -> Shape | None:
        """The shape of the validation loss, None where there is too little of it."""
        return shape_of(self["val_loss"])

    @cached_property
    def main(self) -> Shape | None:
        """The shape that tells the run's story: of the training loss, or of the validation loss where that ends early.

        Some logs hold training rows for the first updates only, and evaluations to the end.
        """
        loss, judged = self.loss, self.val_loss
        if loss is None or judged is None:
            return judged if loss is None else loss
        return judged if loss.step[-1] < 0.5 * judged.step[-1] else loss

    @cached_property
    def excursions(self) -> tuple[Excursion, ...]:
        """Where the main loss left its band."""
        return () if self.main is None else excursions(self.main)

    def number(self, name: str) -> float | None:
        """Return a fact that is a number, None where the log does not say it."""
        value = self.facts.get(name)
        return float(value) if isinstance(value, (int, float)) else None

    def text(self, name: str) -> str:
        """Return a fact that is a text, lower case, empty where the log does not say it."""
        value = self.facts.get(name)
        return value.lower() if isinstance(value, str) else ""


def wanted(name: str) -> bool:
    """Say whether detectors look at a column of this name."""
    return name in _NAMES or name.startswith(_PREFIXES)


def updated(trace: Trace, rows: History) -> Trace:
    """Return the trace after more rows; rows whose step is no number are passed over."""
    step = rows["step"]
    row = trace.rows + np.arange(len(rows), dtype=np.float64)
    series = dict(trace.series)
    for name in filter(wanted, rows.names):
        said = rows.said(name) & np.isfinite(step)
        if said.any():
            old = series.get(name, Series())
            series[name] = old.extended(step[said], row[said], rows[name][said])
    known = step[np.isfinite(step)]
    last = float(known[-1]) if len(known) else trace.last_step
    facts = {**trace.facts, **rows.origin.facts}
    return Trace(trace.rows + len(rows), series, facts, rows.origin.format or trace.format, last)


TRACE: Fold[Trace] = Fold(Trace, updated)
