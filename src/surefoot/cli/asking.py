"""The options that searches share, and the objects that they become."""

from __future__ import annotations

import multiprocessing
import shlex
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from surefoot.errors import ArgumentError

F = TypeVar("F", bound=Callable[..., Any])
_OPTIONS = (
    click.argument("task", metavar="TASK"),
    click.option("--total", type=int, help="Updates of the full run. [default: the built-in task's own]"),
    click.option("--recipe", help="The schedule of the full run, a name that `surefoot plan` lists."),
    click.option("--knob", "knob", multiple=True, metavar="NAME=VALUE", help="An argument for the task; repeatable."),
    click.option("--workers", type=click.IntRange(1), help="Run trials in this many processes."),
    click.option("--out", type=click.Path(), help="Directory for the result. [default: surefoot-out/TASK]"),
    click.option("--json", "as_json", is_flag=True, help="Print result.json to standard output, and nothing else."),
)
_BOUNDS = (
    click.option("--low", type=float, help="Lowest rate to try."),
    click.option("--high", type=float, help="Highest rate to try."),
    click.option("--seed", type=int, default=0, show_default=True, help="Seed of every trial."),
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


@contextmanager
def pool(workers: int | None) -> Iterator[Executor | None]:
    """Yield an executor of ``workers`` fresh processes, or None for this process; Ctrl-C is for this process alone."""
    if workers is None:
        yield None
        return
    executor = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))
    # The workers inherit a blocked Ctrl-C, and none falls into their start, which would leave them half born.
    old = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        wait([executor.submit(int) for _ in range(workers)])
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, old)
    try:
        yield executor
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        # After Ctrl-C a worker may be in the middle of a trial that nobody waits for any more.
        for child in multiprocessing.active_children():
            child.terminate()


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
