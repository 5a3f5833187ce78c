"""surefoot forecast: what each schedule would do, from the logs of one or a few runs at the same peak."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from surefoot.errors import ArgumentError

if TYPE_CHECKING:
    from surefoot.forecasting.foreseeing import Fitted
    from surefoot.forecasting.nouns import Forecast, Prediction
    from surefoot.history.columns import History
    from surefoot.schedule.core import Schedule

HELP = """Forecast the final loss of schedules from the LOGs of one to a few runs of one model at one peak rate.

A loss-curve law is fitted to the runs and asked about schedules of --budget updates: cosine, linear, and a hold with
a decay of several lengths, fresh or carrying the run on. It never chooses the peak: all logs must have the same one.
A log is a file or a folder of any usual kind, with a loss and a learning rate at each step.

\b
Examples:
  surefoot forecast run.jsonl --budget 50000
  surefoot forecast cosine.csv hold.csv --budget 50000 --schedules cosine,linear,wsd:0.2,wsd:0.4:linear
  surefoot forecast run.jsonl --budget 50000 --json
  surefoot forecast run.jsonl --budget 50000 --ran schedule.json --out forecast
"""
_ROWS = 12


@click.command(help=HELP)
@click.argument("logs", metavar="LOG...", nargs=-1, required=True)
@click.option("--budget", type=int, required=True, help="The updates of the run that is planned.")
@click.option("--schedules", metavar="NAMES", help="cosine, linear, constant, wsd[:DECAY[:SHAPE]], or .json files.")
@click.option("--law", help="multi-power or tissue. [default: multi-power]")
@click.option("--ran", multiple=True, type=click.Path(), help="The schedule a run had (JSON), one a log, in order.")
@click.option("--loss", help="The column to forecast. [default: val_loss where there is enough of it]")
@click.option("--warmup", type=int, help="Updates of warmup. [default: that of the first run]")
@click.option("--map", "maps", multiple=True, metavar="COLUMN=FIELD", help="Name a field by hand; repeatable.")
@click.option("--out", type=click.Path(), help="Write forecast.json, schedule.json and forecast.svg to this directory.")
@click.option("--json", "as_json", is_flag=True, help="Print the forecast as JSON, and nothing else.")
def command(**asked: Any) -> int:
    """Run the verb."""
    from surefoot.cli.diagnose import maps_of, schedule_of  # noqa: PLC0415  help must not import NumPy
    from surefoot.forecasting.forecasting import foreseen  # noqa: PLC0415  same
    from surefoot.forecasting.foresight import foresight  # noqa: PLC0415  same
    from surefoot.history.reading_logs import read  # noqa: PLC0415  same

    if asked["budget"] < 1:
        raise ArgumentError(f"--budget={asked['budget']} must be at least 1: the updates of the planned run.")
    histories = [read(log, map=maps_of(asked["maps"])) for log in asked["logs"]]
    ran = [schedule_of(path) for path in asked["ran"]] or None
    fitted = foresight(histories, law=asked["law"], ran=ran, loss=asked["loss"])
    plans = _given(fitted, asked) if asked["schedules"] else _candidates(fitted, histories, asked)
    found = foreseen(fitted, plans)
    if asked["out"]:
        _written(found, asked["out"])
    if asked["as_json"]:
        click.echo(found.to_json())
    else:
        _told(found)
    return 0


def _candidates(fitted: Fitted, histories: list[History], asked: dict[str, Any]) -> dict[str, Schedule]:
    """Return fresh runs at the peak of the runs and, where a single one can be carried on, the ways on."""
    from surefoot.forecasting.planner import recognised  # noqa: PLC0415  as above
    from surefoot.forecasting.planner_candidates import fresh, onward  # noqa: PLC0415  as above

    budget, warmup = asked["budget"], _warmup(fitted, asked)
    found = list(fresh(fitted.peak, budget, warmup))
    done = int(histories[0]["step"].max())
    if len(histories) == 1 and not asked["ran"] and 0 < done < budget:
        plan = recognised(histories[0])
        if plan.total is None or done <= plan.total:
            found += onward(plan, done, budget)
    return {f"{one.name}{f' from step {one.start}' if one.start else ''}": one.schedule for one in found}


def _given(fitted: Fitted, asked: dict[str, Any]) -> dict[str, Schedule]:
    """Return the schedules that were asked for, at the peak of the runs."""
    from surefoot.cli.diagnose import schedule_of  # noqa: PLC0415  as above
    from surefoot.schedule.recipes.decays import constant, cosine, linear  # noqa: PLC0415  as above
    from surefoot.schedule.recipes.long import wsd  # noqa: PLC0415  as above

    plain: dict[str, Any] = {"cosine": cosine, "linear": linear, "constant": constant}
    warmup = _warmup(fitted, asked)
    made: dict[str, Schedule] = {}
    for text in (part.strip() for part in asked["schedules"].split(",") if part.strip()):
        name, *more = text.split(":")
        if name in plain and not more:
            made[text] = plain[name](fitted.peak, total=asked["budget"], warmup=warmup)
        elif name == "wsd" and len(more) <= 2:
            shape = {"shape": more[1]} if len(more) == 2 else {}
            decay = _decay(more[0], text) if more else 0.2
            made[text] = wsd(fitted.peak, total=asked["budget"], warmup=warmup, decay=decay, **shape)
        elif text.endswith(".json"):
            made[text] = schedule_of(text)
        else:
            raise ArgumentError(
                f"--schedules: {text!r} must be cosine, linear, constant, wsd[:DECAY[:SHAPE]] such as wsd:0.2:linear, "
                "or a .json file that `surefoot plan --json` wrote."
            )
    if not made:
        raise ArgumentError("--schedules names none: write such as cosine,linear,wsd:0.2.")
    return made


def _decay(text: str, whole: str) -> int | float:
    from surefoot.cli.values import literal  # noqa: PLC0415  as above

    value = literal(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ArgumentError(f"--schedules: {whole!r} needs a share such as 0.2 or a number of updates after the colon.")
    return value


def _warmup(fitted: Fitted, asked: dict[str, Any]) -> int:
    warmup = fitted.warmup if asked["warmup"] is None else asked["warmup"]
    if not 0 <= warmup < asked["budget"]:
        raise ArgumentError(f"--warmup={warmup} must be >= 0 and below --budget={asked['budget']}.")
    return int(warmup)


def _written(found: Forecast, out: str) -> None:
    """Write the forecast, the schedule that is expected to end lowest, and the picture."""
    from surefoot.report.page import write  # noqa: PLC0415  as above
    from surefoot.svg import svg  # noqa: PLC0415  as above

    place = Path(out)
    write(place / "forecast.json", found.to_json())
    write(place / "schedule.json", found.best.schedule.to_json())
    write(place / "forecast.svg", svg(found.chart, file=True))


def _told(found: Forecast) -> None:
    from rich.table import Table  # noqa: PLC0415  rich is imported at use

    from surefoot.chart.numbers import rate_text  # noqa: PLC0415  as above
    from surefoot.cli.screen import beside, out, printed  # noqa: PLC0415  as above

    printed(found.chart)
    console = out()
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for head in ("", "schedule", found.column, "nine in ten", "", "decay worth"):
        table.add_column(head, overflow="fold", no_wrap=head != "schedule")
    for one in found.ranking[:_ROWS]:
        table.add_row(*_cells(one))
    console.print(table, soft_wrap=False)
    if len(found) > _ROWS:
        console.print(f"and {len(found) - _ROWS} more, all expected to end higher (--json has them)")
    console.print("")
    beside(console, "Chosen  ", f"{found.best.name}: {found.best.schedule.describe()}", style="bold")
    beside(console, "Law     ", f"{found.law} at peak {rate_text(found.peak)}: {found.formula}")
    weak = [name for name, one in found.constants.items() if one.weak]
    values = ", ".join(f"{name} {one.value:.4g}" for name, one in found.constants.items())
    beside(console, "        ", values + (f"; not identified by these runs: {', '.join(weak)}" if weak else ""))
    beside(console, "Source  ", f"{found.source} [{found.confidence}]")
    for note in (*found.notes, *found.best.notes):
        beside(console, "Note    ", note)
    beside(console, "JSON    ", found.best.schedule.to_json())


def _cells(one: Prediction) -> tuple[str, ...]:
    tie = "tie" if one.tied and one.rank > 1 else "->" if one.rank == 1 else ""
    worth = "" if one.elbow is None else f"{one.elbow.depth:.4f}"
    return str(one.rank), one.name, f"{one.loss:.4f}", f"{one.low:.4f} to {one.high:.4f}", tie, worth
