"""Other values for the selector's constants, for as long as a search is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Knob:
    """A constant of ``surefoot.search.module``, and its other values: ``how(value, change)`` of each change.

    ``region`` says that it moves the stated region and no rate, so that what the region is worth has to choose it.
    """

    module: str
    name: str
    how: Callable[[Any, float], Any]
    changes: tuple[float, ...]
    region: bool = False

    def called(self, at: int | None = None) -> str:
        """Return what a table calls the knob, or its value number ``at`` (0: as it is)."""
        if at == 0:
            return "as it is"
        part = "" if self.how in {times, plus} else f", {self.how.__name__}"
        sign = "+" if self.how is plus else "x "
        return (
            f"{self.module}.{self.name}{part}" if at is None else f"{sign}{self.changes[at - 1]:g}".replace("+-", "-")
        )


def times(value: Any, factor: float) -> Any:
    return tuple(times(part, factor) for part in value) if isinstance(value, tuple) else value * factor


def plus(value: Any, more: float) -> Any:
    return tuple(plus(part, more) for part in value) if isinstance(value, tuple) else value + more


def first_rungs(designs: Any, factor: float) -> Any:
    """Return the designs with the trials of their first rungs ``factor`` times as far apart."""
    return _spaced(designs, lambda place: factor if place == 0 else 1.0)


def later_rungs(designs: Any, factor: float) -> Any:
    """Return the designs with the trials of all their other rungs ``factor`` times as far apart."""
    return _spaced(designs, lambda place: factor if place else 1.0)


def _spaced(designs: Any, factor: Callable[[int], float]) -> Any:
    return tuple(
        (cost, tuple(replace(rung, spacing=rung.spacing * factor(k)) for k, rung in enumerate(rungs)))
        for cost, rungs in designs
    )


@contextmanager
def constants(changes: Iterable[tuple[Knob, float]]) -> Iterator[None]:
    """Change the constants one after the other, and put all of them back at the end of the block.

    They are set in their modules: no user should turn them, so the selector takes no argument for them.
    """
    with ExitStack() as stack:
        for knob, change in changes:
            module = import_module(f"surefoot.search.{knob.module}")
            if not hasattr(module, knob.name):
                raise SystemExit(f"{module.__name__} has no {knob.name} any more: change the tables of leave_out.py.")
            value = getattr(module, knob.name)
            stack.callback(setattr, module, knob.name, value)
            setattr(module, knob.name, knob.how(value, change))
        yield
