"""The picture of a forecast: the runs as they were, the curves that are expected, and the interval of the best."""

from __future__ import annotations

from typing import TYPE_CHECKING

from surefoot.chart import Axis, Chart, Mark, Series
from surefoot.chart.data import Tone
from surefoot.chart.numbers import spread

if TYPE_CHECKING:
    from surefoot.forecasting.nouns import Forecast

_LINES = 5
_TONES: tuple[Tone, ...] = ("main", "second", "good", "bad", "ink")


def forecast_chart(forecast: Forecast) -> Chart:
    """Return the chart of ``forecast``: at most five curves, the lowest; each ends with its interval as a band."""
    shown = forecast.ranking[:_LINES]
    series = [
        Series("points", tuple(map(float, steps)), losses, "runs" if k == 0 else "", "soft")
        for k, (steps, losses) in enumerate(forecast.seen)
    ]
    best = shown[0]
    width = best.steps[-1] * 0.01
    ends = (best.steps[-1] - width, best.steps[-1] + width)
    series.append(Series("band", ends, (best.low,) * 2, "nine in ten", "main", (best.high,) * 2))
    series += [
        Series("line", tuple(map(float, one.steps)), one.losses, f"{one.loss:.4f} {one.name}", _TONES[k])
        for k, one in enumerate(shown)
    ]
    first = min([steps[0] for steps, _ in forecast.seen] + [one.steps[-1] for one in shown])
    last = max([steps[-1] for steps, _ in forecast.seen] + [one.steps[-1] for one in shown])
    drawn = [y for one in series for x, y in zip(one.x, one.y, strict=True) if x >= first] + [best.high]
    return Chart(
        f"Expected {forecast.column} at peak {forecast.peak:.3g}, {forecast.law} law",
        Axis("updates", 0.0, last * 1.02),
        Axis("loss", *spread(drawn)),
        tuple(series),
        (Mark("label", float(best.steps[-1]), label=f"{best.loss:.4f}", y=best.loss, tone="main"),),
        f"{len(forecast)} schedules; the lowest expected final loss is {best.loss:.4f}, {best.name}.",
    )
