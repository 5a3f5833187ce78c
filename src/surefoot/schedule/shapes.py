"""Shapes: named functions of (i, n), the only formulas a schedule is made of.

A shape is called as ``SHAPES[name].factor(i, n, start, stop, **parameters)`` with the index ``i`` inside the phase
(a float or an array), the phase's length ``n`` (None in an open phase) and returns the factor of the peak. Falling
and rising phases use one form, ``stop + (start - stop) * f(u)`` with ``u = i/n``, ``f(0) = 1`` and ``f(1) = 0``:

===============  ==========================  =======  ====================================================
shape            f(u)                        f(0.5)   source
===============  ==========================  =======  ====================================================
linear           1 - u                       0.5      folklore; to zero ("D2Z"): arXiv 2502.15938 (2025)
cosine           (1 + cos(pi u)) / 2         0.5      SGDR, arXiv 1608.03983 (2016)
polynomial       (1 - u)^power               0.25     folklore (power 2 shown; 1 is linear)
root             (1 - u)^0.5                 0.7071   folklore (timm's polynomial default)
1-sqrt           1 - u^0.5                   0.2929   Hägele et al., arXiv 2405.18392 (2024)
1-square         1 - u^2                     0.75     code of arXiv 2405.18392 ("square")
1-power          1 - u^power                 0.5      timm WSD ("power"; power 1 shown)
mirror-cosine    2 (1 - u) - cosine(u)       0.5      code of arXiv 2405.18392
rex              (1 - u) / (1 - u/2)         0.6667   REX, arXiv 2107.04197 (2021)
half-life        2 * 0.5^u - 1               0.4142   Megatron-LM ("exponential")
exponential      (stop/start)^u              0.3162   geometric between positive ends (0.1 shown); an end of 0
                                                      uses (base^u - base) / (1 - base), base 0.1
===============  ==========================  =======  ====================================================

The others (``step``, ``geometric``, ``inverse-sqrt``, ``inverse-time``, ``cyclic``, ``power-law``, ``points``,
``call``, ``untuned-linear``, ``untuned-exponential``, ``radam``) count updates and are in ``indexed.py`` and
``tables.py``. ``SHAPES`` is the explicit dict that serialisation relies on.

Scalars go through the same NumPy loops as arrays, so that ``schedule(t)`` and ``schedule.array`` agree bit for bit.

>>> [round(float(SHAPES["1-sqrt"].factor(float(i), 4, 1.0, 0.1)), 4) for i in range(5)]
[1.0, 0.55, 0.3636, 0.2206, 0.1]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from surefoot.schedule.formula import Index, Shape, falling, pinned, positive, raised, share
from surefoot.schedule.indexed import INDEXED
from surefoot.schedule.tables import TABLES

__all__ = ["SHAPES", "Shape"]


def _constant(i: Index, n: int | None, start: float, stop: float) -> Any:
    return start + 0.0 * i


def _cosine(u: Any) -> Any:
    return 0.5 * (1.0 + np.cos(np.pi * u))


def _geometric(i: Index, n: int, start: float, stop: float, base: float = 0.1) -> Any:
    u = i / n
    if start > 0 and stop > 0:
        return pinned(start * raised(stop / start, u), u, start, stop)
    v = u if start >= stop else 1.0 - u
    return pinned((start + stop) * ((raised(base, v) - base) / (1.0 - base)), u, start, stop)


def _check_base(start: float, stop: float, base: float = 0.1) -> None:
    share(base, "base")
    positive(1.0 - base, "1 - base")


def _check_power(start: float, stop: float, power: float = 1.0) -> None:
    positive(power, "power")


_FALLS = (
    falling("linear", lambda u: 1.0 - u, lambda u: u),
    falling("cosine", _cosine, lambda u: 0.5 * (1.0 - np.cos(np.pi * u))),
    falling("polynomial", lambda u, power=2.0: np.power(1.0 - u, power), None, "power", check=_check_power),
    falling("root", lambda u: np.sqrt(1.0 - u)),
    falling("1-sqrt", lambda u: 1.0 - np.sqrt(u), np.sqrt),
    falling("1-square", lambda u: 1.0 - u * u, lambda u: u * u),
    falling("1-power", lambda u, power=1.0: 1.0 - np.power(u, power), None, "power", check=_check_power),
    falling("mirror-cosine", lambda u: 2.0 * (1.0 - u) - _cosine(u)),
    falling("rex", lambda u: (1.0 - u) / (1.0 - 0.5 * u)),
    falling("half-life", lambda u: 2.0 * np.exp2(-u) - 1.0),
)
_ALL = (
    Shape("constant", _constant, open=True),
    *_FALLS,
    Shape("exponential", _geometric, ("base",), check=_check_base),
    *INDEXED,
    *TABLES,
)
SHAPES: dict[str, Shape] = {shape.name: shape for shape in _ALL}
