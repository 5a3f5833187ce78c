"""Roles: which fields of a log are the step, the loss, the rate and so on, from their names and values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from surefoot.errors import ArgumentError
from surefoot.history.columns import Column, Mask
from surefoot.history.formats.table import Table
from surefoot.history.names import Name, listed
from surefoot.history.rules import is_bookkeeping, score

ROLES = ("step", "epoch", "loss", "val_loss", "lr", "grad_norm", "tokens", "loss_scale", "skipped")
# Detectors of objects log parts that are summed; elsewhere a part is a loss of its own.
_PARTS = frozenset({"box", "obj", "cls", "dfl", "seg", "kobj", "pose", "giou", "rle", "angle"})
_FEW = 10


@dataclass(frozen=True)
class Roles:
    """``taken`` gives each column the fields that are summed for it; ``ignored`` are the fields left out."""

    taken: Mapping[str, tuple[str, ...]]
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())


def assign(table: Table, given: Mapping[str, str] | None = None) -> Roles:
    """Return the roles of a table's fields; ``given`` says some of them by hand.

    Names are judged by the rules of ``surefoot.history.rules``; of equals, the field with more values is taken, and
    what was not taken keeps its own name, cleaned. ArgumentError if ``given`` names a field that is not there.
    """
    taken: dict[str, tuple[str, ...]] = {
        column: (_found(name, table, column),) for column, name in (given or {}).items()
    }
    used = {name for fields in taken.values() for name in fields}
    there = {name: _said(table, name) for name in table.columns}
    names = [Name.of(name) for name, said in there.items() if said.any() and name not in used]
    notes: list[str] = []
    for role in ROLES:
        if role not in taken:
            fields = _chosen(role, [name for name in names if name.raw not in used], table, there, notes)
            taken |= {role: fields} if fields else {}
            used |= set(fields)
    rest = [name for name in names if name.raw not in used]
    extras, left = _extras(rest, taken)
    empty = tuple(name for name, said in there.items() if not said.any() and name not in used)
    return Roles(taken | extras, (*left, *table.ignored, *empty), tuple(notes))


def _found(given: str, table: Table, column: str) -> str:
    if given in table.columns:
        return given
    alike = [name for name in table.columns if Name.of(name).clean == Name.of(str(given)).clean]
    if len(alike) == 1:
        return alike[0]
    raise ArgumentError(f"map={{{column!r}: {given!r}}} names no field of this log: it has {listed(table.columns)}.")


def _said(table: Table, name: str) -> Mask:
    values = table.columns[name]
    return ~table.blank[name] if name in table.blank else np.ones(len(values), dtype=bool)


def _chosen(
    role: str, names: Sequence[Name], table: Table, there: Mapping[str, Mask], notes: list[str]
) -> tuple[str, ...]:
    ranked = _ranked(role, names)
    if not ranked and role == "val_loss":
        ranked = _ranked("test_loss", names)
        if ranked:
            notes.append(
                f"{listed([ranked[0][1].raw])} stands for the validation loss: the log has no other held-out loss."
            )
    if role == "step":
        ranked = [(points, name) for points, name in ranked if _counts(table.columns[name.raw])]
    if not ranked:
        return ()
    if role == "lr":
        return (_rate([name for points, name in ranked if points == ranked[0][0]], table, notes),)
    if role == "grad_norm" and _is_zero(table, ranked[0][1].raw, there):
        notes.append(f"{listed([ranked[0][1].raw])} is 0 in every row, so it was not recorded, and is left out.")
        return ()
    return _loss(ranked, there, notes) if role in {"loss", "val_loss"} else (_fullest(ranked, there),)


def _ranked(role: str, names: Sequence[Name]) -> list[tuple[int, Name]]:
    found = [(score(name, role), name) for name in names]
    return sorted(((points, name) for points, name in found if points), key=lambda pair: -pair[0])


def _counts(values: Column) -> bool:
    finite = values[np.isfinite(values)]
    whole = finite.size > 0 and finite.min() >= 0 and bool(np.all(finite == np.floor(finite)))
    return whole and (finite.size == 1 or finite.min() < finite.max())


def _fullest(ranked: Sequence[tuple[int, Name]], there: Mapping[str, Mask]) -> str:
    """Return the best of names, unless the next best has ten times as many values."""
    best = ranked[0][1].raw
    for _, name in ranked[1:]:
        if np.count_nonzero(there[name.raw]) > _FEW * np.count_nonzero(there[best]):
            best = name.raw
    return best


def _loss(ranked: Sequence[tuple[int, Name]], there: Mapping[str, Mask], notes: list[str]) -> tuple[str, ...]:
    points, first = ranked[0]
    twins = [name for at, name in ranked if at in {94, 93} or at + 1 in {94, 93}] if points in {94, 93, 92} else []
    if twins:
        return (max(twins, key=lambda name: int(np.count_nonzero(there[name.raw]))).raw,)
    equals = [name for at, name in ranked if at == points]
    parts = [name.raw for name in equals if _PARTS & set(name.rest.split("_"))]
    if points <= 50 and len(parts) > 1:
        notes.append(f"The {first.domain or 'training'} loss is the sum of {listed(parts)}.")
        return tuple(parts)
    best = _fullest(ranked, there)
    if points <= 50 and len(equals) > 1:
        others = listed(name.raw for name in equals if name.raw != best)
        part = first.domain or "training"
        notes.append(f"{listed([best])} was taken as {part} loss, not one of {others}: name another with map.")
    return (best,)


def _rate(names: Sequence[Name], table: Table, notes: list[str]) -> str:
    if len(names) == 1:
        return names[0].raw
    columns = {name.raw: _finite(table.columns[name.raw]) for name in names}
    full = {name: values for name, values in columns.items() if values.size} or columns
    rising = [name for name, values in full.items() if values.size and values[0] < 0.5 * values.max()]
    # Of YOLO's groups the biases start high and fall while the others warm up: theirs is not the rate of the run.
    eligible = [name for name, values in full.items() if not rising or values.size < 2 or values[0] < values.max()]
    best = max(eligible or list(full), key=lambda name: float(full[name].max()) if full[name].size else 0.0)
    notes.append(f"The rate is that of {listed([best])}, the largest of {len(names)} groups.")
    return best


def _finite(values: Column) -> Column:
    return values[np.isfinite(values)]


def _is_zero(table: Table, name: str, there: Mapping[str, Mask]) -> bool:
    said = table.columns[name][there[name]]
    return said.size > 1 and not np.any(said)


def _extras(
    names: Sequence[Name], taken: Mapping[str, tuple[str, ...]]
) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    extras: dict[str, tuple[str, ...]] = {}
    left = []
    for name in names:
        clean = name.clean
        if not clean or is_bookkeeping(name) or clean in taken or clean in extras or clean in ROLES:
            left.append(name.raw)
        else:
            extras[clean] = (name.raw,)
    return extras, left
