"""The options that searches share, and the objects that they become."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any, TypeVar

import click

from surefoot.errors import ArgumentError

F = TypeVar("F", bound=Callable[..., Any])
_OPTIONS = (
    click.argument("task", metavar="TASK"),
    click.option("--total", type=int, help="Updates of the full run. [default: the built-in task's own]"),
    click.option("--recipe", help="The schedule of the full run, a name that `surefoot plan` lists."),
    click.option("--knob", "knob", multiple=True, metavar="NAME=VALUE", help="An argument for the task; repeatable."),
    click.option("--workers", type=click.IntRange(1), help="Run this many trials at once, in processes of their own."),
    click.option("--executor", type=click.Choice(["process", "ray"]), help="Where trials run, if not in this process."),
    click.option("--address", help="The Ray cluster to join, such as ray://head:10001. [default: a local one]"),
    click.option("--cpus", type=float, help="Cores that a trial occupies on a Ray cluster. [default: 1]"),
    click.option("--gpus", type=float, help="GPUs that a trial occupies on a Ray cluster. [default: 0]"),
    click.option("--out", type=click.Path(), help="Directory for the result. [default: surefoot-out/TASK]"),
    click.option("--json", "as_json", is_flag=True, help="Print result.json to standard output, and nothing else."),
)
_BOUNDS = (
    click.option("--low", type=float, help="Lowest rate to try."),
    click.option("--high", type=float, help="Highest rate to try."),
    click.option("--seed", type=int, default=0, show_default=True, help="Seed of every trial."),
    click.option("--curvature", is_flag=True, help="Measure curvature and gradient noise beside it, of an st.task."),
    click.option("--extendable", is_flag=True, help="The run may be extended later: plan warmup, hold, short decay."),
)


def shared(function: F) -> F:
    """Give a verb the options of every search."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def bounded(function: F) -> F:
    """Give a verb the options of ``tune`` and ``find``."""
    for option in reversed(_BOUNDS):
        function = option(function)
    return function


def total_of(task: str, total: int | None) -> int:
    """Return the total: as given, or the built-in task's own; raise ArgumentError if there is neither."""
    from surefoot.tasks.built_in import BUILT_IN  # noqa: PLC0415  help must not pay for it

    if total is not None:
        return total
    if task in BUILT_IN:
        return BUILT_IN[task].total
    raise ArgumentError(f"--total is missing: say how many updates a full run of {task} has, such as --total 10000.")


def said_again(path: str) -> str:
    """Return the command that was typed, as a shell reads it, with the directory it used."""
    context = click.get_current_context()
    parts = [*context.command_path.split(), str(context.params["task"])]
    for option in context.command.params:
        value = context.params.get(str(option.name))
        if not isinstance(option, click.Option) or option.name in {"out", "as_json"} or value in {None, False, ()}:
            continue
        flag = option.opts[0]
        if value is True:
            parts.append(flag)
        elif isinstance(value, tuple):
            parts += [word for one in value for word in (flag, str(one))]
        elif value != option.default:
            parts += [flag, str(value)]
    return shlex.join([*parts, "--out", path])
