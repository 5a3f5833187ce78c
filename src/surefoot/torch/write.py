"""Writers: put values into every group, and tell whether somebody else wrote there meanwhile.

A float is compared by identity: a writer holds the very objects that it put there, so an equal number from
somebody else is told apart, and a comparison costs some 30 ns. A tensor is written in place, for it may be a
captured graph's or a compiled step's input, and compared by identity and version, which needs no read from a device.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Protocol

import torch

from surefoot.torch.slots import Group, Groups, Slot, plain


class Writer(Protocol):
    """What a track needs to keep one field of the groups; ``numbers`` are the values that were left in them."""

    @property
    def numbers(self) -> Sequence[float]: ...

    def intact(self, groups: Groups) -> bool: ...
    def write(self, groups: Groups, values: list[float]) -> None: ...


class Single:
    """One group with a plain number: what most runs have, so it is spelled out."""

    __slots__ = ("key", "left")

    def __init__(self, slot: Slot, groups: Groups) -> None:
        self.key = slot.key
        self.left: float = groups[0][slot.key]

    @property
    def numbers(self) -> list[float]:
        """The value that was left in the group."""
        return [self.left]

    def swap(self, group: Group, value: float) -> bool:
        """Write ``value`` if the group still holds what was left there; return whether it did."""
        if group[self.key] is not self.left:
            return False
        group[self.key] = self.left = value
        return True

    def intact(self, groups: Groups) -> bool:
        """Return whether the group still holds the object that was left there."""
        return groups[0][self.key] is self.left

    def write(self, groups: Groups, values: list[float]) -> None:
        """Write the one value into the one group."""
        groups[0][self.key] = self.left = values[0]


class Floats:
    """Plain numbers under a plain key, in several groups."""

    __slots__ = ("key", "numbers")

    def __init__(self, slot: Slot, groups: Groups) -> None:
        self.key = slot.key
        self.numbers: list[float] = [group[slot.key] for group in groups]

    def intact(self, groups: Groups) -> bool:
        """Return whether every group still holds the object that was left there."""
        key = self.key
        for group, left in zip(groups, self.numbers, strict=True):  # noqa: SIM110  a generator takes twice the time
            if group[key] is not left:
                return False
        return True

    def swap(self, groups: Groups, values: list[float]) -> bool:
        """Write ``values`` if every group still holds what was left there; return whether they did."""
        key = self.key
        for group, left, value in zip(groups, self.numbers, values, strict=True):
            if group[key] is not left:
                self._undo(groups, values)
                return False
            group[key] = value
        self.numbers = values
        return True

    def _undo(self, groups: Groups, values: list[float]) -> None:
        for group, left, value in zip(groups, self.numbers, values, strict=True):
            if group[self.key] is not value:
                return  # the group that was disturbed: nothing behind it was written
            group[self.key] = left

    def write(self, groups: Groups, values: list[float]) -> None:
        """Write one value into each group."""
        key = self.key
        for group, value in zip(groups, values, strict=True):
            group[key] = value
        self.numbers = values


class Mixed:
    """Tensors, members of a tuple, or both beside plain numbers."""

    __slots__ = ("_held", "_loose", "_shelves", "_slot", "_versions", "numbers")

    def __init__(self, slot: Slot, groups: Groups) -> None:
        self._slot = slot
        self._held = [slot.get(group) for group in groups]
        self._loose = [k for k, value in enumerate(self._held) if not isinstance(value, torch.Tensor)]
        self.numbers: list[float] = [plain(value) for value in self._held]
        self._shelves: list[Shelf] | None = None
        self._versions = self._counted()

    def intact(self, groups: Groups) -> bool:
        """Return whether every group still holds what was left there, unwritten."""
        get = self._slot.get
        held = [get(group) for group in groups] if self._slot.index is not None else _column(groups, self._slot.key)
        return all(map(operator.is_, held, self._held)) and self._counted() == self._versions

    def write(self, groups: Groups, values: list[float]) -> None:
        """Write one value into each group, tensors in place and all together."""
        if self._shelves is None:
            self._shelves = self._shelved(groups)
        for shelf in self._shelves:
            shelf.write(values)
        for k in self._loose:
            self._slot.put(groups[k], values[k])
            self._held[k] = values[k]
        self._versions = self._counted()
        self.numbers = values

    def _counted(self) -> list[int]:
        """Count the writes to each tensor, which torch does without asking the device."""
        if self._loose:
            return [value._version for value in self._held if isinstance(value, torch.Tensor)]  # noqa: SLF001  no public name
        return [value._version for value in self._held]  # noqa: SLF001  torch has no public name for it

    def _shelved(self, groups: Groups) -> list[Shelf]:
        """Sort the tensors by device and dtype; a tensor that several groups share is given to the first only."""
        seen: set[int] = set()
        kinds: dict[tuple[torch.device, torch.dtype], list[int]] = {}
        for k, value in enumerate(self._held):
            if not isinstance(value, torch.Tensor):
                continue
            if id(value) in seen:
                self._held[k] = value.detach().clone()
                self._slot.put(groups[k], self._held[k])
            seen.add(id(value))
            kinds.setdefault((value.device, value.dtype), []).append(k)
        return [Shelf(indices, [self._held[k] for k in indices]) for indices in kinds.values()]


class Shelf:
    """Tensors of one device and dtype, written together: one transfer, then one copy kernel."""

    __slots__ = ("_indices", "_tensors", "_vector", "_views")

    def __init__(self, indices: list[int], tensors: list[torch.Tensor]) -> None:
        self._indices = indices
        # A detached alias has the storage and the version counter of its tensor, and may be written under autograd.
        self._tensors = [tensor.detach() for tensor in tensors]
        self._vector = torch.empty(len(tensors), dtype=tensors[0].dtype, device=tensors[0].device)
        self._views = [view.view_as(tensor) for view, tensor in zip(self._vector.unbind(), tensors, strict=True)]

    def write(self, values: list[float]) -> None:
        """Write the values of this shelf's groups in place."""
        if len(self._tensors) == 1:
            self._tensors[0].fill_(values[self._indices[0]])
            return
        chosen = [values[k] for k in self._indices]
        self._vector.copy_(torch.tensor(chosen, dtype=torch.float64))
        torch._foreach_copy_(self._tensors, self._views)


def writer(slot: Slot, groups: Groups) -> Writer:
    """Return the writer that fits what the groups hold; nothing is written."""
    if slot.index is not None or any(type(slot.get(group)) not in {int, float} for group in groups):
        return Mixed(slot, groups)
    return Single(slot, groups) if len(groups) == 1 else Floats(slot, groups)


def _column(groups: Groups, key: str) -> list[object]:
    return [group[key] for group in groups]
