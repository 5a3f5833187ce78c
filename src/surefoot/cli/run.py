"""Running a verb: from arguments to an exit code, every error one sentence on standard error.

Exit codes: 0 done, 1 no answer or a run in trouble, 2 bad usage or input, 130 interrupted (Ctrl-C), 141 the reader of
the pipe went away.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from surefoot._version import __version__
from surefoot.cli.lazy import LazyGroup
from surefoot.errors import SurefootError

NO_ANSWER, BAD_INPUT, INTERRUPTED, NO_READER = 1, 2, 130, 141
VERBS = {
    "tune": "Find the peak rate of a task, verify it by short runs, and plan the run.",
    "find": "A first answer from a range test and a few probes.",
    "sweep": "Whole runs over a grid of rates and seeds.",
    "plan": "Any schedule as a plot, a table, JSON, Python code or a picture.",
    "transfer": "A peak rate from one scale to another, by every law that applies.",
    "forecast": "The final loss of schedules, from the logs of one or a few runs at the same peak.",
    "watch": "Follow the log of a run that is training, and say what is wrong as it shows.",
    "diagnose": "What is wrong with a run, from its log, and what to try first.",
    "explain": "What a finding means, why it matters and what to try.",
}
EXAMPLES = """\b
Examples:
  surefoot tune digits --total 3000
  surefoot tune train.py:task --total 10000 --budget 0.5 --out tuned
  surefoot plan wsd --peak 3e-4 --total 10000 --warmup 500
  surefoot diagnose trainer_state.json
  surefoot watch run.jsonl
"""


def run(arguments: list[str]) -> int:
    """Return the exit code of ``surefoot`` called with ``arguments``."""
    try:
        code = _invoked(arguments)
        sys.stdout.flush()
    except click.ClickException as error:
        return _refused(error)
    except SurefootError as error:
        return said(str(error))
    except KeyboardInterrupt:
        click.echo("surefoot: interrupted.", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes once more on exit; give it a place where that can't fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NO_READER
    except OSError as error:
        return said(f"{error.strerror or error}: {error.filename}." if error.filename else f"{error}.")
    return code


def _invoked(arguments: list[str]) -> int:
    group = LazyGroup(
        summaries=VERBS,
        load=_verb,
        noun="verb",
        name="surefoot",
        help=f"Find, plan, watch and explain the learning rate of a training run.\n\n{EXAMPLES}",
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        params=[_version()],
    )
    try:
        with group.make_context("surefoot", arguments) as context:
            return int(group.invoke(context) or 0)
    except click.exceptions.Exit as end:
        return end.exit_code


def _version() -> click.Option:
    def show(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
        if wanted:
            click.echo(f"surefoot {__version__}")
            context.exit()

    return click.Option(
        ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=show, help="Show the version."
    )


def _verb(name: str) -> click.Command:
    command: click.Command = import_module(f"surefoot.cli.{name}").command
    return command


def _refused(error: click.ClickException) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message())
        return 0
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "surefoot"
    return said(f"{error.format_message()} See {path} --help.")


def said(sentence: str) -> int:
    """Write one sentence to standard error and return the exit code of bad input."""
    click.echo("surefoot: " + " ".join(sentence.split()), err=True)
    return BAD_INPUT
