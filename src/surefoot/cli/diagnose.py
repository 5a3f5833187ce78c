"""surefoot diagnose: what is wrong with a run, from its log, and what to try first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from surefoot.errors import ArgumentError, FormatError

if TYPE_CHECKING:
    from surefoot.curve import Curve
    from surefoot.diagnosis.summing import Diagnosis
    from surefoot.history.columns import History
    from surefoot.schedule.core import Schedule

HELP = """Say what is wrong with the run in LOG, the gravest first, with remedies in the order to try them.

LOG is a file or a folder of any usual kind (transformers, Lightning, Keras, TensorBoard, W&B, MLflow, CSV, JSON
lines, text), or - for standard input, where plain losses will do.

\b
Examples:
  surefoot diagnose trainer_state.json
  surefoot diagnose metrics.csv --map loss=train/loss --html report.html
  surefoot diagnose - <<< "2.5 2.4 2.6 3.1 4.2 nan"
  surefoot diagnose run.jsonl --schedule schedule.json --tried lower-rate --json

Exit codes: 0 no error-level finding, 1 at least one, 2 bad input. With --strict a warning gives 1 as well.
"""


@click.command(help=HELP)
@click.argument("log", metavar="LOG")
@click.option("--map", "maps", multiple=True, metavar="COLUMN=FIELD", help="Name a field by hand; repeatable.")
@click.option("--run", help="Which run of several: its index, its name, or all.")
@click.option("--schedule", type=click.Path(), help="The schedule that the run used, JSON as `plan --json` prints it.")
@click.option("--tried", multiple=True, metavar="TOPIC[=VALUE][@STEP]", help="A remedy that did not help; repeatable.")
@click.option("--curve", type=click.Path(), help="result.json of a search, or a Curve: for the sensitivity.")
@click.option("--html", type=click.Path(dir_okay=False), help="Write the report to this file.")
@click.option("--all", "everything", is_flag=True, help="Show notes too, not only warnings and errors.")
@click.option("--strict", is_flag=True, help="Exit with 1 on warnings too.")
@click.option("--json", "as_json", is_flag=True, help="Print the diagnosis as JSON, and nothing else.")
def command(**asked: Any) -> int:
    """Run the verb."""
    from surefoot.diagnosis.ledger import Tried  # noqa: PLC0415  help must not import NumPy
    from surefoot.diagnosis.summing import diagnosed  # noqa: PLC0415  same

    tried = tuple(map(Tried.of, asked["tried"]))
    plan = None if asked["schedule"] is None else schedule_of(asked["schedule"])
    curve = None if asked["curve"] is None else _curve(asked["curve"])
    runs = _runs(asked["log"], maps_of(asked["maps"]), asked["run"])
    found = tuple(diagnosed(history, plan=plan, tried=tried, curve=curve) for history in runs)
    if asked["html"] is not None:
        _page(found, asked["html"], asked["log"])
    if asked["as_json"]:
        click.echo(json.dumps(_row(found, several=asked["run"] == "all"), indent=1, allow_nan=False))
    else:
        _told(found, asked)
    grave = {"error", "warning"} if asked["strict"] else {"error"}
    return int(any(one.severity in grave for each in found for one in each.findings))


def _runs(log: str, maps: dict[str, str] | None, run: str | None) -> tuple[History, ...]:
    from surefoot.history.reading_logs import read, read_runs  # noqa: PLC0415  as above

    if run == "all":
        return read_runs(log, map=maps)
    named: int | str | None = int(run) if run is not None and run.lstrip("-").isdigit() else run
    return (read(log, map=maps, run=named),)


def maps_of(pairs: tuple[str, ...]) -> dict[str, str] | None:
    """Return COLUMN=FIELD pairs as a dict, None if there are none; ArgumentError for a pair that is none."""
    found = {}
    for pair in pairs:
        column, equals, name = pair.partition("=")
        if not (column and equals and name):
            raise ArgumentError(f"--map {pair!r} must be COLUMN=FIELD, such as loss=train/loss.")
        found[column.strip()] = name.strip()
    return found or None


def schedule_of(path: str) -> Schedule:
    """Return the schedule in the file at ``path``, alone or as part of a result; FormatError if there is none."""
    from surefoot.schedule.core import Schedule  # noqa: PLC0415  as above

    text = _text(path, "schedule")
    data = _loaded(text)
    # A search's result holds its plan beside other things.
    inner = data.get("schedule") if "phases" not in data else None
    try:
        return Schedule.from_json(json.dumps(inner) if isinstance(inner, dict) else text)
    except FormatError as wrong:
        raise FormatError(f"schedule={path!r} holds no schedule: {wrong}") from wrong


def _curve(path: str) -> Curve:
    from surefoot.curve import Curve  # noqa: PLC0415  as above

    _text(path, "curve")
    try:
        return Curve.from_file(path)
    except FormatError as wrong:
        said = "give result.json of a search, its journal, or what Curve.to_json wrote"
        raise FormatError(f"curve={path!r} holds no curve: {said}.") from wrong


def _text(path: str, name: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise ArgumentError(f"{name}={path!r} cannot be read ({reason}).") from None


def _loaded(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _row(found: tuple[Diagnosis, ...], *, several: bool) -> dict[str, Any]:
    if not several:
        return found[0].row()
    # Of several runs the gravest speaks for all.
    rows = [one.row() for one in found]
    worst = max(range(len(rows)), key=lambda k: _gravity(found[k]))
    said = {name: rows[worst][name] for name in ("verdict", "healthy", "name", "headline", "findings")}
    return {**said, "runs": rows}


def _gravity(one: Diagnosis) -> int:
    return max((("info", "warning", "error").index(finding.severity) for finding in one.findings), default=-1)


def _page(found: tuple[Diagnosis, ...], path: str, log: str) -> None:
    from surefoot.report.page import page  # noqa: PLC0415  as above

    name = "standard input" if log == "-" else Path(log).name
    click.echo(f"Wrote {page(found, path, title='Diagnosis of a training run', subtitle=name)}", err=True)


def _told(found: tuple[Diagnosis, ...], asked: dict[str, Any]) -> None:
    from surefoot.cli.telling import several, told  # noqa: PLC0415  rich is imported at use

    if asked["run"] == "all":
        several(found)
    else:
        told(found[0], everything=asked["everything"])
