"""Phase: the one atom of a schedule, a stretch of updates along a shape."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.errors import ArgumentError
from surefoot.schedule.lengths import LengthLike, parse
from surefoot.schedule.shapes import SHAPES, Shape

Parameter = float | int | str | tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of ``length`` updates whose factor goes from ``start`` to ``stop`` along ``shape``.

    ``start`` and ``stop`` are factors of the peak in [0, 1]; ``length`` None means open (never ends).
    """

    length: LengthLike | None
    start: float = 1.0
    stop: float = 1.0
    shape: str = "linear"
    parameters: tuple[tuple[str, Parameter], ...] = ()

    def __post_init__(self) -> None:
        for name in ("start", "stop"):
            object.__setattr__(self, name, _factor(getattr(self, name), name))
        object.__setattr__(self, "parameters", tuple(sorted((k, _frozen(v)) for k, v in self.parameters)))
        _check_shape(self)

    def at(self, i: float | NDArray[np.float64]) -> Any:
        """Return the factor at index ``i`` of the phase (0 <= i <= length)."""
        return self.formula.factor(i, self.steps, self.start, self.stop, **dict(self.parameters))

    @property
    def formula(self) -> Shape:
        """The shape's entry in ``SHAPES``."""
        return SHAPES[self.shape]

    @property
    def steps(self) -> int | None:
        """The length in updates, once a Schedule has resolved it; None for an open phase."""
        if self.length is None or isinstance(self.length, int):
            return self.length
        raise ArgumentError(
            f"length={self.length!r} is not in steps yet: a Schedule with total= or clock= resolves it."
        )

    @property
    def end(self) -> float:
        """The factor that is held when nothing follows the phase."""
        return self.start if self.steps is None else float(self.at(float(self.steps)))

    def __repr__(self) -> str:
        if self.shape == "constant":
            at = "" if self.start == 1.0 else f", {self.start!r}"
            return f"hold({self.length!r}{at})"
        extra = "".join(f", {k}={v!r}" for k, v in self.parameters)
        shape = "" if self.shape == "linear" else f", {self.shape!r}"
        return f"ramp({self.start!r}, {self.stop!r}, {self.length!r}{shape}{extra})"


def ramp(start: float, stop: float, length: LengthLike | None, shape: str = "linear", **parameters: Parameter) -> Phase:
    """Return a phase from ``start`` to ``stop`` (factors of the peak) over ``length`` along ``shape``.

    >>> [float(ramp(1, 0, 4, "cosine").at(i).round(4)) for i in range(4)]
    [1.0, 0.8536, 0.5, 0.1464]
    """
    return Phase(length, start, stop, shape, tuple(parameters.items()))


def hold(length: LengthLike | None, at: float = 1.0) -> Phase:
    """Return a phase that stays ``at`` a factor of the peak for ``length``; None holds for ever.

    >>> hold(100)
    hold(100)
    """
    return Phase(length, at, at, "constant")


def _check_shape(phase: Phase) -> None:
    shape = SHAPES.get(phase.shape)
    if shape is None:
        hint = ' ("sqrt" has two meanings: write "1-sqrt" or "root")' if phase.shape == "sqrt" else ""
        raise ArgumentError(f"shape={phase.shape!r} is unknown{hint}: use one of {', '.join(sorted(SHAPES))}.")
    names = tuple(name for name, _ in phase.parameters)
    unknown = set(names) - set(shape.parameters)
    if unknown:
        raise ArgumentError(f"shape={phase.shape!r} takes parameters {shape.parameters}, not {sorted(unknown)}.")
    if phase.length is not None:
        parse(phase.length)
    elif not shape.open:
        raise ArgumentError(f"shape={phase.shape!r} needs a length; open phases take {_open_shapes()}.")


def _open_shapes() -> str:
    return ", ".join(sorted(name for name, shape in SHAPES.items() if shape.open))


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, (list, tuple)) else value


def _factor(value: Any, name: str) -> float:
    found = number(value, name)
    if not 0.0 <= found <= 1.0:
        raise ArgumentError(f"{name}={value!r} is a factor of the peak and must lie in [0, 1]: raise the peak instead.")
    return found


def rate(value: Any, name: str) -> float:
    """Return ``value`` as a rate (a finite float >= 0), or raise ArgumentError."""
    found = number(value, name)
    if found < 0:
        raise ArgumentError(f"{name}={value!r} must be a rate >= 0.")
    return found


def number(value: Any, name: str) -> float:
    """Return ``value`` as a finite float, or raise ArgumentError."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise ArgumentError(f"{name}={value!r} must be a number.") from None
    if not math.isfinite(found):
        raise ArgumentError(f"{name}={value!r} must be finite.")
    return found
