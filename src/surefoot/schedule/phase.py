"""Phase: the one atom of a schedule, a stretch of updates along a shape."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.errors import ArgumentError
from surefoot.schedule.lengths import Length, LengthLike, parse
from surefoot.schedule.shapes import SHAPES, Shape
from surefoot.schedule.spelling import spelled
from surefoot.schedule.window import Window, check, cut, index, sped

Parameter = float | int | str | tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of ``length`` updates whose factor goes from ``start`` to ``stop`` along ``shape``.

    ``start`` and ``stop`` are factors of the peak in [0, 1]; ``length`` None means open (never ends). ``gain``
    multiplies the shape's value; ``window`` makes the phase a piece of a longer one (``part``, ``sped``), exactly.
    """

    length: LengthLike | None
    start: float = 1.0
    stop: float = 1.0
    shape: str = "linear"
    parameters: tuple[tuple[str, Parameter], ...] = ()
    gain: float = 1.0
    window: Window | None = None
    _given: dict[str, Any] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("start", "stop", "gain"):
            object.__setattr__(self, name, _factor(getattr(self, name), name))
        if self.length is not None and not isinstance(self.length, (str, Length)):
            object.__setattr__(self, "length", parse(self.length))
        object.__setattr__(self, "parameters", tuple(sorted((k, _frozen(v)) for k, v in self.parameters)))
        _check_shape(self)
        if self.window is not None:
            object.__setattr__(self, "window", check(self.window, self.length))
        object.__setattr__(self, "_given", {name: _ready(value) for name, value in self.parameters})

    def at(self, i: float | NDArray[np.float64]) -> Any:
        """Return the factor at index ``i`` of the phase (0 <= i <= length)."""
        # This runs at every update: no property call where the length is in steps already.
        n = self.length if type(self.length) is int else self.steps
        if self.window is not None:
            i, n = index(self.window, i), self.window[3]
        found = SHAPES[self.shape].factor(i, n, self.start, self.stop, **self._given)
        return found if self.gain == 1.0 else self.gain * found

    def part(self, first: int, last: int | None) -> Phase:
        """Return the updates ``first`` to ``last`` - 1 of this phase as a phase of their own, with the same values.

        The phase's length must be in steps; ``last`` None keeps an open phase open. Raises ArgumentError if the
        piece does not lie inside the phase.

        >>> ramp(1, 0, 4).part(1, 3)
        ramp(1.0, 0.0, 4).part(1, 3)
        >>> float(ramp(1, 0, 4).part(1, 3).at(0.0))
        0.75
        """
        n, first = self.steps, operator.index(first)
        end = n if last is None else operator.index(last)
        if not (first >= 0 and (end is None or first <= end) and (n is None or (end is not None and end <= n))):
            raise ArgumentError(f"part({first}, {last}) does not lie inside the phase: it has {n} updates.")
        length = None if end is None else end - first
        if (first, length) == (0, n):
            return self
        if self.shape == "constant":
            return replace(self, length=length)
        return replace(self, length=length, window=cut(self.window, first, n))

    def sped(self, length: int) -> Phase:
        """Return the phase run through in ``length`` updates: the same factor at the same fraction (``length`` > 0).

        >>> ramp(1, 0, 4, "cosine").sped(8)
        ramp(1.0, 0.0, 8, 'cosine')
        """
        n = self.steps
        if n is None:
            raise ArgumentError("an open phase has no fractions to keep: give it a length first.")
        if self.window is None and _by_fraction(self):
            return replace(self, length=length)
        return self if length == n else replace(self, length=length, window=sped(self.window, n, length))

    def times(self, k: float) -> Phase:
        """Return the phase with every factor times ``k`` in [0, 1].

        >>> ramp(1, 0, 4, "cosine").times(0.5)
        ramp(0.5, 0.0, 4, 'cosine')
        """
        if k == 1.0:
            return self
        if k == 0.0:
            return hold(self.length, 0.0)
        if self.gain == 1.0 and _by_ends(self):
            return replace(self, start=self.start * k, stop=self.stop * k)
        return replace(self, gain=self.gain * k)

    def plain(self) -> Phase:
        """Return the phase without its window where that is the whole phase anyway."""
        if self.window is None:
            return self
        a, b, d, of = self.window
        bare = replace(self, window=None) if self.length else self
        whole = a == 0 and of is not None and b * (self.steps or 0) == d * of
        return bare if whole and (b == d or _by_fraction(bare)) else self

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
        return self.gain * self.start if self.steps is None else float(self.at(float(self.steps)))

    def __repr__(self) -> str:
        return spelled(self)


def ramp(start: float, stop: float, length: LengthLike | None, shape: str = "linear", **parameters: Parameter) -> Phase:
    """Return a phase from ``start`` to ``stop`` (factors of the peak) over ``length`` along ``shape``.

    >>> [round(float(ramp(1, 0, 4, "cosine").at(float(i))), 4) for i in range(4)]
    [1.0, 0.8536, 0.5, 0.1464]
    """
    return Phase(length, start, stop, shape, tuple(parameters.items()))


def hold(length: LengthLike | None, at: float = 1.0) -> Phase:
    """Return a phase that stays ``at`` a factor of the peak for ``length``; None holds for ever.

    >>> hold(100)
    hold(100)
    """
    return Phase(length, at, at, "constant")


def _by_fraction(phase: Phase) -> bool:
    """Whether the shape depends on i/n alone: multiplying both by a power of 2 is exact, so the bits tell."""
    i, n = _probes(phase), phase.steps or 0
    once, *others = (replace(phase, length=k * n).at(k * i) for k in (1, 2, 1 << 20))
    return all(np.array_equal(once, other) for other in others)


def _by_ends(phase: Phase) -> bool:
    """Whether halving start and stop halves every value, exactly: then a gain can go into them."""
    half = replace(phase, start=phase.start / 2, stop=phase.stop / 2)
    i = _probes(phase)
    return np.array_equal(phase.at(i), 2 * half.at(i))


def _probes(phase: Phase) -> NDArray[np.float64]:
    return np.linspace(0.0, phase.steps or 4096, 65)


def _check_shape(phase: Phase) -> None:
    shape = SHAPES.get(phase.shape) if isinstance(phase.shape, str) else None
    if shape is None:
        hint = ' ("sqrt" has two meanings: write "1-sqrt" or "root")' if phase.shape == "sqrt" else ""
        raise ArgumentError(f"shape={phase.shape!r} is unknown{hint}: use one of {', '.join(sorted(SHAPES))}.")
    names = tuple(name for name, _ in phase.parameters)
    unknown = set(names) - set(shape.parameters)
    if unknown:
        raise ArgumentError(f"shape={phase.shape!r} takes parameters {shape.parameters}, not {sorted(unknown)}.")
    missing = set(shape.required) - set(names)
    if missing:
        raise ArgumentError(f"shape={phase.shape!r} needs the parameters {sorted(missing)}.")
    shape.check(phase.start, phase.stop, **dict(phase.parameters))
    if phase.length is not None:
        parse(phase.length)
    elif not shape.open:
        raise ArgumentError(f"shape={phase.shape!r} needs a length; open phases take {_open_shapes()}.")


def _open_shapes() -> str:
    return ", ".join(sorted(name for name, shape in SHAPES.items() if shape.open))


def _frozen(value: Any) -> Any:
    if isinstance(value, (np.generic, np.ndarray)):
        # NumPy's own scalars are no JSON, and their repr is no Python without an import.
        value = value.tolist()
    return tuple(_frozen(item) for item in value) if isinstance(value, (list, tuple)) else value


def _ready(value: Any) -> Any:
    """Return a table's column as an array, made once: a rate is asked for at every update."""
    return np.array(value, dtype=np.float64) if isinstance(value, tuple) else value


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
    """Return ``value`` as a finite float, or raise ArgumentError (for text too, even where it spells a number)."""
    if isinstance(value, (str, bytes, bytearray)):
        raise ArgumentError(f"{name}={value!r} must be a number, not text.")
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise ArgumentError(f"{name}={value!r} must be a number.") from None
    except OverflowError:
        raise ArgumentError(f"{name} must be finite: this int is too large for a float.") from None
    if isinstance(value, (bool, np.bool_)):
        raise ArgumentError(f"{name}={value!r} is a bool: it must be a number.")
    if not math.isfinite(found):
        raise ArgumentError(f"{name}={value!r} must be finite.")
    return found
