"""Factor: a law's answer with its evidence; and the two shapes of a law, published and fitted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol, runtime_checkable

from surefoot.errors import ArgumentError
from surefoot.laws.mup import RoleFactors
from surefoot.laws.names import FAMILIES, family
from surefoot.laws.scale import Scale
from surefoot.laws.sources import MARKS, Mark, Source
from surefoot.trial import plain

ADAM_BETAS = (0.9, 0.999)


@dataclass(frozen=True, slots=True)
class Factor:
    """What to multiply the peak rate by, from one scale to another, and what else changes with it.

    ``lr`` is a multiplier (None where a law says nothing about the rate), as are ``eps``, ``weight_decay`` and
    ``warmup`` [updates]; ``beta1`` and ``beta2`` are the new values themselves; None leaves a thing alone. ``groups``
    are multipliers by role of tensor, on top of these. ``low`` to ``high`` is what the laws that hold would multiply
    the rate by; ``optimum`` the peak that the law names at the second scale by itself, and ``batch_optimum`` the batch
    [tokens], where it does.

    ``law`` its name, ``quantity`` what changed, ``formula`` with the numbers in it, ``range`` where it holds and
    ``outside`` why these scales are out of it ("" inside), ``source``, ``confidence`` how well the source was checked
    (``MARKS`` in words), ``why`` it was taken, ``notes`` warnings. ``parts`` are the factors that were multiplied,
    ``others`` what the other laws say, ``silent`` why a law that could speak does not,
    ``disagreement`` where they contradict each other. ``settings`` is the second
    scale with what results.
    """

    lr: float | None = None
    beta1: float | None = None
    beta2: float | None = None
    eps: float | None = None
    weight_decay: float | None = None
    warmup: float | None = None
    groups: tuple[tuple[str, RoleFactors], ...] = ()
    low: float | None = None
    high: float | None = None
    optimum: float | None = None
    batch_optimum: float | None = None
    law: str = ""
    quantity: str = ""
    formula: str = ""
    range: str = ""
    outside: str = ""
    source: str = ""
    confidence: Mark = "D"
    why: str = ""
    parts: tuple[Factor, ...] = ()
    others: tuple[Factor, ...] = ()
    silent: tuple[str, ...] = ()
    disagreement: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    settings: Scale | None = None

    @property
    def holds(self) -> bool:
        """Whether both scales lie where the law holds."""
        return not self.outside

    @property
    def peak(self) -> float | None:
        """The resulting peak rate; None where the first scale has no ``lr``."""
        return None if self.settings is None else self.settings.lr

    def row(self) -> dict[str, Any]:
        """Return the factor as plain data for JSON."""
        made = {f.name: plain(getattr(self, f.name)) for f in fields(self)}
        made["groups"] = {role: one._asdict() for role, one in self.groups}
        made["parts"], made["others"] = [p.row() for p in self.parts], [o.row() for o in self.others]
        scale = self.settings
        made["settings"] = None if scale is None else {name: spelled(getattr(scale, name)) for name in scale.given}
        return made | {"holds": self.holds, "peak": self.peak, "confidence_in_words": MARKS[self.confidence]}

    def to_json(self) -> str:
        """Return the factor as JSON text."""
        return json.dumps(self.row(), allow_nan=False)

    def __str__(self) -> str:
        rate = "the rate is not its subject" if self.lr is None else f"lr x {self.lr:.3g}"
        peak = "" if self.peak is None else f" = {self.peak:.3g}"
        span = "" if self.low is None or self.high is None else f" (the laws: {self.low:.3g} to {self.high:.3g})"
        beyond = f"; outside its range: {self.outside}" if self.outside else ""
        return f"{self.quantity}, {self.law}: {rate}{peak}{span}, [{self.confidence}]{beyond}. {self.why}"


@runtime_checkable
class TransferLaw(Protocol):
    """What ``transfer(law=...)`` takes besides a name: anything that answers two scales with a Factor.

    If it has ``covers``, a set of quantities, other changed quantities are left to the published laws.
    """

    def factor(self, from_scale: Scale, to_scale: Scale) -> Factor:
        """Return the factor from one scale to the other; raise ArgumentError where the law cannot answer."""
        ...


@dataclass(frozen=True, slots=True)
class Law:
    """A published law: the quantities it ``covers``, the families of optimizers, and the function that answers.

    ``range`` says where it holds, ``source`` and ``mark`` where it is from and how well that was checked.
    """

    name: str
    covers: frozenset[str]
    families: tuple[str, ...]
    range: str
    source: Source | str
    mark: Mark
    answer: Callable[[Scale, Scale], Factor]

    def __post_init__(self) -> None:
        if not self.covers or not set(self.families) <= set(FAMILIES):
            raise ArgumentError(f"law={self.name!r} must cover something, for families of {', '.join(FAMILIES)}.")

    def factor(self, from_scale: Scale, to_scale: Scale) -> Factor:
        """Return the factor from one scale to the other; raise ArgumentError, naming the law, where it has none."""
        if to_scale.optimizer is not None and family(to_scale.optimizer) not in self.families:
            raise ArgumentError(f"law={self.name!r} is for {', '.join(self.families)}, not for {to_scale.optimizer}.")
        try:
            found = self.answer(from_scale, to_scale)
        except ArgumentError as error:
            raise ArgumentError(f"law={self.name!r}: {error}") from None
        return replace(found, law=self.name, range=self.range, source=str(self.source), confidence=self.mark)


def both(from_scale: Scale, to_scale: Scale, name: str) -> tuple[float, float]:
    """Return ``name`` of both scales; raise ArgumentError where one has none."""
    found = [getattr(scale, name) for scale in (from_scale, to_scale)]
    for value, which in zip(found, ("from_scale", "to_scale"), strict=True):
        if value is None:
            raise ArgumentError(f"{name} is missing in {which}.")
    return float(found[0]), float(found[1])


def betas(scale: Scale) -> tuple[float, float]:
    """Return Adam's betas: 0.9 and 0.999 where the scale names none."""
    beta1 = ADAM_BETAS[0] if scale.beta1 is None else scale.beta1
    return beta1, ADAM_BETAS[1] if scale.beta2 is None else scale.beta2


def spelled(value: object) -> object:
    """Return a value of a Scale as text or a number, amounts with their unit."""
    return str(value) if not isinstance(value, (int, float)) else value
