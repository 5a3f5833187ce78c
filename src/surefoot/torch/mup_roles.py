"""Roles of muP: what each parameter of a model is to its width, and the factors that follow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple, get_args

from torch import nn

from surefoot.errors import ArgumentError
from surefoot.laws.mup import Role, RoleFactors, mup_factors
from surefoot.laws.names import family
from surefoot.torch.mup_growth import Growth, ends, owned
from surefoot.torch.parameters import trainable

ModelRole = Role | Literal["fixed"]
MODEL_ROLES: tuple[str, ...] = (*get_args(Role), "fixed")
_SAME = RoleFactors(1.0, 1.0, 1.0, 1.0)
_HEAD = ("parameter", "shape", "role", "m", "lr", "weight decay", "init", "eps")
_NOTE = (
    "Attention logits must be q.k/d times a constant, not q.k/sqrt(d), where heads grow wider: no group can do that."
)


class _Place(NamedTuple):
    """Where a parameter is used: its name there, the module that holds it, its shape, and how it grows."""

    name: str
    module: nn.Module
    shape: tuple[int, ...]
    ratios: Growth


@dataclass(frozen=True, slots=True)
class TensorRole:
    """The role of one parameter: its ``name``, its ``shape``, how many times wider it is (``m``), and its factors."""

    name: str
    shape: tuple[int, ...]
    role: ModelRole
    m: float
    factors: RoleFactors


@dataclass(frozen=True, slots=True)
class MupRoles:
    """Who got which role and factor: one ``TensorRole`` a trainable parameter; prints as a table."""

    tensors: tuple[TensorRole, ...]

    def __getitem__(self, name: str) -> TensorRole:
        """Return the role of the parameter ``name``; raise KeyError for one there is not."""
        return {tensor.name: tensor for tensor in self.tensors}[name]

    def describe(self) -> str:
        """Return the table, one line a parameter, and below it what no factor can do."""
        rows = [_HEAD, *(_cells(tensor) for tensor in self.tensors)]
        widths = [max(len(row[k]) for row in rows) for k in range(len(_HEAD))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join((*lines, _NOTE))

    def __str__(self) -> str:
        """Return the table."""
        return self.describe()


def _cells(tensor: TensorRole) -> tuple[str, ...]:
    shape = " x ".join(map(str, tensor.shape)) or "scalar"
    one = tensor.factors
    numbers = (f"{value:.4g}" for value in (tensor.m, one.lr, one.weight_decay, one.init_std, one.eps))
    return (tensor.name, shape, tensor.role, *numbers)


def assigned(
    model: nn.Module,
    growth: Mapping[str, Growth],
    optimizer: str,
    *,
    output_multiplier: bool = False,
    roles: Mapping[str, str] | None = None,
) -> MupRoles:
    """Return the role of each trainable parameter of ``model``, whose dimensions grow as ``growth`` says.

    ``roles`` (a name, or the beginning of names up to a dot, to a role) overrides what shapes say. Raises
    ArgumentError for a role or a name that is none, for a parameter of which three dimensions grow, and for tied
    parameters whose roles ask for different factors.
    """
    given = roles or {}
    _check(given, [name for name, _, _ in owned(model)])
    most = max((ratio for ratios in growth.values() for ratio in ratios.values()), default=1.0)
    places: dict[int, list[_Place]] = {}
    for name, module, parameter in owned(model):
        place = _Place(name, module, tuple(parameter.shape), growth[name])
        places.setdefault(id(parameter), []).append(place)
    law = partial(mup_factors, optimizer=optimizer, output_multiplier=output_multiplier)
    sgd = family(optimizer) == "sgd"
    return MupRoles(
        tuple(
            _agreed([_tensor(place, _named(place.name, given), most, law, sgd=sgd) for place in places[id(parameter)]])
            for _, parameter in trainable(model)
        )
    )


def _tensor(
    place: _Place, given: ModelRole | None, most: float, law: Callable[[Role, float], RoleFactors], *, sgd: bool
) -> TensorRole:
    name, module, shape, ratios = place
    role = role_of(name, module, len(shape), ratios) if given is None else given
    if role == "fixed":
        return TensorRole(name, shape, role, 1.0, _SAME)
    entry, leaving = ends(module, len(shape))
    m = ratios.get(entry, max(ratios.values(), default=most))
    factors = law(role, m)
    if role == "hidden" and sgd:
        # SGD's hidden rate is 1 only where input and output grow alike: microsoft/mup takes their ratio.
        lr = ratios.get(leaving, m) / m
        factors = factors._replace(lr=lr, weight_decay=1.0 / lr)
    return TensorRole(name, shape, role, m, factors)


def role_of(name: str, module: nn.Module, dimensions: int, ratios: Growth) -> ModelRole:
    """Return the role of a parameter of ``module`` by the dimensions of it that grow.

    None: fixed; two: hidden; one: vector where it is the only dimension, readout where it is the input, embedding
    where it is the output. Raises ArgumentError where more grow, or where an embedding's number of entries does.

    >>> role_of("head.weight", nn.Linear(8, 3), 2, {1: 2.0})
    'readout'
    """
    if len(ratios) > 2:
        raise ArgumentError(
            f"{name!r} grows in {len(ratios)} dimensions, for which muP has no role: name it in roles=."
        )
    if isinstance(module, nn.Embedding) and 0 in ratios:
        raise ArgumentError(f"{name!r} has another number of entries in base: only the width may differ.")
    if len(ratios) == 2:
        return "hidden"
    if not ratios:
        return "fixed"
    if dimensions == 1:
        return "vector"
    return "readout" if ends(module, dimensions)[0] in ratios else "embedding"


def _named(name: str, given: Mapping[str, str]) -> ModelRole | None:
    hits = [prefix for prefix in given if name == prefix or name.startswith(f"{prefix}.")]
    return given[max(hits, key=len)] if hits else None  # type: ignore[return-value]  # checked by _check


def _check(given: Mapping[str, str], names: Iterable[str]) -> None:
    known = tuple(names)
    for prefix, role in given.items():
        if role not in MODEL_ROLES:
            raise ArgumentError(f"roles[{prefix!r}]={role!r} must be one of {', '.join(MODEL_ROLES)}.")
        if not any(name == prefix or name.startswith(f"{prefix}.") for name in known):
            raise ArgumentError(f"roles has {prefix!r}, which names no parameter of the model.")


def _agreed(several: list[TensorRole]) -> TensorRole:
    first = several[0]
    for other in several[1:]:
        if other.factors != first.factors:
            raise ArgumentError(
                f"{first.name!r} ({first.role}) and {other.name!r} ({other.role}) are tied, and muP gives them "
                "different factors: untie them, or multiply the logits by 1/m in the model and say "
                "output_multiplier=True."
            )
    return first
