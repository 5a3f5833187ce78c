"""Branching: a trial goes on from before the cooldown of a shorter one at its rate, and pays only for the rest."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from surefoot.search.running import Request
from surefoot.search.shelf import Place
from surefoot.trial import Trial

SNAP = 0.3
"""The share of its rung's spacing that a trial is moved by, at most, to go on from a shorter one.

Replayed on 28 tasks, with two seeds each, shares of .2 to .5 left the regret of ``tune`` as it was.
"""
KEPT = 2
"""Runs of a rung that are kept for the next one: those of the best trials, near which it is placed."""
FEWEST = 3
"""Trials of a rung whose rates may be moved: of two, what they say hangs on how far apart they are."""


def steady(request: Request) -> int:
    """Return for how many updates the schedule is at the rate itself, from the first one on."""
    rates = request.schedule.array(0, request.steps)
    off = np.flatnonzero(rates != request.lr)
    return int(off[0]) if off.size else len(rates)


def kept(request: Request, later: Request | None) -> Request:
    """Return the request to keep its run before the cooldown, if ``later``, a longer one, could go on from there."""
    at = steady(request)
    wanted = later is not None and 0 < at < request.steps and at <= steady(later)
    return replace(request, keep=at) if wanted else request


def trunks(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials of a rung that the next one may go on from."""
    able = [trial for trial in trials if trial.trunk and not trial.failed]
    return sorted(able, key=lambda trial: trial.loss)[:KEPT]


def place(trial: Trial) -> Place:
    """Return where on a shelf the run of a trial stands."""
    return trial.lr, trial.trunk


def grafted(
    octaves: Sequence[float], spacing: float, make: Callable[[float], Request], old: Sequence[Trial]
) -> list[Request]:
    """Return the requests at ``octaves``, each moved to the rate of one of ``old`` that it can go on from, if any."""
    left, requests = list(old), []
    for octave in octaves:
        near = min(left, key=lambda trial: abs(math.log2(trial.lr) - octave), default=None)
        grown = None if near is None or abs(math.log2(near.lr) - octave) > SNAP * spacing else make(near.lr)
        if near is None or grown is None or not near.trunk <= min(steady(grown), grown.steps - 1):
            requests.append(make(2.0**octave))
            continue
        left.remove(near)
        requests.append(replace(grown, since=near.trunk))
    return requests
