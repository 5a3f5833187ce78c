"""surefoot sweep: whole runs over a grid of rates and seeds."""

from __future__ import annotations

from typing import Any

import click

from surefoot.cli.asking import shared
from surefoot.cli.values import rates
from surefoot.errors import ArgumentError

HELP = """Run TASK to its end at every rate of a grid, under every seed, and show the loss by rate.

\b
Examples:
  surefoot sweep digits --lrs 1e-4,3e-4,1e-3,3e-3
  surefoot sweep train.py:task --total 1000 --low 1e-4 --high 1 --points 9 --seeds 3 --workers 2

Exit codes: 0 answer, 1 every run failed, 2 bad input, 130 interrupted (the runs that ended are written).
"""


@click.command(help=HELP)
@shared
@click.option("--lrs", metavar="RATES", help="Rates with commas between: 1e-4,3e-4,1e-3.")
@click.option("--low", type=float, help="Lowest rate of a grid.")
@click.option("--high", type=float, help="Highest rate of a grid.")
@click.option("--points", type=int, default=9, show_default=True, help="Rates of the grid, by equal ratios.")
@click.option("--seeds", type=int, default=1, show_default=True, help="How many seeds: 0, 1, ...")
def command(**asked: Any) -> int:
    """Run the verb."""
    lrs = grid(asked["lrs"], asked["low"], asked["high"], asked["points"])
    from surefoot.cli.searching import curve_of  # noqa: PLC0415  help must not import the search

    return curve_of(asked, lrs, asked["seeds"])


def grid(lrs: str | None, low: float | None, high: float | None, points: int) -> tuple[float, ...]:
    """Return the rates to run: those given, or ``points`` from ``low`` to ``high`` by equal ratios.

    >>> [round(lr, 6) for lr in grid(None, 1e-4, 1e-2, 3)]
    [0.0001, 0.001, 0.01]
    """
    if lrs is not None and low is None and high is None:
        return rates(lrs)
    if lrs is not None or low is None or high is None:
        raise ArgumentError("give the rates either as --lrs 1e-4,1e-3 or as --low 1e-4 --high 1 --points 9.")
    if not 0 < low < high:
        raise ArgumentError(f"low={low!r} and high={high!r} must be rates with 0 < low < high.")
    if points < 2:
        raise ArgumentError(f"points={points} must be at least 2.")
    return tuple(low * (high / low) ** (k / (points - 1)) for k in range(points))
