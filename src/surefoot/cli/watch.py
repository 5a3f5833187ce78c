"""surefoot watch: a run while it trains, from its growing log."""

from __future__ import annotations

from typing import Any

import click

HELP = """Follow the log of a run that is training, and say what is wrong as soon as it shows.

LOG is a file or a folder of any usual kind, as for `surefoot diagnose`, or - for a pipe. A file that is not there
yet is waited for; one that is begun again is a new run. On a terminal the loss is drawn with rate, gradient norm and
speed; elsewhere each look is a line.

\b
Examples:
  surefoot watch run.jsonl
  surefoot watch outputs/checkpoint-500 --interval 5
  python train.py | surefoot watch -
  surefoot watch metrics.csv --map loss=train/loss --once
  surefoot watch run.jsonl --until-finding --json || kill $TRAINING

Exit codes: 0 the pipe ended or --once, 1 an error-level finding with --until-finding, 2 bad input, 130 Ctrl-C.
"""


@click.command(help=HELP)
@click.argument("log", metavar="LOG")
@click.option("--map", "maps", multiple=True, metavar="COLUMN=FIELD", help="Name a field by hand; repeatable.")
@click.option("--once", is_flag=True, help="Show the run as it is now, and end.")
@click.option("--interval", type=click.FloatRange(0.05), default=1.0, show_default=True, help="Seconds between looks.")
@click.option("--until-finding", "until", is_flag=True, help="End with exit code 1 at the first error-level finding.")
@click.option("--all", "everything", is_flag=True, help="Show notes too, not only warnings and errors.")
@click.option("--json", "as_json", is_flag=True, help="Print each new finding as one line of JSON, and nothing else.")
def command(**asked: Any) -> int:
    """Run the verb."""
    from surefoot.cli.diagnose import maps_of  # noqa: PLC0415  help must not import NumPy
    from surefoot.cli.looking import Wish, watched  # noqa: PLC0415  same

    wish = Wish(asked["once"], asked["until"], asked["as_json"], asked["everything"], asked["interval"])
    return watched(asked["log"], maps_of(asked["maps"]), wish)
