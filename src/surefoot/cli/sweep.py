"""surefoot sweep: whole runs over rates and seeds, at one scale or several, over one rate or two."""

from __future__ import annotations

from typing import Any

import click

from surefoot.cli.asking import shared
from surefoot.cli.values import named_values, rates
from surefoot.errors import ArgumentError

HELP = """Run TASK to its end at every rate of a grid, under every seed, and show the loss by rate.

\b
Examples:
  surefoot sweep digits --lrs 1e-4,3e-4,1e-3,3e-3
  surefoot sweep train.py:task --total 1000 --low 1e-4 --high 1 --points 9 --seeds 3 --workers 2
  surefoot sweep train.py:task --total 1000 --adaptive --scale width=64,128,256
  surefoot sweep train.py:task --total 1000 --lrs 1e-3,1e-2 --second muon_lr=0.01,0.02,0.04
  surefoot sweep train.py:task --total 1000 --lrs 1e-3,1e-2 --second muon=0.01,0.02 --second-as schedule

With --second-as schedule the knob gets what TASK gets for its first rate: a schedule of the same recipe, with the
second rate for its peak. As a rate it gets the number.

Exit codes: 0 answer, 1 every run failed, 2 bad input, 130 interrupted (the runs that ended are written).
"""
_GRID, _ADAPTIVE = 9, 12


@click.command(help=HELP)
@shared
@click.option("--lrs", metavar="RATES", help="Rates with commas between: 1e-4,3e-4,1e-3.")
@click.option("--low", type=float, help="Lowest rate of a grid.")
@click.option("--high", type=float, help="Highest rate of a grid.")
@click.option("--points", type=int, help="Rates of the grid, by equal ratios. [default: 9, with --adaptive 12]")
@click.option("--adaptive", is_flag=True, help="Choose the rates: coarse first, then where the best is.")
@click.option("--seeds", type=int, default=1, show_default=True, help="How many seeds: 0, 1, ...")
@click.option("--scale", multiple=True, metavar="NAME=VALUES", help="Sweep at each value: width=64,128; repeatable.")
@click.option("--second", metavar="NAME=RATES", help="Vary a second rate too, a knob of the task: muon_lr=0.01,0.02.")
@click.option("--second-as", type=click.Choice(["rate", "schedule"]), help="What its knob gets. [default: rate]")
@click.option("--by", type=click.Choice(["grid", "coordinate"]), help="How two rates are varied. [default: grid]")
def command(**asked: Any) -> int:
    """Run the verb."""
    more: dict[str, Any] = {"lrs": lrs_of(asked)}
    if asked["adaptive"]:
        more |= {"low": asked["low"], "high": asked["high"]}
    if asked["scale"]:
        more["scale"] = dict(named_values(text, "--scale") for text in asked["scale"])
    if asked["second"]:
        name, values = named_values(asked["second"], "--second")
        more["lrs"] = {"lr": more["lrs"], name: values}
    more |= {name: asked[flag] for name, flag in (("by", "by"), ("second", "second_as")) if asked[flag]}
    from surefoot.cli.sweeping import swept  # noqa: PLC0415  help must not import the search

    return swept(asked, **more)


def lrs_of(asked: dict[str, Any]) -> tuple[float, ...] | int:
    """Return the rates to run, or how many where they are to be chosen."""
    if not asked["adaptive"]:
        return grid(asked["lrs"], asked["low"], asked["high"], _GRID if asked["points"] is None else asked["points"])
    if asked["lrs"] is not None or asked["second"]:
        raise ArgumentError("--adaptive chooses the rates: leave --lrs and --second out.")
    return _ADAPTIVE if asked["points"] is None else int(asked["points"])


def grid(lrs: str | None, low: float | None, high: float | None, points: int) -> tuple[float, ...]:
    """Return the rates to run: those given, or ``points`` from ``low`` to ``high`` by equal ratios.

    >>> [round(lr, 6) for lr in grid(None, 1e-4, 1e-2, 3)]
    [0.0001, 0.001, 0.01]
    """
    if lrs is not None and low is None and high is None:
        return rates(lrs)
    if lrs is not None or low is None or high is None:
        raise ArgumentError(
            "give the rates either as --lrs 1e-4,1e-3 or as --low 1e-4 --high 1 --points 9, or --adaptive."
        )
    if not 0 < low < high:
        raise ArgumentError(f"low={low!r} and high={high!r} must be rates with 0 < low < high.")
    if points < 2:
        raise ArgumentError(f"points={points} must be at least 2.")
    return tuple(low * (high / low) ** (k / (points - 1)) for k in range(points))
