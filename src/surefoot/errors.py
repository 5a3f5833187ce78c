"""The exceptions of surefoot, one tree.

::

    SurefootError
    |-- ArgumentError       a bad argument: its name, its value, the range, what to do  (also ValueError)
    |   `-- KeywordError    a keyword that the function does not take                   (also TypeError)
    |-- PositionError       a schedule asked for a step it does not have                (also ValueError)
    |-- FormatError         a file or text that is not what it claims to be             (also ValueError)
    |-- TaskError           a task that raised, yields nothing, or cannot be rewound    (also RuntimeError)
    |-- JournalError        a journal that belongs to another search                    (also RuntimeError)
    |-- BindingError        an optimizer and a scheduler that lost one another          (also RuntimeError)
    |-- WeightsError        a model and an optimizer state that hold different weights (also RuntimeError)
    |-- GuardStop           a guard that gave a run up; the last good state is on disk  (also RuntimeError)
    `-- MissingExtraError   an optional dependency that is not installed                (also ImportError)
"""

from __future__ import annotations

from pathlib import Path


def kind(value: object) -> str:
    """Return what ``value`` is, in words.

    >>> kind(3), kind([])
    ('an int', 'a list')
    """
    name = type(value).__name__
    return f"an {name}" if name[0] in "aeiouAEIOU" else f"a {name}"


class SurefootError(Exception):
    """Every error that surefoot raises on purpose."""


class ArgumentError(SurefootError, ValueError):
    """A bad argument: the message names it, its value, the allowed range and what to do."""


class KeywordError(ArgumentError, TypeError):
    """A keyword that the function does not take: the message names the function and the nearest keyword."""


class PositionError(SurefootError, ValueError):
    """A schedule was asked for a step that it does not have."""


class FormatError(SurefootError, ValueError):
    """A file or a text that is not what it claims to be."""


class TaskError(SurefootError, RuntimeError):
    """A task that raised, yielded nothing, ended early, or cannot be run again."""


class JournalError(SurefootError, RuntimeError):
    """A journal that belongs to another search, or cannot be written."""


class BindingError(SurefootError, RuntimeError):
    """A scheduler whose optimizer is gone, was copied, or is driven by somebody else."""


class WeightsError(SurefootError, RuntimeError):
    """A model holds other weights than the state of its optimizer was saved beside."""


class GuardStop(SurefootError, RuntimeError):  # noqa: N818  it ends a run on purpose, as StopIteration ends a loop
    """A guard gave a run up: the message says why, ``path`` is the file with the last good state."""

    def __init__(self, message: str, path: Path) -> None:
        super().__init__(message)
        self.path = path


class MissingExtraError(SurefootError, ImportError):
    """An optional dependency is not installed; the message holds the pip command."""
