"""surefoot plan: any recipe as a plot, a table, JSON, Python code or a picture."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from surefoot.cli.lazy import LazyGroup
from surefoot.cli.recipes import RECIPES, given, options, recipe_function
from surefoot.errors import ArgumentError

if TYPE_CHECKING:
    from surefoot.schedule.core import Schedule

EXAMPLES = """\b
Examples:
  surefoot plan cosine --peak 3e-4 --total 10000 --warmup 500 --floor 0.1
  surefoot plan wsd --peak 1e-3 --total 90ep --steps-per-epoch 1250 --table
  surefoot plan step-decay --peak 0.1 --total 1000 --at 0.3,0.6,0.9 --python
  surefoot plan one-cycle --peak 0.1 --total 1000 --json > schedule.json
"""
_ROWS = 24
_WAYS = ("table", "json", "python", "svg", "png", "stop")


def _recipe_command(name: str) -> click.Command:
    recipe = recipe_function(name)
    ways = [
        click.Option(["--table"], is_flag=True, help="Print steps and rates."),
        click.Option(["--json"], is_flag=True, help="Print the schedule as JSON (Schedule.from_json reads it)."),
        click.Option(["--python"], is_flag=True, help="Print the Python code that makes it."),
        click.Option(
            ["--svg"],
            type=click.Path(dir_okay=False),
            help="Write a picture to this .svg file; its folder is made if missing.",
        ),
        click.Option(
            ["--png"], type=click.Path(dir_okay=False), help="Write a picture to this .png file (matplotlib)."
        ),
        click.Option(["--stop"], type=int, help="How far to show an open schedule, in updates."),
    ]
    taken = {option.name for option in options(recipe)}
    shown = [way for way in ways if way.name not in taken]

    def callback(**values: Any) -> int:
        return _planned(name, values)

    formula = inspect.cleandoc(recipe.__doc__ or "").partition(">>>")[0].replace("``", "").strip()
    return click.Command(
        name.replace("_", "-"),
        params=[*options(recipe), *shown],
        callback=callback,
        help=f"{RECIPES[name][1]}\n\n{formula}",
    )


def _planned(name: str, values: Mapping[str, Any]) -> int:
    ways = {way: values.get(way) for way in _WAYS}
    printed = [f"--{way}" for way in ("json", "python", "table") if ways[way]]
    if len(printed) > 1:
        raise ArgumentError(f"{' and '.join(printed)} all print to standard output: pass one of them.")
    arguments, clock = given({key: value for key, value in values.items() if key not in _WAYS})
    schedule = made(name, arguments, clock)
    if ways["json"]:
        click.echo(schedule.to_json())
    if ways["python"]:
        click.echo(written(name, arguments, clock))
    if ways["table"]:
        _table(schedule, ways["stop"])
    _pictures(schedule, ways)
    if not any(ways[way] for way in ("json", "python", "table", "svg", "png")):
        _shown(schedule, ways["stop"], written(name, arguments, clock))
    return 0


def made(name: str, arguments: Mapping[str, Any], clock: Mapping[str, float]) -> Schedule:
    """Return the schedule of recipe ``name``; raise ArgumentError in the recipe's own words."""
    from surefoot.schedule.lengths import Clock  # noqa: PLC0415  help must not import NumPy

    extra = {"clock": Clock(**clock)} if clock else {}
    try:
        schedule: Schedule = recipe_function(name)(**arguments, **extra)
    except TypeError as error:
        raise ArgumentError(f"{name}: {error}; see surefoot plan {name} --help.") from error
    return schedule


def written(name: str, arguments: Mapping[str, Any], clock: Mapping[str, float]) -> str:
    """Return the Python code of the call.

    >>> print(written("cosine", {"peak": 3e-4, "total": 1000}, {}))
    import surefoot as sf
    <BLANKLINE>
    schedule = sf.cosine(0.0003, total=1000)
    """
    first = next(iter(arguments), None)
    parts = [
        repr(v) if k == first and k in {"peak", "scale", "values", "points"} else f"{k}={v!r}"
        for k, v in arguments.items()
    ]
    if clock:
        parts.append(f"clock=sf.Clock({', '.join(f'{k}={v!r}' for k, v in clock.items())})")
    return f"import surefoot as sf\n\nschedule = sf.{name}({', '.join(parts)})"


def _shown(schedule: Schedule, stop: int | None, code: str) -> None:
    from surefoot.chart import schedule_chart  # noqa: PLC0415  as above
    from surefoot.cli.screen import printed  # noqa: PLC0415  rich is imported at use

    click.echo(schedule.describe() + "\n")
    printed(schedule_chart(schedule, stop=stop))
    click.echo("\n" + code)


def _table(schedule: Schedule, stop: int | None) -> None:
    from surefoot.chart.nouns import drawn_end  # noqa: PLC0415  as above
    from surefoot.chart.numbers import drawn_steps  # noqa: PLC0415  as above

    last = drawn_end(schedule) if stop is None else stop
    if last < 1:
        raise ArgumentError(f"stop={stop} must be at least 1 update.")
    width = max(len(str(last)), 6)
    click.echo(f"{'update':>{width}}  rate")
    for step in drawn_steps(last, schedule.starts, _ROWS):
        click.echo(f"{step:>{width}}  {schedule(step):.6g}")


def _pictures(schedule: Schedule, ways: Mapping[str, Any]) -> None:
    if not (ways["svg"] or ways["png"]):
        return
    from surefoot.chart import schedule_chart  # noqa: PLC0415  as above

    chart = schedule_chart(schedule, stop=ways["stop"])
    if ways["svg"]:
        from surefoot.report.page import write  # noqa: PLC0415  as above
        from surefoot.svg import svg  # noqa: PLC0415  as above

        click.echo(f"Wrote {write(Path(ways['svg']), svg(chart, file=True) + chr(10))}", err=True)
    if ways["png"]:
        from surefoot.report.plot import save  # noqa: PLC0415  matplotlib is an extra

        click.echo(f"Wrote {save(chart, Path(ways['png']))}", err=True)


command = LazyGroup(
    summaries={name.replace("_", "-"): line for name, (_, line) in RECIPES.items()},
    load=lambda name: _recipe_command(name.replace("-", "_")),
    noun="recipe",
    name="plan",
    help=f"Show any schedule: a plot, a table, JSON, Python code or a picture.\n\n{EXAMPLES}",
    subcommand_metavar="RECIPE [OPTIONS]",
)
