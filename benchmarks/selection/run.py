"""How good is the peak that each method recommends, and at what cost? Regenerates benchmarks/results/selection.md.

    OMP_NUM_THREADS=1 python benchmarks/selection/run.py [--anew] [--tasks NAME,...] [--out FILE]

The ground truth (benchmarks/results/selection/grid.jsonl) and the answers (answers.jsonl beside it) are kept: what is
there is not run again, so a killed run goes on. --anew forgets the answers of surefoot's own searches, which is what
to do after changing them. Everything from nothing takes about an hour on one core, --anew about ten minutes.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from grid import RESULTS, SEEDS, append, completed, lines
from methods import OWN, SIMPLE, Answer, Method
from peers import PEERS, VERSIONS
from setup import Entry
from suite import REPORTING, SUITE, TUNING
from table import failures, table, tasks
from truth import Truth, truth

ANSWERS = RESULTS / "answers.jsonl"
ASKED = (10, 11, 12)
"""The seeds under which the methods are asked: none of those of the ground truth."""
METHODS: dict[str, Method] = OWN | SIMPLE | PEERS
TEXT = """\
Regret: (final validation loss of a full run at the rate - best) / (loss at initialisation - best), at most 100 %, read
from complete runs over a grid of rates ({seeds} seeds, half an octave apart near the best, linear in the logarithm
between them). Cost: updates counted outside, in full runs; one held-out batch is a third of an update. Each method is
asked under {asked} seeds, none of them one of the grid's. Interval: 80 %, bootstrap over tasks. The last columns say
how often a stated region holds a rate of at most 1 % regret, what share of its width has at most 5 %, and how wide it
is. A selector may be tuned on the tuning half, and is to be believed on the reporting half. surefoot's own constants
were last looked at on all tasks, so that neither half is unseen: other tasks have to confirm them.

The peers are asked through their own public APIs, at their own defaults, on all tasks under the same seeds; one that
is not installed keeps the answers it gave before. Optuna's is its tree-structured Parzen estimator with successive
halving. Prodigy, D-Adapt Adam and Schedule-Free AdamW take the place of the task's own optimizer, its clip kept, at
their default rate and under the schedule that their authors ask for. They search nothing, so they cost nothing; their
regret is that of the final validation loss of their own run, by the same formula, and at least 0 %.
Versions: {versions}.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--anew", action="store_true", help="ask surefoot's searches again")
    parser.add_argument("--tasks", help="only these, separated by commas")
    parser.add_argument("--out", type=Path, default=RESULTS.with_suffix(".md"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    names = given.tasks.split(",") if given.tasks else [entry.name for entry in SUITE]
    suite = [entry for entry in SUITE if entry.name in names]
    if given.anew:
        forget(names)
    known = completed(suite)
    truths = {entry.name: truth(entry.name, known) for entry in suite}
    answers = asked(suite)
    given.out.write_text("\n".join(report(suite, truths, answers)) + "\n")


def forget(names: Sequence[str]) -> None:
    """Remove the answers of surefoot's own searches about these tasks."""
    kept = [record for record in lines(ANSWERS) if record["method"] not in OWN or record["task"] not in names]
    ANSWERS.unlink(missing_ok=True)
    for record in kept:
        append(ANSWERS, record)


def asked(suite: Sequence[Entry]) -> list[Answer]:
    """Return every method's answer about every task, asking where there is none yet."""
    found = {(r["task"], r["method"], r["seed"]): Answer(**r) for r in lines(ANSWERS)}
    answers = []
    for seed in ASKED:
        for label, method in METHODS.items():
            for entry in suite:
                answer = found.get((entry.name, label, seed))
                if answer is None:
                    answer = method(entry, seed)
                    append(ANSWERS, asdict(answer))
                answers.append(answer)
    names = {entry.name for entry in suite}
    return answers + [a for a in found.values() if a.method not in METHODS and a.task in names]


def report(suite: Sequence[Entry], truths: dict[str, Truth], answers: Sequence[Answer]) -> Iterator[str]:
    yield "# The recommended peak: regret and cost\n"
    yield f"{platform.machine()}, one thread, Python {platform.python_version()}, torch {torch.__version__}.\n"
    yield TEXT.format(seeds=len(SEEDS), asked=len(ASKED), versions=VERSIONS)
    for title, halves in (("All", (TUNING, REPORTING)), ("Tuning", (TUNING,)), ("Reporting", (REPORTING,))):
        names = {entry.name for entry in suite if entry.half in halves}
        if names:
            yield f"## {title}: {len(names)} tasks\n"
            some = [answer for answer in answers if answer.task in names]
            yield from table(some, {name: found for name, found in truths.items() if name in names})
            yield ""
    yield "## Each task\n"
    yield from tasks(suite, truths, answers)
    yield "\n## What was said where it cost more than 3 %\n"
    yield from failures(answers, truths)


if __name__ == "__main__":
    main()
