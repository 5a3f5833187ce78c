"""A phase as the call that makes it: what its repr says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from surefoot.schedule.phase import Phase


def spelled(phase: Phase) -> str:
    """Return the shortest call that makes the phase again: each candidate is tried before it is believed."""
    bare = replace(phase, gain=1.0)
    for piece, text in _calls(bare):
        if piece == bare and piece.times(phase.gain) == phase:
            return text if phase.gain == 1.0 else f"{text}.times({phase.gain!r})"
    fields = (phase.length, phase.start, phase.stop, phase.shape, phase.parameters, phase.gain, phase.window)
    return f"Phase({', '.join(map(repr, fields))})"


def _calls(phase: Phase) -> Iterator[tuple[Phase, str]]:
    if phase.window is None:
        yield phase, _whole(phase)
        return
    a, b, d, of = phase.window
    n, whole = phase.steps, replace(phase, length=of, window=None)
    if b == d == 1:
        last = None if n is None else a + n
        yield whole.part(a, last), f"{_whole(whole)}.part({a}, {last})"
    elif a == 0 and of is not None and n is not None:
        yield whole.sped(n), f"{_whole(whole)}.sped({n})"


def _whole(phase: Phase) -> str:
    if phase.shape == "constant" and phase.start == phase.stop:
        at = "" if phase.start == 1.0 else f", {phase.start!r}"
        return f"hold({phase.length!r}{at})"
    extra = "".join(f", {k}={v!r}" for k, v in phase.parameters)
    shape = "" if phase.shape == "linear" else f", {phase.shape!r}"
    return f"ramp({phase.start!r}, {phase.stop!r}, {phase.length!r}{shape}{extra})"
