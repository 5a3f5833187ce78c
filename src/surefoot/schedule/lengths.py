"""Lengths and the clock that turns them into steps.

A length is an ``int`` (steps), a ``float`` in [0, 1] (a fraction of the total), or an amount with a
unit: ``epochs(3)``, ``tokens(2e9)``, ``samples(50_000)``, or the same as text: ``"3ep"``, ``"2e9tok"``,
``"50000smp"``, ``"500st"``. Type decides, never size: ``2000.0`` is refused.
"""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from surefoot.errors import ArgumentError

UNITS = {"st": "steps", "ep": "epochs", "tok": "tokens", "smp": "samples"}
_TEXT = re.compile(r"\s*([0-9][0-9_]*\.?[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+)\s*([a-z]+)\s*")
_BLOCK = 1 << 16
_MOST = 1 << 53


@dataclass(frozen=True, slots=True)
class Length:
    """An amount with a unit; ``unit`` is one of ``st``, ``ep``, ``tok``, ``smp``."""

    amount: float
    unit: str

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise ArgumentError(f"unit={self.unit!r} is unknown: use one of {', '.join(UNITS)}.")
        if not (_is_number(self.amount) and math.isfinite(self.amount) and self.amount >= 0):
            raise ArgumentError(f"{UNITS[self.unit]}={self.amount!r} must be a finite number >= 0.")

    def __str__(self) -> str:
        return f"{self.amount:g}{self.unit}"


LengthLike = int | float | str | Length


def epochs(amount: float) -> Length:
    """Return a length of ``amount`` epochs, resolved by ``Clock(steps_per_epoch=...)``.

    >>> str(epochs(3))
    '3ep'
    """
    return _length(amount, "ep")


def tokens(amount: float) -> Length:
    """Return a length of ``amount`` tokens, resolved by ``Clock(tokens_per_step=...)``.

    >>> str(tokens(2e9))
    '2e+09tok'
    """
    return _length(amount, "tok")


def samples(amount: float) -> Length:
    """Return a length of ``amount`` samples, resolved by ``Clock(samples_per_step=...)``.

    >>> str(samples(50_000))
    '50000smp'
    """
    return _length(amount, "smp")


class Ramp(Protocol):
    """What a clock needs of a batch-size schedule (a Schedule has it)."""

    @property
    def total(self) -> int | None: ...
    def array(self, start: int = 0, stop: int | None = None) -> NDArray[np.float64]: ...


@dataclass(frozen=True, slots=True)
class Clock:
    """How many of each unit one step holds; a rate per step may itself be a Schedule (a batch-size ramp).

    ``steps_per_epoch`` [steps/epoch], ``tokens_per_step`` [tokens/step], ``samples_per_step`` [samples/step].

    >>> Clock(steps_per_epoch=100).steps(epochs(2.5))
    250
    """

    steps_per_epoch: float | None = None
    tokens_per_step: float | Ramp | None = None
    samples_per_step: float | Ramp | None = None

    def __post_init__(self) -> None:
        for name in ("steps_per_epoch", "tokens_per_step", "samples_per_step"):
            value = getattr(self, name)
            if value is None or (name != "steps_per_epoch" and hasattr(value, "array")):
                continue
            if not (_is_number(value) and math.isfinite(value) and value > 0):
                or_more = "" if name == "steps_per_epoch" else ", or a Schedule of it"
                raise ArgumentError(f"{name}={value!r} must be a finite number > 0{or_more}.")

    def steps(self, length: LengthLike, *, total: int | None = None, start: int = 0, name: str = "length") -> int:
        """Return the steps that ``length`` takes when it begins at step ``start`` of a run of ``total`` steps."""
        parsed = parse(length, name)
        if isinstance(parsed, int):
            return parsed
        if isinstance(parsed, float):
            return fraction(parsed, total, name)
        if parsed.unit == "st":
            return _round(parsed.amount)
        if parsed.unit == "ep":
            return _round(parsed.amount * self._per("steps_per_epoch", parsed, name))
        field = "tokens_per_step" if parsed.unit == "tok" else "samples_per_step"
        rate = getattr(self, field)
        if rate is None or isinstance(rate, (int, float)):
            return _round(parsed.amount / self._per(field, parsed, name))
        return steps_on_ramp(parsed.amount, rate, start)

    def _per(self, field: str, length: Length, name: str) -> float:
        value = getattr(self, field)
        if value is None:
            raise ArgumentError(f"{name}={length} needs clock=Clock({field}=...): the clock has no {field}.")
        return float(value)


def parse(length: LengthLike, name: str = "length") -> int | float | Length:
    """Return ``length`` as an int (steps), a float (fraction) or a Length; text is read, anything else refused."""
    if isinstance(length, Length):
        return length
    if isinstance(length, str):
        return _read(length, name)
    if isinstance(length, bool):
        raise ArgumentError(f"{name}={length!r} is a bool: write a number of steps (int) or a fraction (float).")
    if isinstance(length, (float, np.floating)):
        return _checked_fraction(float(length), name)
    try:
        count = operator.index(length)
    except TypeError:
        raise ArgumentError(
            f"{name}={length!r} is not a length: write steps (500), a fraction of the total (0.05), "
            'epochs(3), tokens(2e9), samples(5e4) or text such as "3ep".'
        ) from None
    if not 0 <= count <= _MOST:
        raise ArgumentError(f"{name}={count} must be a number of steps >= 0." if count < 0 else _too_long(name))
    return count


def fraction(share: float, total: int | None, name: str = "length") -> int:
    """Return ``floor(share * total + 0.5)``, the one rounding rule.

    >>> fraction(0.05, 1010)
    51
    """
    if total is None:
        raise ArgumentError(f"{name}={share!r} is a fraction of the total, but no total is given: pass total=.")
    return _round(_checked_fraction(share, name) * total)


def steps_on_ramp(amount: float, per_step: Ramp, start: int = 0) -> int:
    """Return the steps from ``start`` on in which ``per_step`` adds up to ``amount``, rounded to the nearest."""
    done, step = 0.0, start
    end = per_step.total
    while end is None or step < end:
        stop = step + _BLOCK if end is None else min(step + _BLOCK, end)
        sums = done + np.cumsum(per_step.array(step, stop))
        if sums[-1] >= amount:
            return _inside(sums, amount, done) + step - start
        if end is None and sums[-1] == done:
            break
        done, step = float(sums[-1]), stop
    rate = float(per_step.array(step, step + 1)[0])
    if rate <= 0:
        raise ArgumentError(f"the clock's amount per step ends at {rate!r}: {amount:g} is never reached; end it > 0.")
    return step - start + _round((amount - done) / rate)


def _inside(sums: NDArray[np.float64], amount: float, done: float) -> int:
    k = int(np.searchsorted(sums, amount))
    before = float(sums[k - 1]) if k else done
    gain = float(sums[k]) - before
    return _round(k + ((amount - before) / gain if gain > 0 else 0.0))


def _checked_fraction(share: float, name: str) -> float:
    if 0.0 <= share <= 1.0:
        return share
    hint = f"; write {name}={int(share)} for steps" if share > 1 and share.is_integer() else ""
    raise ArgumentError(f"{name}={share!r} is a float, so a fraction of the total, and must lie in [0, 1]{hint}.")


def _read(text: str, name: str) -> Length:
    match = _TEXT.fullmatch(text)
    if match is None or match[2] not in UNITS:
        units = ", ".join(f"{unit} ({word})" for unit, word in UNITS.items())
        raise ArgumentError(
            f'{name}={text!r} is not a length: write a number and a unit, such as "3ep"; units: {units}.'
        )
    return Length(float(match[1].replace("_", "")), match[2])


def _round(value: float) -> int:
    if not value <= _MOST:
        raise ArgumentError(_too_long("length"))
    return math.floor(value + 0.5)


def _too_long(name: str) -> str:
    return f"{name} is more than 2^53 steps, which no index counts exactly: check its unit."


def _length(amount: float, unit: str) -> Length:
    return Length(float(amount) if _is_number(amount) else amount, unit)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
