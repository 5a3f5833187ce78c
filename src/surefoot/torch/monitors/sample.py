"""Sample: what is measured in one update that was sampled, as tensors that nobody has read yet."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

import torch

from surefoot.torch.monitors import measures
from surefoot.torch.monitors.choice import Choice
from surefoot.torch.monitors.moments import effective_rates, rms_t

Columns = dict[str, torch.Tensor]
Rows = dict[torch.Tensor, Columns]
Tensors = list[torch.Tensor]
Put = Callable[[str, Mapping[torch.Tensor, torch.Tensor]], None]
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Layer:
    """One row of the table by layer: the ``name`` of a parameter (or attention module) and its ``values`` by name."""

    name: str
    values: Mapping[str, float]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", MappingProxyType(dict(self.values)))


@dataclass(frozen=True)
class Sample:
    """One sampled update: its ``step``, a tensor of one number by column, and the same by layer."""

    step: int = -1
    columns: Columns = field(default_factory=dict)
    layers: dict[str, Columns] = field(default_factory=dict)

    def numbers(self) -> dict[str, float]:
        """Return the columns as floats, read in one transfer; those of an update that a scaler skipped left out."""
        values = read(self.columns)
        if values.pop("skipped", 0.0):
            return {name: value for name, value in values.items() if name not in {"update_ratio", "update_rms"}}
        return values

    def table(self) -> tuple[Layer, ...]:
        """Return the rows by layer, read in one transfer."""
        flat = read({(name, key): value for name, row in self.layers.items() for key, value in row.items()})
        rows: dict[str, dict[str, float]] = {name: {} for name in self.layers}
        for (name, key), value in flat.items():
            rows[name][key] = value
        return tuple(Layer(name, row) for name, row in rows.items())


def read(columns: Mapping[K, torch.Tensor]) -> dict[K, float]:
    """Return tensors of one number as floats: one wait for the device, whatever their number."""
    if not columns:
        return {}
    return dict(zip(columns, measures.gathered(list(columns.values())).tolist(), strict=True))


def taken(
    choice: Choice, optimizer: torch.optim.Optimizer, parameters: Tensors, before: Tensors
) -> tuple[Columns, Rows]:
    """Return the columns of the update that ``optimizer`` just made, and the same by parameter.

    ``before`` holds the ``parameters`` from before it (empty where nothing that was chosen needs them).
    """
    columns: Columns = {}
    rows: Rows = {parameter: {} for parameter in parameters}

    def put(name: str, values: Mapping[torch.Tensor, torch.Tensor]) -> None:
        for parameter, value in values.items():
            rows[parameter][name] = value

    if "grad_norm" in choice:
        graded = [p for p in parameters if p.grad is not None]
        parts = measures.norms(measures.gradients(graded))
        columns["grad_norm"] = measures.total(parts)
        put("grad_norm", dict(zip(graded, parts, strict=True)))
    if "weight_norm" in choice:
        parts = measures.norms(p.detach() for p in parameters)
        columns["weight_norm"] = measures.total(parts)
        put("weight_norm", dict(zip(parameters, parts, strict=True)))
    if choice.copies and before:
        _moved(choice, parameters, before, columns, put)
    if "rms_t" in choice and (found := rms_t(optimizer)):
        columns["rms_t"] = measures.gathered(list(found.values())).amax()
        put("rms_t", found)
    if "effective_lr" in choice and (found := effective_rates(optimizer)):
        low, middle, high = (dict(zip(found, column, strict=True)) for column in zip(*found.values(), strict=True))
        columns["effective_lr"] = measures.typical(list(middle.values()), list(middle))
        for name, values in (("effective_lr", middle), ("effective_lr_5", low), ("effective_lr_95", high)):
            put(name, values)
    return columns, rows


def _moved(choice: Choice, parameters: Tensors, before: Tensors, columns: Columns, put: Put) -> None:
    updates = measures.update(parameters, before)
    if "update_ratio" in choice:
        ratios = measures.update_ratios(updates, before)
        columns["update_ratio"] = measures.typical(ratios, parameters)
        put("update_ratio", dict(zip(parameters, ratios, strict=True)))
    if "update_rms" in choice:
        columns["update_rms"] = measures.update_rms(updates)
        put("update_rms", {p: measures.update_rms([one]) for p, one in zip(parameters, updates, strict=True)})
