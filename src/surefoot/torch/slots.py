"""Slots: where a schedulable field lives in a parameter group, and how its value is read and written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from surefoot.errors import ArgumentError

Group = dict[str, Any]
Groups = Sequence[Group]
_BETAS = {"beta1": 0, "beta2": 1}


@dataclass(frozen=True, slots=True)
class Slot:
    """A field of every group: ``group[key]``, or ``group[key][index]`` where the key holds a tuple (betas)."""

    field: str
    key: str
    index: int | None = None

    def get(self, group: Group) -> Any:
        """Return the group's value as it is stored (a number or a tensor)."""
        return group[self.key] if self.index is None else group[self.key][self.index]

    def put(self, group: Group, value: Any) -> None:
        """Store ``value`` in the group, leaving the rest of a tuple alone."""
        if self.index is None:
            group[self.key] = value
        else:
            old = group[self.key]
            group[self.key] = (*old[: self.index], value, *old[self.index + 1 :])

    def number(self, group: Group) -> float:
        """Return the group's value as a float."""
        return plain(self.get(group))

    def write(self, group: Group, value: float) -> None:
        """Write ``value``, in place where the group holds a tensor."""
        held = self.get(group)
        if isinstance(held, torch.Tensor):
            held.detach().fill_(value)
        else:
            self.put(group, value)


def plain(value: Any) -> float:
    """Return a number or a tensor of one element as a float; a rate that is being learned leaves its graph behind."""
    return float(value.detach() if isinstance(value, torch.Tensor) else value)


def slot(field: str, groups: Groups) -> Slot:
    """Return where ``field`` lives in ``groups``; ArgumentError where an optimizer has no such field."""
    found = _slot(field, groups[0])
    if found is None:
        raise ArgumentError(
            f"schedule has the field {field!r}, which this optimizer has not: use one of {', '.join(_fields(groups))}."
        )
    for k, group in enumerate(groups):
        value = found.get(group)
        if isinstance(value, bool) or not isinstance(value, (int, float, torch.Tensor)):
            raise ArgumentError(
                f"schedule[{field!r}]: group {k} holds {value!r} there, which is no number to schedule."
            )
    return found


def _slot(field: str, group: Group) -> Slot | None:
    if field == "momentum" and "momentum" not in group and "betas" in group:
        return Slot(field, "betas", 0)
    if field in _BETAS and "betas" in group:
        return Slot(field, "betas", _BETAS[field])
    return Slot(field, field) if field in group and field != "params" else None


def _fields(groups: Groups) -> list[str]:
    plain = [
        key for key, value in groups[0].items()
        if isinstance(value, (int, float, torch.Tensor)) and not isinstance(value, bool)
    ]  # fmt: skip
    return [*plain, *(["beta1", "beta2"] if "betas" in groups[0] else [])]
