"""Do the selector's constants serve tasks they were not chosen on? Regenerates benchmarks/results/leave_out.md.

    OMP_NUM_THREADS=1 python benchmarks/selection/leave_out.py [--jobs 2] [--tasks NAME,...] [--out FILE]

Each constant that was chosen on the tasks gets two other values (KNOBS). A task is left out, the values that serve the
others best are chosen, and they are tried on it; so for every task, and for either half of them. Searches are answered
from the bank (bank.py, replay.py) by the selector as it is, so that this takes minutes after any change of it.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from textwrap import fill

import numpy as np
import torch
from bank import RECIPE, SEEDS
from choosing import CAP, LEAST, METHODS, MOVES, Choice, Config, Figures, Map, Tried, ground
from constants import Knob, first_rungs, later_rungs, plus, points, times
from grid import RESULTS
from setup import Entry
from suite import REPORTING, SUITE, TUNING
from table import interval

import surefoot as sf

KNOBS = (
    Knob("belief", "_DRIFT", times, (0.6, 1.6)),
    Knob("belief", "_LEFT", times, (0.7, 1.4)),
    Knob("belief", "_RIGHT", times, (0.7, 1.4)),
    Knob("belief", "_SPREAD", times, (0.6, 1.6)),
    Knob("belief", "_NARROWS", plus, (-0.1, 0.1)),
    Knob("belief", "_STEEPER", times, (0.67, 1.5)),
    Knob("belief", "_COLD", times, (0.5, 1.5)),
    Knob("belief", "_WARM", times, (0.0, 2.0)),
    Knob("belief", "_WHOLE", times, (0.0, 2.0)),
    Knob("belief", "_BY_HEART", times, (0.6, 1.5)),
    Knob("verdict", "_ABOVE", plus, (-0.35, 0.35)),
    Knob("verdict", "_MARGIN", times, (0.6, 1.4)),
    Knob("verdict", "_MORE", times, (0.5, 2.0), region=True),
    Knob("climbing", "_FROM_BLOW", plus, (-1.0, 1.0)),
    Knob("climbing", "_FROM_FALL", plus, (-1.0, 1.0)),
    Knob("climbing", "_FROM_HALF", plus, (-1.0, 1.0)),
    Knob("memorising", "_GAINS", times, (0.6, 1.6)),
    Knob("memorising", "_FALLS", times, (0.4, 2.5)),
    Knob("memorising", "_FLAT", times, (0.4, 2.5)),
    Knob("memorising", "_WORSE", times, (0.4, 2.5)),
    Knob("rungs", "DESIGNS", first_rungs, (0.8, 1.25)),
    Knob("rungs", "DESIGNS", later_rungs, (0.75, 1.33)),
)
# The first bracket is a mean of landmarks moved by these: moved all three, it is where it might as well have fallen.
JITTERED = tuple(Knob("climbing", name, plus) for name in ("_FROM_BLOW", "_FROM_FALL", "_FROM_HALF"))
# While values are chosen the belief has fewer guesses: three times as fast, answers within .04 % at the median.
COARSE = ((Knob("belief", "_WIDTHS", points), 5), (Knob("belief", "_DRIFTS", points), 5))
CHOOSING = tuple(
    (seed, (*((knob, jitter) for knob in JITTERED), *COARSE)) for seed, jitter in zip(SEEDS, (-0.6, 0.6), strict=True)
)
SHOWN = tuple((seed, tuple((knob, jitter) for knob in JITTERED)) for seed in SEEDS for jitter in (-0.6, 0.0, 0.6))
HERE, ELSEWHERE = "as they are", "elsewhere"
STARTS: dict[str, Config] = {HERE: (0,) * len(KNOBS), ELSEWHERE: tuple(1 + k % 2 for k in range(len(KNOBS)))}
OUT = RESULTS.with_name("leave_out.md")
TEXT = """\
{machine}, Python {python}, numpy {numpy}, surefoot {surefoot}; {seconds:.0f} s with {jobs} process(es).

{tasks} tasks of the suite ([selection.md](selection.md)), searches answered from a bank of short runs instead of
training: the nearest rate of a lattice of half octaves, between the two nearest lengths; {far:.1f} % of the trials were
read from a run more than 1.5 times away. Regret is read from the grid of complete runs, as there. Each figure is of
{shown} answers a task: {seeds} seeds of the bank, the first bracket moved by -0.6, 0 and 0.6 octaves. Mean (80 %
interval, bootstrap over tasks) / median / worst task, in percent.

Every constant below has two other values. They are chosen by one round of coordinate descent (of the changes that help
alone, the best {moves} together) on {choosing} answers a task, of a selector with fewer guesses, by the sum over the
searches of mean regret (a task counts with at most {cap:.0f} %) over the mean asked ({asked});
the region's own constant by what regions lack. "One left out": chosen on the other tasks, for each task. "Half left
out": chosen on the half that it is not in. Two starts: the constants as they are, which all tasks have shaped, and
elsewhere, where each has one of its other values, in turn the first and the second, so that what all tasks have shaped
has to be found again (by halves only, for the time it takes). Whatever "chosen on all" has over the rows below it was
fitted to these tasks.
"""

KNOWN = """\
Alone: by what share of the score each other value is better (+) or worse (-), all else as it is. Unseen: the same, for
the better value as the other tasks choose it (none, if none helps), on the task left out. Then: how many leave-outs
chose which value, and what the tuning and the reporting half chose, from either start.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1, help="processes (1)")
    parser.add_argument("--tasks", help="only these, separated by commas")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    torch.set_num_threads(1)
    runs, _ = ground()
    whole = [e for e in SUITE if all((e.name, RECIPE, seed) in runs.runs for seed in SEEDS)]
    entries = [e for e in whole if given.tasks is None or e.name in given.tasks.split(",")]
    began = time.perf_counter()
    with mapped(given.jobs) as together:
        # Range tests that the bank lacks are run here, once, before processes share it.
        tried = Tried(KNOBS, entries, map)
        now = tried.figures(STARTS[HERE], [entry.name for entry in entries], SHOWN)
        body = list(report(Tried(KNOBS, entries, together, tried.found)))
    head = TEXT.format(
        machine=platform.machine(),
        python=platform.python_version(),
        numpy=np.__version__,
        surefoot=sf.__version__,
        seconds=time.perf_counter() - began,
        jobs=given.jobs,
        tasks=len(entries),
        far=100 * now[..., 4].mean(),
        shown=len(SHOWN),
        seeds=len(SEEDS),
        choosing=len(CHOOSING),
        cap=CAP,
        moves=", ".join(map(str, MOVES)),
        asked="; ".join(f"{label(m)}: {asked:g} %" for m, asked in METHODS.items()),
    )
    title = "# Constants chosen without the task they are tried on"
    paragraphs = [fill(paragraph, 120) + "\n" for paragraph in head.split("\n\n")]
    given.out.write_text("\n".join([title, "", *paragraphs, *body]) + "\n")


@contextmanager
def mapped(jobs: int) -> Iterator[Map]:
    """Yield a ``map`` over tasks, in this process or in several that share what it has read."""
    if jobs == 1:
        yield map
        return
    with ProcessPoolExecutor(jobs, get_context("fork")) as executor:
        yield partial(executor.map, chunksize=1)


def report(tried: Tried) -> Iterator[str]:
    names = [entry.name for entry in tried.entries]
    choices = {origin: Choice(tried, start, CHOOSING) for origin, start in STARTS.items()}
    picks = {origin: picked(choice, tried.entries, singly=origin == HERE) for origin, choice in choices.items()}
    rows = {
        (origin, how): np.concatenate([tried.figures(config[name], [name], SHOWN) for name in names])
        for origin, found in picks.items()
        for how, config in found.items()
    }
    yield "## Regret\n"
    yield from regrets(rows)
    yield "\n## Stated regions: met (a rate of at most 1 % is inside) / share with at most 5 % / median octaves\n"
    yield from regions(rows)
    yield "\n## The constants\n"
    yield from knobs(choices[HERE], picks, names)
    yield "\n## Tasks that lose most by being left out\n"
    yield from losers(rows, names)


def picked(choice: Choice, entries: Sequence[Entry], *, singly: bool) -> dict[str, dict[str, Config]]:
    """Return, for each way of choosing, the constants that every task is tried with."""
    names = [entry.name for entry in entries]
    halves = {half: [entry.name for entry in entries if entry.half == half] for half in (TUNING, REPORTING)}
    half = {this: choice.chosen(halves[that]) for this, that in ((TUNING, REPORTING), (REPORTING, TUNING))}
    found = {"start": dict.fromkeys(names, choice.start), "chosen on all": dict.fromkeys(names, choice.chosen(names))}
    if singly:
        found["one left out"] = {name: choice.chosen([other for other in names if other != name]) for name in names}
    return found | {"half left out": {entry.name: half[entry.half] for entry in entries}}


def regrets(rows: dict[tuple[str, str], Figures]) -> Iterator[str]:
    yield "| from | constants | " + " | ".join(map(label, METHODS)) + " |"
    yield "|" + "---|" * (2 + len(METHODS))
    for (origin, how), figures in rows.items():
        cells = []
        for means in figures[..., 0].mean(axis=2).T:
            low, high = interval(means)
            cells.append(f"{means.mean():.2f} ({low:.1f} to {high:.1f}) / {np.median(means):.2f} / {means.max():.1f}")
        yield f"| {origin} | {how} | " + " | ".join(cells) + " |"


def regions(rows: dict[tuple[str, str], Figures]) -> Iterator[str]:
    yield "| from | constants | " + " | ".join(map(label, METHODS)) + " |"
    yield "|" + "---|" * (2 + len(METHODS))
    for (origin, how), figures in rows.items():
        stated = [figures[:, m].reshape(-1, figures.shape[-1]) for m in range(len(METHODS))]
        means = [(np.nanmean(f[:, 1]), np.nanmean(f[:, 2]), np.nanmedian(f[:, 3])) for f in stated]
        cells = [f"{100 * met:.0f} % / {100 * good:.0f} % / {octaves:.1f}" for met, good, octaves in means]
        yield f"| {origin} | {how} | " + " | ".join(cells) + " |"


def knobs(choice: Choice, picks: dict[str, dict[str, dict[str, Config]]], names: Sequence[str]) -> Iterator[str]:
    """Yield what each constant does alone, from the constants as they are, and where choices put it."""
    yield KNOWN
    yield f"| constant | alone | unseen | one left out | halves, {HERE} | halves, {ELSEWHERE} |"
    yield "|---|---|---|---|---|---|"
    some = {entry.half: entry.name for entry in choice.tried.entries}
    for k, knob in enumerate(choice.tried.knobs):
        alone = ", ".join(f"{knob.called(v)}: {100 * choice.gain(k, v, names):+.1f} %" for v in (1, 2))
        counts = Counter(config[k] for config in picks[HERE]["one left out"].values()).most_common()
        often = ", ".join(f"{knob.called(value)}: {n}" for value, n in counts)
        # What a task of one half is tried with was chosen on the other half.
        halves = [
            ", ".join(knob.called(picks[origin]["half left out"][some[half]][k]) for half in (REPORTING, TUNING))
            for origin in STARTS
        ]
        cells = [knob.called(), alone, f"{100 * unseen(choice, k, names):+.1f} %", often, *halves]
        yield "| " + " | ".join(cells) + " |"


def unseen(choice: Choice, k: int, names: Sequence[str]) -> float:
    """Return the share of the score that a knob gains on tasks that had no say in its value."""
    region = choice.tried.knobs[k].region
    lost = whole = 0.0
    for name in names:
        gain, value = choice.best(k, [other for other in names if other != name])
        config = tuple(value if at == k and gain > LEAST else now for at, now in enumerate(choice.start))
        whole += choice.score(choice.start, [name], region=region)
        lost += choice.score(config, [name], region=region)
    return 1 - lost / whole


def losers(rows: dict[tuple[str, str], Figures], names: Sequence[str], count: int = 8) -> Iterator[str]:
    yield "Mean regret with the constants chosen on all tasks, and with those chosen without this one.\n"
    before, after = (rows[HERE, how][..., 0].mean(axis=2) for how in ("chosen on all", "one left out"))
    worst = np.argsort((before - after).ravel())[:count]
    for t, m in zip(*np.unravel_index(worst, before.shape), strict=True):
        if after[t, m] - before[t, m] > 0.05:
            yield f"- {names[t]}, {label(list(METHODS)[m])}: {before[t, m]:.1f} to {after[t, m]:.1f} %"


def label(method: tuple[str, float]) -> str:
    return f"{method[0]} {method[1]:g}"


if __name__ == "__main__":
    main()
