"""The coordinate check: whether activations, and what updates change in them, keep their size as the width grows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from surefoot.chart import Chart
from surefoot.errors import ArgumentError, TaskError
from surefoot.schedule.phase import number
from surefoot.svg import svg
from surefoot.torch.mup_chart import coordinate_chart
from surefoot.torch.mup_growth import whole


@dataclass(frozen=True, slots=True)
class Coordinate:
    """Of one layer's output at one width after ``step`` updates: its mean size, and that of its change since 0."""

    layer: str
    width: int
    step: int
    activation: float
    change: float


@dataclass(frozen=True, slots=True)
class Slope:
    """How a layer grows with the width after the last update: exponents of its size and of its change (NaN: zero)."""

    layer: str
    activation: float
    change: float
    fault: str


@dataclass(frozen=True, slots=True)
class Coordinates:
    """What a coordinate check measured: rows of sizes, and by layer the exponents of the width that they follow."""

    rows: tuple[Coordinate, ...]
    slopes: tuple[Slope, ...]
    tolerance: float

    @property
    def flat(self) -> bool:
        """Whether no layer's activation grows with the width, and no layer's change grows or dies out."""
        return not any(slope.fault for slope in self.slopes)

    @property
    def verdict(self) -> str:
        """The answer in one sentence: flat, or the worst layer and what it does."""
        if self.flat:
            return f"Flat: every layer's change keeps its size over the widths, within width^{self.tolerance:g}."
        worst = max((s for s in self.slopes if s.fault), key=_growth)
        return f"Not flat: {worst.layer} {worst.fault}."

    def describe(self) -> str:
        """Return a table of the exponents, one line a layer, and the verdict."""
        head = ("layer", "activation", "change", "")
        rows = [(s.layer, f"{s.activation:+.2f}", f"{s.change:+.2f}", s.fault) for s in self.slopes]
        widths = [max(len(row[k]) for row in (head, *rows)) for k in range(4)]
        lines = [
            "  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip()
            for row in (head, *rows)
        ]
        return "\n".join((*lines, self.verdict))

    def __str__(self) -> str:
        """Return the table."""
        return self.describe()

    def _repr_html_(self) -> str:
        return svg(self.chart())

    def chart(self, *, quantity: str = "change") -> Chart:
        """Return the chart of ``quantity`` (``change`` or ``activation``) after the last update, a line a layer."""
        return coordinate_chart(self, quantity)


class _Setup(NamedTuple):
    """What stays the same over widths and seeds."""

    make_model: Callable[[int], nn.Module]
    batch: tuple[Any, Any]
    loss_fn: Callable[[Any, Any], Tensor]
    optimizer_factory: Callable[[nn.Module], Optimizer]


def coordinate_check(
    make_model: Callable[[int], nn.Module],
    widths: Sequence[int],
    batch: tuple[Any, Any],
    loss_fn: Callable[[Any, Any], Tensor],
    optimizer_factory: Callable[[nn.Module], Optimizer],
    *,
    steps: int = 4,
    seeds: int = 3,
    tolerance: float = 0.25,
) -> Coordinates:
    """Return how the outputs of each layer, and their changes by ``steps`` updates, grow with the width.

    ``make_model(width)`` is trained on one ``batch`` (inputs, target) by ``loss_fn(model(inputs), target)`` with
    ``optimizer_factory(model)`` at each of ``widths`` (at least two, a factor 4 or more apart to tell), under ``seeds``
    seeds. The size of a layer is ``mean |h|`` over its output, its change ``mean |h_t - h_0|``; layers are modules
    without children that give one tensor. ``log size = a + slope * log width`` is fitted after the last update: in muP
    the changes have slope 0, and activations at most that (a readout may begin smaller). A layer fails where either
    slope is above ``tolerance``, or the change's is below minus that: it grows without bound, or stops learning. The
    caller's random generators are put back. Raises ArgumentError for bad numbers, TaskError for a loss that is not
    finite.

    >>> make = lambda width: nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 1, bias=False))
    >>> batch = (torch.eye(4), torch.ones(4, 1))
    >>> adam = lambda model: torch.optim.Adam(model.parameters(), 0.001)
    >>> found = coordinate_check(make, (64, 256, 1024), batch, nn.functional.mse_loss, adam)
    >>> found.flat, [round(slope.change) for slope in found.slopes]
    (False, [0, 0, 1])

    Source: Tensor Programs V, arXiv 2203.03466 (2022), appendix D.1; the tolerance is this project's own.
    """
    sizes = _widths(widths)
    last, count = whole(steps, "steps"), whole(seeds, "seeds")
    if not 0.0 < number(tolerance, "tolerance") < math.inf:
        raise ArgumentError(f"tolerance={tolerance!r} must be > 0: an exponent of the width.")
    setup = _Setup(make_model, batch, loss_fn, optimizer_factory)
    runs = {width: [_trained(setup, width, last, seed) for seed in range(count)] for width in sizes}
    every = [run for many in runs.values() for run in many]
    layers = [layer for layer in every[0] if all(len(run.get(layer, ())) > last for run in every)]
    if not layers:
        raise ArgumentError("make_model gives models that share no layer with one tensor as its output.")
    rows = tuple(
        Coordinate(layer, width, step, *np.mean([run[layer][step] for run in runs[width]], axis=0).tolist())
        for layer in layers
        for width in sizes
        for step in range(last + 1)
    )
    return Coordinates(rows, tuple(_slope(rows, layer, last, tolerance) for layer in layers), tolerance)


def _widths(widths: Sequence[int]) -> tuple[int, ...]:
    sizes = tuple(sorted({whole(width, "widths") for width in widths}))
    if len(sizes) < 2:
        raise ArgumentError(f"widths={widths!r} must hold at least two different widths.")
    return sizes


def _trained(setup: _Setup, width: int, steps: int, seed: int) -> dict[str, list[tuple[float, float]]]:
    """Return (size, change) of each layer after 0, 1, ... ``steps`` updates."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = setup.make_model(width)
        optimizer = setup.optimizer_factory(model)
        outputs: dict[str, Tensor] = {}
        for name, module in model.named_modules():
            if name and not any(module.children()):
                module.register_forward_hook(_keeper(outputs, name))
        sizes: dict[str, list[tuple[float, float]]] = {}
        first: dict[str, Tensor] = {}
        for step in range(steps + 1):
            outputs.clear()
            loss = setup.loss_fn(model(setup.batch[0]), setup.batch[1])
            if not math.isfinite(loss.item()):
                raise TaskError(f"the loss is {loss.item()} after {step} updates at width {width}: lower the rate.")
            first = first or dict(outputs)
            for name in (name for name in first if name in outputs):
                h = outputs[name]
                sizes.setdefault(name, []).append((_mean(h), _mean(h - first[name])))
            if step < steps:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    return sizes


def _keeper(outputs: dict[str, Tensor], name: str) -> Callable[[nn.Module, Any, Any], None]:
    def keep(module: nn.Module, inputs: Any, output: Any) -> None:  # noqa: ARG001  torch calls it with these
        # Of a module that is called several times the first call counts.
        if isinstance(output, Tensor) and output.is_floating_point() and name not in outputs:
            outputs[name] = output.detach().clone()

    return keep


def _mean(h: Tensor) -> float:
    return h.double().abs().mean().item()


def _slope(rows: Sequence[Coordinate], layer: str, last: int, tolerance: float) -> Slope:
    mine = [row for row in rows if row.layer == layer and row.step == last]
    sizes, changes = [row.activation for row in mine], [row.change for row in mine]
    widths = [row.width for row in mine]
    activation, change = _exponent(widths, sizes), _exponent(widths, changes)
    fault = ""
    if change > tolerance:
        fault = f"grows as width^{change:.2f} in its change"
    elif activation > tolerance:
        fault = f"grows as width^{activation:.2f}"
    elif change < -tolerance:
        fault = f"stops learning: its change falls as width^{change:.2f}"
    return Slope(layer, activation, change, fault)


def _exponent(widths: Sequence[int], sizes: Sequence[float]) -> float:
    if min(sizes) <= 0.0:
        return math.nan
    return float(np.polynomial.polynomial.polyfit(np.log(widths), np.log(sizes), 1)[1])


def _growth(slope: Slope) -> float:
    """Return the larger exponent: of several faults, growth comes first, since it is what ends a run."""
    return max((v for v in (slope.activation, slope.change) if math.isfinite(v)), default=0.0)
