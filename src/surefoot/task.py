"""Task: schedule in, losses out. A task is a function that begins a fresh run and yields once per update.

::

    def task(schedule, seed=0):
        ...build the model from scratch...
        for step in range(schedule.total):
            ...one optimizer update at the rate schedule(step)...
            yield loss                        # a float, a 0-d array or tensor, or a Reading

``driven`` runs one for the searches: it passes the knobs that the signature names, seeds and restores the global
random generators, closes the task's generator whatever happens, and turns what goes wrong into one sentence.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import pickle
import random
import re
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from functools import partial
from typing import Any, cast

import numpy as np

from surefoot.errors import ArgumentError, SurefootError, TaskError
from surefoot.history.reading import Reading
from surefoot.schedule.core import Schedule

Task = Callable[..., Iterator[Any]]
Knobs = Mapping[str, Any]

_SHAPE = "def task(schedule): ... yield loss, once per update"


def checked(task: Any, knobs: Knobs | None = None) -> Task:
    """Return ``task`` if it can be run as one with ``knobs``; raise ArgumentError with what to pass instead."""
    if inspect.isgenerator(task) or (hasattr(task, "__next__") and not callable(task)):
        raise ArgumentError(
            f"task={task!r} is a generator, which runs only once: pass the function that makes it, task, not task(...)."
        )
    if not callable(task):
        raise ArgumentError(f"task={task!r} must be a function of a schedule: {_SHAPE}.")
    named = knob_names(task)
    for knob in knobs or {}:
        if named is not None and knob not in named:
            known = ", ".join(sorted(named)) or "none"
            raise ArgumentError(f"knobs names {knob!r}, which {name_of(task)} does not take: its knobs are {known}.")
    return cast("Task", task)


def knob_names(task: Task) -> frozenset[str] | None:
    """Return the knobs that the signature of ``task`` names, the schedule left out; None if it takes any."""
    try:
        parameters = list(inspect.signature(task).parameters.values())
    except (TypeError, ValueError):
        return frozenset()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    named = [p.name for p in parameters if p.kind in {p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY}]
    first = parameters[0].kind if parameters else None
    return frozenset(named[1:] if first is inspect.Parameter.POSITIONAL_OR_KEYWORD else named)


def names_seed(task: Task) -> bool:
    """Say whether ``task`` takes a ``seed`` by name."""
    try:
        return "seed" in inspect.signature(task).parameters
    except (TypeError, ValueError):
        return False


def name_of(task: Any) -> str:
    """Return the name a person would call ``task`` by.

    >>> name_of(name_of)
    'name_of'
    """
    if isinstance(task, partial):
        return name_of(task.func)
    return str(getattr(task, "__qualname__", None) or type(task).__qualname__)


def source_digest(task: Any) -> str:
    """Return a short digest of the source of ``task``, empty where there is none to read."""
    function = task.func if isinstance(task, partial) else task
    try:
        return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:12]
    except (OSError, TypeError):
        return ""


def check_picklable(task: Any) -> None:
    """Raise TaskError with what to do if ``task`` cannot be sent to another process."""
    try:
        pickle.dumps(task)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise TaskError(
            f"{name_of(task)} can't be sent to another process ({error}): define it at the top level of a module that "
            "the workers can import, or leave executor=None."
        ) from error


def driven(
    task: Task,
    schedule: Schedule,
    *,
    seed: int = 0,
    knobs: Knobs | None = None,
    before: list[Iterator[Any]] | None = None,
    again: Callable[[Schedule], Iterator[Any]] | None = None,
    done: int = 0,
) -> Generator[float | Reading]:
    """Yield what ``task`` yields, as floats and Readings, from a fresh run on ``schedule``.

    The global generators of ``random``, NumPy and (if it is loaded) torch are seeded with ``seed``, which a task that
    names it gets as well, and are given back as they were. Raises TaskError where the task is no generator, yields
    something that is no loss, or raises (chained; ``sys.exit`` too); arithmetic that fails after the first update is
    left as ``ArithmeticError`` with the task's message, because a rate that is too high does that. A generator that
    was started already is refused, and an iterator that is in ``before``, where the caller keeps the last one.
    With ``again`` it is ``again(schedule)`` that is run: it goes on from where a run of the task had made ``done``
    updates.
    """
    arguments = dict(knobs or {})
    if names_seed(task):
        arguments.setdefault("seed", seed)
    with kept_generators(seed):
        stream = _started(
            task, schedule, partial(task, schedule, **arguments) if again is None else partial(again, schedule)
        )
        _check_fresh(task, stream, before)
        try:
            yield from _updates(task, schedule, stream, done)
        finally:
            close = getattr(stream, "close", None)
            if close is not None:
                close()


def _started(task: Task, schedule: Schedule, begin: Callable[[], Iterator[Any]]) -> Iterator[Any]:
    try:
        stream = begin()
    except (Exception, SystemExit) as error:
        if isinstance(error, SurefootError):
            raise
        raise TaskError(_raised(task, schedule, 0, error)) from error
    if hasattr(stream, "__next__"):
        return stream
    if hasattr(stream, "__iter__") and not isinstance(stream, str | bytes | Mapping):
        return iter(stream)
    raise TaskError(f"{name_of(task)} returned {stream!r} instead of an iterator of losses: write it as {_SHAPE}.")


def _check_fresh(task: Task, stream: Iterator[Any], before: list[Iterator[Any]] | None) -> None:
    generator = inspect.isgenerator(stream)
    used = generator and inspect.getgeneratorstate(cast("Generator[Any]", stream)) != inspect.GEN_CREATED
    if used or any(stream is one for one in before or ()):
        raise TaskError(
            f"{name_of(task)} returned an iterator that an earlier run has used: make a fresh run on every call, model "
            "and data inside the function."
        )
    if before is not None and not generator:
        before[:] = [stream]


def _updates(task: Task, schedule: Schedule, stream: Iterator[Any], step: int) -> Generator[float | Reading]:
    while True:
        try:
            # Overflow at a rate that is too high is the answer that a search looks for, not news for the console.
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                value = next(stream)
        except StopIteration:
            return
        except SurefootError:
            raise
        except (Exception, SystemExit) as error:
            if step > 0 and arithmetic(error):
                raise ArithmeticError(f"{type(error).__name__}: {error}") from error
            raise TaskError(_raised(task, schedule, step, error)) from error
        yield value if type(value) is float else loss_of(task, value)
        step += 1


def loss_of(task: Task, value: Any) -> float | Reading:
    """Return what ``task`` yielded as a number or the Reading it is; TaskError for anything else."""
    if isinstance(value, Reading):
        return value
    number = value.item if hasattr(value, "item") else value
    with contextlib.suppress(TypeError, ValueError, RuntimeError):
        if not isinstance(value, str | bytes):
            return float(number() if callable(number) else number)
    shown = f"{value!r:.80}"
    raise TaskError(
        f"{name_of(task)} yielded {shown}, which is no loss: yield a number (loss.item()) or an sf.Reading."
    )


def _raised(task: Task, schedule: Schedule, step: int, error: BaseException) -> str:
    return (
        f"{name_of(task)} raised {type(error).__name__} ({error}) at update {step} of a run with peak "
        f"{schedule.peak:.3g}: run it alone on that schedule to see where."
    )


# What libraries say when numbers have run away (LAPACK, scikit-learn, torch.distributions, NumPy's own warnings).
_SIGNS = re.compile(
    r"\b(nans?|infs?|infinity|overflow|non-finite|not finite|singular|invalid value|converge)\b", re.IGNORECASE
)


def arithmetic(error: BaseException) -> bool:
    """Return whether ``error`` is what numbers that have run away raise, in whichever library.

    >>> arithmetic(ZeroDivisionError()), arithmetic(ValueError("Input contains NaN.")), arithmetic(ValueError("name"))
    (True, True, False)
    """
    algebra = any(kind.__name__ == "LinAlgError" for kind in type(error).__mro__)
    return isinstance(error, ArithmeticError) or algebra or _SIGNS.search(str(error)) is not None


@contextlib.contextmanager
def kept_generators(seed: int | None = None) -> Iterator[None]:
    """Give the global random generators back as they were; inside, they are seeded with ``seed`` unless it is None."""
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002  it is the global generator that is kept
    torch = sys.modules.get("torch")
    tensors = torch.random.get_rng_state() if torch else None
    devices = torch.cuda.get_rng_state_all() if torch and torch.cuda.is_initialized() else None
    if seed is not None:
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002  same
        if torch:
            torch.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002  same
        if torch:
            torch.random.set_rng_state(tensors)
            if devices is not None:
                torch.cuda.set_rng_state_all(devices)
