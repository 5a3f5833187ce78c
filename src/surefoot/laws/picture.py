"""The picture of a transfer: the peak against one quantity that changes, a line a law."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from surefoot.chart import Axis, Chart, Mark, Series
from surefoot.chart.data import Tone
from surefoot.chart.numbers import rate_text, spread
from surefoot.errors import ArgumentError
from surefoot.laws.changes import changes, ratio
from surefoot.laws.factor import Factor, TransferLaw
from surefoot.laws.scale import Scale
from surefoot.laws.transferring import transfer
from surefoot.schedule.lengths import Length

DRAWN = ("batch", "horizon", "params", "width")
_POINTS = 25
_TONES: tuple[Tone, ...] = ("second", "good", "bad", "ink", "soft")


def transfer_chart(
    from_scale: Scale,
    to_scale: Scale,
    *,
    optimizer: str | None = None,
    law: str | TransferLaw | None = None,
    quantity: str | None = None,
) -> Chart:
    """Return the chart of the peak (the factor, where ``from_scale`` has no lr) against one quantity, all laws in it.

    ``quantity`` is one of batch, horizon, params, width: unless given the one that changes most. Everything else stays
    as in ``from_scale``; a line ends where its law stops holding. Raises ArgumentError where no such quantity changes.
    """
    name = optimizer or to_scale.optimizer or from_scale.optimizer
    a = replace(from_scale, optimizer=name)
    sizes = {q: ratio(q, a, to_scale) or 1.0 for q in changes(a, replace(to_scale, optimizer=name)) if q in DRAWN}
    if not sizes or (quantity is not None and quantity not in sizes):
        raise ArgumentError(f"quantity={quantity!r} must be one that changes, of {', '.join(DRAWN)}.")
    chosen = quantity or max(sizes, key=lambda q: abs(math.log(sizes[q])))
    times = np.geomspace(1.0, sizes[chosen], _POINTS)
    noise = a.noise_scale if a.noise_scale is not None else to_scale.noise_scale
    lines = _lines(replace(a, noise_scale=noise), chosen, times, law)
    start, unit = _start(a, chosen)
    x = tuple(float(start * t) for t in times)
    base = a.lr or 1.0
    series = tuple(
        Series(
            "line", x, tuple(base * v for v in values), _label(label, values), "main" if k == 0 else _TONES[(k - 1) % 5]
        )
        for k, (label, values) in enumerate(lines.items())
    )
    rates = [v for one in series for v in one.y if math.isfinite(v)]
    what = "peak rate" if a.lr else "factor of the peak rate"
    return Chart(
        f"The {what} by {chosen}",
        Axis(unit, min(x), max(x), log=True),
        Axis(what, *spread(rates, log=True), log=True),
        series,
        (Mark("label", x[-1], label=f"recommended {rate_text(series[0].y[-1])}", y=series[0].y[-1], tone="main"),),
        f"{len(series)} laws from {rate_text(min(rates))} to {rate_text(max(rates))}.",
    )


def _lines(a: Scale, quantity: str, times: Any, law: str | TransferLaw | None) -> dict[str, list[float]]:
    """Return the factor of each law over ``times``, the recommended (or asked) one first; NaN where it holds not."""
    end = transfer(a, _scaled(a, quantity, float(times[-1])), law=_asked(law, a, quantity, float(times[-1])))
    names = [one.law for one in (*end.parts, *end.others) if one.lr is not None]
    found: dict[str, list[float]] = {name: [1.0] for name in names}
    for t in times[1:]:
        b = _scaled(a, quantity, float(t))
        said = transfer(a, b, law=_asked(law, a, quantity, float(t)))
        by_law: dict[str, Factor] = {one.law: one for one in (*said.others, *said.parts)}
        for name, values in found.items():
            one = by_law.get(name)
            values.append(math.nan if one is None or one.lr is None or not one.holds else one.lr)
    first = end.parts[0].law
    # The law that is taken is drawn to the end, in its range or not.
    return {name: v for name, v in found.items() if name == first or np.isfinite(v[1:]).any()}


def _asked(law: str | TransferLaw | None, a: Scale, quantity: str, times: float) -> str | TransferLaw | None:
    """Return the law that was asked for where it answers on this quantity alone, else None."""
    if law is None:
        return None
    try:
        transfer(a, _scaled(a, quantity, times), law=law)
    except ArgumentError:
        return None
    return law


def _scaled(a: Scale, quantity: str, times: float) -> Scale:
    """Return ``a`` with one quantity ``times`` larger, and nothing of what transfer answers."""
    bare = {"lr": None, "beta1": None, "beta2": None, "eps": None, "weight_decay": None, "warmup": None}
    made: dict[str, Any] = dict(bare)
    if quantity == "batch":
        batch = a.batch
        made["batch"] = Length(batch.amount * times, batch.unit) if isinstance(batch, Length) else _times(batch, times)
        made["steps"] = None if a.steps is None else a.steps / times
    elif quantity == "horizon":
        made |= {name: _times(getattr(a, name), times) for name in ("tokens", "samples", "steps")}
    else:
        made[quantity] = _times(getattr(a, quantity), times)
    return replace(a, **made)


def _times(value: Any, times: float) -> float | None:
    return None if value is None else float(value) * times


def _start(a: Scale, quantity: str) -> tuple[float, str]:
    if quantity == "batch":
        batch = a.batch
        return (batch.amount, "batch [tokens]") if isinstance(batch, Length) else (float(batch or 1), "batch [samples]")
    if quantity == "horizon":
        name = next(name for name in ("tokens", "samples", "steps") if getattr(a, name) is not None)
        return float(getattr(a, name)), f"{name} of the run"
    return float(getattr(a, quantity)), {"params": "parameters"}.get(quantity, quantity)


def _label(law: str, values: list[float]) -> str:
    last = [v for v in values if math.isfinite(v)][-1]
    return f"{law} x{last:.3g}"
