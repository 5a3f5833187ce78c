"""surefoot tune: find the peak, verify it by short runs, plan the run, write the report."""

from __future__ import annotations

from typing import Any

import click

from surefoot.cli.asking import bounded, shared
from surefoot.cli.values import named_values

HELP = """Find the peak learning rate of TASK, verify it by short runs, and plan the run.

TASK is a built-in name (digits, charlm, ...), module:function or file.py:function: a function of a schedule that
yields its loss after every update. At most BUDGET full runs are spent. The journal in the output directory makes it
safe to stop: the same command goes on where it stopped.

\b
Examples:
  surefoot tune digits --total 3000
  surefoot tune train.py:task --total 10000 --budget 0.5 --out tuned
  surefoot tune train.py:task --total 10000 --extendable --json > result.json
  surefoot tune train.py:task --total 10000 --budget 1 --second weight_decay=0.01,0.1,1
  surefoot tune digits --include schedule-free,prodigy

With --include schedule-free,prodigy the plan that was found then runs once in full, and each of these methods once at
its defaults, told to TASK by its argument `optimizer`; also: d-adaptation, mechanic, dog, gi-adam (surefoot explain).

Exit codes: 0 answer, 1 no answer, 2 bad input, 130 interrupted (the best answer so far is written).
"""


@click.command(help=HELP)
@shared
@click.option("--budget", type=float, default=0.5, show_default=True, help="What may be spent, in full runs.")
@bounded
@click.option("--second", metavar="NAME=VALUES", help="Choose one more knob: weight_decay=0.01,0.1,1; warmup=0,100.")
@click.option("--include", metavar="METHODS", help="Race these against the tuned plan, a full run each: see below.")
def command(**asked: Any) -> int:
    """Run the verb."""
    from surefoot.cli.racing import names_of  # noqa: PLC0415  help must not import the search
    from surefoot.cli.searching import peak_of  # noqa: PLC0415  as above

    include = names_of(asked["include"]) if asked["include"] else ()
    if not asked["second"]:
        return peak_of("tune", asked, include=include)
    name, values = named_values(asked["second"], "--second")
    return peak_of("tune", asked, include=include, second={name: values})
