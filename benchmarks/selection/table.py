"""The table: regret and cost of each method, and what its stated regions are worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from methods import Answer
from setup import Entry
from truth import Truth

HEAD = (
    "method", "mean regret (80 % interval)", "median", "worst task", "worst answer", "mean cost", "no answer",
    "region meets <= 1 %", "width with <= 5 %", "median octaves",
)  # fmt: skip
TELLING = 0.03


def table(answers: Sequence[Answer], truths: Mapping[str, Truth]) -> Iterator[str]:
    """Yield the lines of the table of methods, in the order of their first answers."""
    yield "| " + " | ".join(HEAD) + " |"
    yield "|" + "---|" * len(HEAD)
    for method in dict.fromkeys(answer.method for answer in answers):
        yield _row(method, [answer for answer in answers if answer.method == method], truths)


def _row(method: str, answers: Sequence[Answer], truths: Mapping[str, Truth]) -> str:
    by_task = {name: [regret(truths[name], a) for a in answers if a.task == name] for name in truths}
    means = np.array([np.mean(values) for values in by_task.values() if values])
    low, high = interval(means)
    cells = [
        method,
        f"{_percent(means.mean())} ({_percent(low)} to {_percent(high)})",
        _percent(float(np.median(means))),
        _percent(means.max()),
        _percent(max(max(values) for values in by_task.values() if values)),
        f"{np.mean([answer.cost for answer in answers]):.2f}",
        str(sum(answer.lr is None for answer in answers)),
        *_regions(answers, truths),
    ]
    return "| " + " | ".join(cells) + " |"


def regret(truth: Truth, answer: Answer) -> float:
    """Return the regret of the rate, or of the loss that the method's own optimizer ended at."""
    return truth.regret(answer.lr) if answer.loss is None else truth.regret_of(answer.loss)


def interval(means: np.ndarray, draws: int = 4000) -> tuple[float, float]:
    """Return the 80 % interval of the mean over tasks, by bootstrap."""
    picks = np.random.default_rng(0).integers(len(means), size=(draws, len(means)))
    low, high = np.quantile(means[picks].mean(1), (0.1, 0.9))
    return float(low), float(high)


def _regions(answers: Sequence[Answer], truths: Mapping[str, Truth]) -> tuple[str, str, str]:
    stated = [(truths[a.task], a.low, a.high) for a in answers if a.low is not None and a.high is not None]
    if not stated:
        return "", "", ""
    meets = np.mean([truth.meets(low, high) for truth, low, high in stated])
    share = np.mean([truth.share(low, high) for truth, low, high in stated])
    return (
        f"{100 * meets:.0f} %",
        f"{100 * share:.0f} %",
        f"{np.median([np.log2(h / low) for _, low, h in stated]):.1f}",
    )


def tasks(suite: Sequence[Entry], truths: Mapping[str, Truth], answers: Sequence[Answer]) -> Iterator[str]:
    """Yield a line a task: its best rate, how wide its optimum is, and every method's regret (mean over seeds)."""
    methods = list(dict.fromkeys(answer.method for answer in answers))
    yield "| task | half | updates | optimizer | best rate | octaves <= 1 %, <= 5 % | " + " | ".join(methods) + " |"
    yield "|" + "---|" * (6 + len(methods))
    for entry in suite:
        truth = truths[entry.name]
        given = [[regret(truth, a) for a in answers if (a.task, a.method) == (entry.name, m)] for m in methods]
        cells = [entry.name, entry.half, str(entry.total), entry.optimizer, f"{truth.best:.2g}"]
        cells.append(f"{truth.width():.1f}, {truth.width(0.05):.1f}")
        cells += [_percent(float(np.mean(values))) if values else "" for values in given]
        yield "| " + " | ".join(cells) + " |"


def failures(answers: Sequence[Answer], truths: Mapping[str, Truth]) -> Iterator[str]:
    """Yield what was said where it cost more than 3 %."""
    for answer in answers:
        truth = truths[answer.task]
        lost = regret(truth, answer)
        if answer.why and lost > TELLING:
            said = "none" if answer.lr is None else f"{answer.lr:.2g} ({np.log2(answer.lr / truth.best):+.1f} octaves)"
            yield (
                f"- {answer.task}, {answer.method}, seed {answer.seed}: {said}, best {truth.best:.2g}, "
                f"regret {_percent(lost)}: {answer.why}"
            )


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"
