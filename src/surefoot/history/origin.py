"""Origin: where a history came from, and how its log was understood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

Fact = float | str | tuple[float, ...]


@dataclass(frozen=True)
class Origin:
    """How a log was read: its ``format``, which field became which column, what was left out, and what it says besides.

    ``roles`` maps a column to the field it was taken from; ``ignored`` are the fields that were not understood;
    ``notes`` are sentences for a person (runs that were split, rows that were merged); ``facts`` holds what a log says
    once: ``total`` (planned updates), ``optimizer``, ``batch``, ``weight_decay``, ``momentum``, ``beta1``, ``classes``,
    ``vocabulary``, ``kind`` ("pretraining", "fine-tuning", "lora"), ``unit`` ("step", "epoch" or "row": what ``step``
    counts), ``resumes`` (the steps at which the run was taken up again), ``run`` (its name among several), ``peak``,
    ``beta2``, ``warmup`` (updates, or epochs where those are the unit), ``warmup_fraction``, ``logging_steps``,
    ``nan_filter`` ("default": the logger replaces a NaN loss unless it was told not to).

    >>> Origin("Keras CSVLogger", {"val_loss": "val_loss"}, notes=("2 runs: the last is shown.",)).said()
    ('read as Keras CSVLogger', 'val_loss from val_loss', '2 runs: the last is shown.')
    """

    format: str = ""
    roles: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Fact] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "roles", MappingProxyType(dict(self.roles)))
        object.__setattr__(self, "facts", MappingProxyType(dict(self.facts)))

    def said(self) -> tuple[str, ...]:
        """Return, a sentence each, how the log was understood and what was left out."""
        read = (f"read as {self.format}",) if self.format else ()
        roles = tuple(f"{column} from {name}" for column, name in self.roles.items())
        left = (f"not used: {', '.join(self.ignored)}",) if self.ignored else ()
        return (*read, *roles, *left, *self.notes)
