"""surefoot find: a first answer, from a range test and a few probes."""

from __future__ import annotations

from typing import Any

import click

from surefoot.cli.asking import bounded, shared

HELP = """Find a first answer for TASK from a range test and a few short probes.

TASK is a built-in name (digits, charlm, ...), module:function or file.py:function. For a task of your own without
--total, a range test of 100 updates is all there is, and the confidence is low.

\b
Examples:
  surefoot find digits
  surefoot find train.py:task --total 10000 --budget 0.1
  surefoot find digits --rules

Exit codes: 0 answer, 1 no answer, 2 bad input, 130 interrupted (the best answer so far is written).
"""


@click.command(help=HELP)
@shared
@click.option("--budget", type=float, default=0.25, show_default=True, help="What may be spent, in full runs.")
@bounded
@click.option("--rules", is_flag=True, help="Print what the rules of other packages say of the range test as well.")
def command(**asked: Any) -> int:
    """Run the verb."""
    from surefoot.cli.searching import peak_of  # noqa: PLC0415  help must not import the search
    from surefoot.tasks.built_in import BUILT_IN  # noqa: PLC0415  same

    return peak_of("find", asked, open_end=asked["task"] not in BUILT_IN)
