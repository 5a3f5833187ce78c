"""Choosing constants by what the searches answer from the bank, each configuration tried once for all choices."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from bank import Bank, bank
from constants import Knob, constants
from grid import known
from replay import replayed
from setup import Entry
from suite import SUITE
from truth import Truth, truth

Config = tuple[int, ...]
"""Of every knob: 0 the constant as it is, 1 and 2 its other values."""
Variant = tuple[int, tuple[tuple[Knob, float], ...]]
"""A seed of the bank, and what is changed besides."""
Figures = np.ndarray
"""Of a task: method x variant x (regret in percent, region meets <= 1 %, share of it <= 5 %, its octaves, and the share
of its trials that were read from a run far away)."""

# The searches, and the mean regret in percent that is asked of each; a task counts with at most CAP.
METHODS = {("find", 0.25): 4.0, ("tune", 0.5): 2.0, ("tune", 1): 1.5, ("tune", 3): 0.7}
CAP = 20.0
MOVES = (1, 3, 9)
LEAST = 0.02
"""The share of the score that a move has to gain: what gains less is left as it is."""


@cache
def ground() -> tuple[Bank, dict[str, Truth]]:
    grid = known()
    return bank(), {entry.name: truth(entry.name, grid) for entry in SUITE}


@dataclass(frozen=True)
class Asked:
    """How a task is asked about: with which constants, under which variants."""

    knobs: tuple[Knob, ...]
    config: Config
    variants: tuple[Variant, ...]

    def about(self, entry: Entry) -> Figures:
        found = np.full((len(METHODS), len(self.variants), 5), np.nan)
        changes = [(knob, knob.changes[at - 1]) for knob, at in zip(self.knobs, self.config, strict=True) if at]
        for v, (seed, more) in enumerate(self.variants):
            with constants([*changes, *more]):
                for m, (verb, budget) in enumerate(METHODS):
                    found[m, v] = _figures(entry, seed, verb, budget)
        return found


def _figures(entry: Entry, seed: int, verb: str, budget: float) -> tuple[float, ...]:
    runs, truths = ground()
    peak, replay = replayed(runs, entry, seed, verb, budget)
    there = truths[entry.name]
    afar = len(replay.far) / max(replay.asked, 1)
    if peak.low is None or peak.high is None:
        return 100 * there.regret(peak.lr), np.nan, np.nan, np.nan, afar
    region = peak.low, peak.high
    octaves = float(np.log2(peak.high / peak.low))
    return 100 * there.regret(peak.lr), there.meets(*region), there.share(*region), octaves, afar


Map = Callable[[Callable[[Entry], Figures], Sequence[Entry]], Iterable[Figures]]


@dataclass(frozen=True)
class Tried:
    """Everything that was tried, so that choices share it; ``map`` is that of an executor, or the built-in one."""

    knobs: tuple[Knob, ...]
    entries: Sequence[Entry]
    map: Map
    found: dict[tuple[Config, tuple[Variant, ...], str], Figures] = field(default_factory=dict)

    def figures(self, config: Config, names: Sequence[str], variants: tuple[Variant, ...]) -> Figures:
        """Return the figures of these tasks, one after the other, under a configuration."""
        new = [e for e in self.entries if e.name in names and (config, variants, e.name) not in self.found]
        asked = Asked(self.knobs, config, variants)
        if new:
            print(f"{len(self.found)} tried, {len(new)} at work", file=sys.stderr, flush=True)
        for entry, figures in zip(new, self.map(asked.about, new), strict=True):
            self.found[config, variants, entry.name] = figures
        return np.array([self.found[config, variants, name] for name in names])


@dataclass(frozen=True)
class Choice:
    """How constants are chosen: from ``start``, by the answers under ``variants``."""

    tried: Tried
    start: Config
    variants: tuple[Variant, ...]

    def score(self, config: Config, names: Sequence[str], *, region: bool = False) -> float:
        """Return the sum over searches of mean regret over the mean asked; or what the stated regions lack."""
        figures = self.tried.figures(config, names, self.variants)
        if region:
            return float(np.nanmean(1 - figures[..., 1]) + np.nanmean(1 - figures[..., 2]))
        regrets = np.minimum(figures[..., 0].mean(axis=2), CAP).mean(axis=0)
        return float((regrets / list(METHODS.values())).sum())

    def gain(self, k: int, value: int, names: Sequence[str]) -> float:
        """Return by what share of the score another value of knob ``k`` alone lowers it."""
        region = self.tried.knobs[k].region
        now = self.score(self.start, names, region=region)
        return 1 - self.score(moved(self.start, [(k, value)]), names, region=region) / now

    def best(self, k: int, names: Sequence[str]) -> tuple[float, int]:
        """Return the gain of the best other value of knob ``k``, and that value."""
        others = [value for value in range(len(self.tried.knobs[k].changes) + 1) if value != self.start[k]]
        return max((self.gain(k, value, names), value) for value in others)

    def chosen(self, names: Sequence[str]) -> Config:
        """Return the constants that serve these tasks best: of the moves that help alone the best few together.

        One round of coordinate descent; a region's knob is moved if that helps alone.
        """
        moves = sorted(((*self.best(k, names), k) for k in range(len(self.start))), reverse=True)
        helping = [(k, value) for gain, value, k in moves if gain > LEAST]
        rates = [(k, value) for k, value in helping if not self.tried.knobs[k].region]
        sets = [self.start, *(moved(self.start, rates[:n]) for n in MOVES if n < 3 * len(rates))]
        best = min(sets, key=lambda config: self.score(config, names))
        return moved(best, [(k, value) for k, value in helping if self.tried.knobs[k].region])


def moved(start: Config, moves: Iterable[tuple[int, int]]) -> Config:
    new = dict(moves)
    return tuple(new.get(k, value) for k, value in enumerate(start))
