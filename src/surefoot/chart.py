"""Chart: what is to be drawn, as data; renderers (SVG, terminal, matplotlib) only draw it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from surefoot.errors import ArgumentError

Kind = Literal["line", "points", "band", "steps"]
Marker = Literal["dot", "ring", "cross"]
Tone = Literal["ink", "soft", "main", "second", "good", "bad"]
MarkKind = Literal["line", "region", "label"]
_MANTISSAS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: its ``label``, its range ``low`` < ``high`` in data units, and whether it is logarithmic.

    Raises ArgumentError for an empty range, or a log axis that reaches 0.

    >>> Axis("rate", 1e-4, 1e-2, log=True).at(1e-3)
    0.5
    """

    label: str
    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ArgumentError(f"axis {self.label!r}: low={self.low!r} must be below high={self.high!r}, both finite.")
        if self.log and self.low <= 0:
            raise ArgumentError(f"axis {self.label!r}: low={self.low!r} must be > 0 on a log axis.")

    def at(self, value: float) -> float:
        """Return where ``value`` lies, 0 at ``low`` and 1 at ``high``; NaN if it has no place on the axis."""
        if not math.isfinite(value) or (self.log and value <= 0):
            return math.nan
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self, about: int = 5) -> tuple[float, ...]:
        """Return about ``about`` round values inside the range."""
        return log_ticks(self.low, self.high, about) if self.log else linear_ticks(self.low, self.high, about)

    def text(self, value: float) -> str:
        """Return ``value`` as this axis writes it: a small quantity as a rate, a large one as a count."""
        return rate_text(value) if self.log or self.high < 1 else count_text(value)


@dataclass(frozen=True, slots=True)
class Series:
    """Values to draw: ``y`` over ``x`` as a line, steps or points, or the band between ``y`` and ``upper``.

    A value that is not finite leaves a gap; ``tone`` is the role of the series, which a renderer turns into a colour.
    """

    kind: Kind
    x: tuple[float, ...]
    y: tuple[float, ...]
    label: str = ""
    tone: Tone = "main"
    upper: tuple[float, ...] = ()
    marker: Marker = "dot"

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y) or (self.kind == "band" and len(self.upper) != len(self.x)):
            raise ArgumentError(f"series {self.label!r}: x, y and a band's upper must have one length.")

    def runs(self) -> tuple[tuple[tuple[float, float], ...], ...]:
        """Return the stretches of finite values: what a renderer joins with lines."""
        done: list[list[tuple[float, float]]] = [[]]
        for point in zip(self.x, self.y, strict=True):
            if math.isfinite(point[0]) and math.isfinite(point[1]):
                done[-1].append(point)
            elif done[-1]:
                done.append([])
        return tuple(tuple(run) for run in done if run)


@dataclass(frozen=True, slots=True)
class Mark:
    """Something to point at: a vertical ``line`` at ``x``, a ``region`` from ``x`` to ``end``, or a bare ``label``."""

    kind: MarkKind
    x: float
    end: float | None = None
    label: str = ""
    tone: Tone = "ink"
    y: float | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture as data: two axes, the series in drawing order, and the marks over them."""

    title: str
    x: Axis
    y: Axis
    series: tuple[Series, ...] = ()
    marks: tuple[Mark, ...] = ()
    description: str = ""


def linear_ticks(low: float, high: float, about: int = 5) -> tuple[float, ...]:
    """Return round values in [low, high], 1, 2, 2.5 or 5 times a power of ten apart, about ``about`` of them.

    >>> linear_ticks(0, 10_000)
    (0.0, 2000.0, 4000.0, 6000.0, 8000.0, 10000.0)
    """
    raw = (high - low) / max(about, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = power * min(_MANTISSAS, key=lambda m: abs(math.log(m * power / raw)))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    # Rounding to the step's own digits keeps 0.30000000000000004 off the axis.
    digits = max(0, 2 - math.floor(math.log10(step)))
    return tuple(round(k * step, digits) for k in range(first, last + 1))


def log_ticks(low: float, high: float, about: int = 5) -> tuple[float, ...]:
    """Return round values in [low, high] for a log axis: powers of ten, with 2 and 5 (or 3) where there is room.

    >>> log_ticks(1e-4, 1e-1)
    (0.0001, 0.001, 0.01, 0.1)
    """
    first, last = math.floor(math.log10(low) - 1e-9), math.ceil(math.log10(high) + 1e-9)
    fits = (low * (1 - 1e-9), high * (1 + 1e-9))
    for mantissas in ((1, 2, 5), (1, 3), (1,)):
        values = _powers(mantissas, range(first, last + 1), fits)
        if 2 <= len(values) <= about + 1:
            return values
    if len(values) < 2:
        return linear_ticks(low, high, min(about, 4))
    return values[:: math.ceil(len(values) / about)]


def _powers(mantissas: Iterable[int], exponents: range, fits: tuple[float, float]) -> tuple[float, ...]:
    # float(text) is the float nearest to the decimal; m * 10.0**k is not always.
    values = (float(f"{m}e{k}") for k in exponents for m in mantissas)
    return tuple(value for value in values if fits[0] <= value <= fits[1])


def spread(values: Iterable[float], *, log: bool = False, margin: float = 0.05) -> tuple[float, float]:
    """Return a range that holds every finite value with ``margin`` of its width on both sides; never an empty one."""
    found = [v for v in values if math.isfinite(v) and (v > 0 or not log)]
    if not found:
        return (0.1, 1.0) if log else (0.0, 1.0)
    low, high = min(found), max(found)
    if log:
        ratio = (high / low) ** margin if high > low else 2.0
        return low / ratio, high * ratio
    pad = (high - low) * margin or abs(high) * 0.5 or 0.5
    return low - pad, high + pad


def rate_text(value: float) -> str:
    """Return a rate as people write it, three digits at most.

    >>> [rate_text(v) for v in (0.0003, 0.00314159, 0.05, 1.0, 0.0)]
    ['3e-4', '3.14e-3', '0.05', '1', '0']
    """
    if value == 0 or not math.isfinite(value) or 0.01 <= abs(value) < 1000:
        return f"{value:.3g}"
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def count_text(value: float) -> str:
    """Return a count in few characters.

    >>> [count_text(v) for v in (0, 800, 12_500, 2_000_000)]
    ['0', '800', '12.5k', '2M']
    """
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / min(size, 1e3 if unit == 'k' else size):.3g}{unit}"
    return f"{value:g}"
