"""Factors: how far below the peak each parameter group runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from surefoot.errors import ArgumentError
from surefoot.schedule.phase import number
from surefoot.torch.slots import Group, Groups, Slot

FactorSource = Sequence[float] | Callable[[Group], float]
GroupFactors = FactorSource | Mapping[str, FactorSource]
# Their absolute size has a meaning of its own: a momentum of 0.9 is not "half" of anything.
ABSOLUTE = frozenset({"momentum", "beta1", "beta2"})


@dataclass(frozen=True, slots=True)
class Factors:
    """The factor of each group for one field; ``reference`` is the value that stands for factor 1."""

    values: tuple[float, ...]
    reference: float
    rule: Callable[[Group], float] | None = None

    def grown(self, slot: Slot, groups: Groups) -> Factors:
        """Return the factors with those of groups that were added since; a known group keeps its own."""
        added = groups[len(self.values) :]
        values = (*self.values[: len(groups)], *(self._of(slot, group) for group in added))
        return Factors(values, self.reference, self.rule)

    def _of(self, slot: Slot, group: Group) -> float:
        if self.rule is not None:
            return _checked(self.rule(group), slot.field)
        if slot.field in ABSOLUTE or self.reference == 0.0:
            return 1.0
        return slot.number(group) / self.reference


def bind(slot: Slot, groups: Groups, source: FactorSource | None) -> Factors:
    """Return the factors of ``groups``: given by ``source``, or each group's value over the largest one."""
    base = _base(slot, groups)
    reference = max(base)
    if callable(source):
        return Factors(tuple(_checked(source(group), slot.field) for group in groups), reference, source)
    if source is not None:
        return Factors(_given(source, slot, groups), reference)
    if slot.field in ABSOLUTE or reference == 0.0:
        return Factors((1.0,) * len(groups), reference)
    return Factors(tuple(value / reference for value in base), reference)


def pick(source: GroupFactors | None, field: str) -> FactorSource | None:
    """Return the part of ``groups=`` that is meant for ``field``; a bare list or function is meant for the rate."""
    if source is None or not isinstance(source, Mapping):
        return source if field == "lr" else None
    return source.get(field)


def _base(slot: Slot, groups: Groups) -> list[float]:
    base = [slot.number(group) for group in groups]
    if slot.field == "lr" and max(base) == 0.0:
        # A checkpoint of update 0 of a warmup, or torch's own warmup, has left only zeros: the base rates still tell.
        return [float(group.get("initial_lr", 0.0)) for group in groups]
    return base


def _given(source: Sequence[float], slot: Slot, groups: Groups) -> tuple[float, ...]:
    try:
        listed = list(source)
    except TypeError:
        raise ArgumentError(
            f"groups={source!r:.60} must be a list of factors >= 0 (one a group), a function of the group, or a dict "
            "of these by field."
        ) from None
    values = tuple(_checked(value, slot.field) for value in listed)
    if len(values) != len(groups):
        raise ArgumentError(
            f"groups has {len(values)} factors and the optimizer {len(groups)} groups: give one factor for each."
        )
    return values


def _checked(value: Any, field: str) -> float:
    found = number(value, f"groups ({field})")
    if found < 0.0:
        raise ArgumentError(f"groups ({field}) has the factor {value!r}: a factor must be >= 0.")
    return found
