"""What a sweep over two rates looks like: a line over the first rate for each value of the second."""

from __future__ import annotations

import math
from typing import Any

from surefoot.chart.data import Axis, Chart, Mark, Series, Tone
from surefoot.chart.numbers import rate_text, spread
from surefoot.errors import ArgumentError

_TONES: tuple[Tone, ...] = ("second", "good", "ink", "bad", "soft")


def surface_chart(surface: Any, *, title: str = "") -> Chart:
    """Return the chart of a Surface: the mean loss by the first rate (log), a line for each second rate.

    The second rate of the best pair has the main tone. Raises ArgumentError when no run ended with a finite loss.
    """
    best = surface.best
    if best is None:
        raise ArgumentError("surface has no run with a finite loss: there is nothing to draw.")
    first, second = surface.names
    lines, k = [], 0
    for other, curve in surface.curves:
        rates, losses = curve.means()
        tone: Tone = "main" if other == best.other else _TONES[k % len(_TONES)]
        k += other != best.other
        finite = [value if math.isfinite(value) else math.nan for value in losses.tolist()]
        lines.append(Series("line", tuple(rates.tolist()), tuple(finite), f"{second} {rate_text(other)}", tone))
    rates = [rate for line in lines for rate in line.x]
    losses = [loss for line in lines for loss in line.y if math.isfinite(loss)]
    low, high = min(losses), max(losses)
    log = low > 0 and high / low > 4
    mark = Mark("label", best.lr, label=f"best {rate_text(best.lr)}, {rate_text(best.other)}", y=best.loss, tone="main")
    return Chart(
        title or f"Loss by {first} and {second}",
        Axis("learning rate" if first == "lr" else first, *spread(rates, log=True, margin=0.03), log=True),
        Axis("loss", *spread((low, high), log=log, margin=0.08), log=log),
        tuple(lines),
        (mark,),
        f"The best pair is {first} {rate_text(best.lr)} and {second} {rate_text(best.other)}.",
    )
