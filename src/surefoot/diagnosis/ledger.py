"""Ledger: what was tried already. What failed is not advised first again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from surefoot.diagnosis.headline import turned
from surefoot.diagnosis.nouns import Finding, Remedy
from surefoot.diagnosis.remedies import ranked, remedy
from surefoot.errors import ArgumentError, kind
from surefoot.history.columns import Column, History

ENOUGH = 2
"""Lower rates that only delayed a divergence, after which the rate is no longer advised."""
_WORDS = {
    **dict.fromkeys(("rate", "lr", "lower-lr", "lower-peak", "peak"), "lower rate"),
    **dict.fromkeys(("higher-lr", "raise-rate", "higher-peak"), "higher rate"),
    **dict.fromkeys(("longer-warmup", "warm-up"), "warmup"),
    **dict.fromkeys(("clipping", "gradient-clipping"), "clip"),
    **dict.fromkeys(("init", "smaller-init"), "initialisation"),
    **dict.fromkeys(("bf16", "bfloat16", "fp16", "float16", "loss-scale", "scaling"), "precision"),
    **dict.fromkeys(("skip-data", "bug", "labels"), "data"),
    **dict.fromkeys(("batch-size", "larger-batch"), "batch"),
}


@dataclass(frozen=True)
class Tried:
    """One remedy that was tried: the ``topic`` that was turned, to which ``value``, and the ``step`` where it failed.

    ``topic`` is that of a Remedy; of a rate, "lower rate" or "higher rate". ``step`` is where the trouble came back
    (None if that is not known). Raises ArgumentError for a topic that is no text.
    """

    topic: str
    value: float | None = None
    step: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.topic, str) or not self.topic.strip():
            raise ArgumentError(
                f"topic={self.topic!r} is {kind(self.topic)}: say what was tried, such as 'lower-rate'."
            )
        word = self.topic.strip().lower().replace("_", "-").replace(" ", "-")
        object.__setattr__(self, "topic", _WORDS.get(word, word.replace("-", " ")))

    @classmethod
    def of(cls, text: str) -> Tried:
        """Return what ``text`` says: TOPIC, TOPIC=VALUE, or either with @STEP for where the trouble came back.

        Raises ArgumentError for a value or a step that is no number.

        >>> Tried.of("rate=1e-5@12000"), Tried.of("clip")
        (Tried(topic='lower rate', value=1e-05, step=12000), Tried(topic='clip', value=None, step=None))
        """
        rest, at, step = text.partition("@")
        topic, equals, value = rest.partition("=")
        try:
            return cls(topic, float(value) if equals else None, int(step) if at else None)
        except (ValueError, OverflowError):
            said = "TOPIC, TOPIC=VALUE or TOPIC=VALUE@STEP, such as lower-rate, rate=1e-4 or rate=1e-4@9000"
            raise ArgumentError(f"tried={text!r} must be {said}.") from None


def advised(findings: Iterable[Finding], tried: Sequence[Tried]) -> tuple[Finding, ...]:
    """Return the findings with remedies ranked by what was ``tried``: what failed comes last, and says so.

    Where a run is unstable and two or more lower rates were tried, each of them only delayed it: lower rates are no
    longer advised, and initialisation, data and precision come first. BLOOM 104B went through 6e-5, 3e-5, 1e-5 and four
    times the warmup, each died later, and a smaller standard deviation at initialisation (.02 to .006) cured it. The
    opposite is known too: OPT-175B was steadied by lower rates, at its first attempts.

    >>> from surefoot.diagnosis.remedies import DIVERGED
    >>> run = Finding("SF102", "divergence", 9, "error", 1.0, "Loss 9, expected below 3.", {}, ranked(DIVERGED))
    >>> [one.topic for one in advised([run], [Tried("lower-rate"), Tried("lower-rate")])[0].remedies][:3]
    ['initialisation', 'data', 'precision']

    Source: the diary of bigscience-workshop/bigscience, train/tr8-104B-wide, 2021.
    """
    return tuple(replace(one, remedies=_reranked(one, tuple(tried))) if one.remedies else one for one in findings)


def _reranked(finding: Finding, tried: tuple[Tried, ...]) -> tuple[Remedy, ...]:
    lower = [one for one in tried if one.topic == "lower rate"]
    remedies = finding.remedies
    if len(lower) >= ENOUGH and finding.code.startswith("SF1") and any(map(_lowers, remedies)):
        kept = [
            one for one in remedies if not _lowers(one) and one.topic not in {"initialisation", "data", "precision"}
        ]
        remedies = (*_instead(lower), *kept)
    topics = {one.topic for one in tried}
    fresh = [one for one in remedies if turned(one) not in topics]
    again = [replace(one, why=f"tried already; {one.why}") for one in remedies if turned(one) in topics]
    return ranked((*fresh, *again))


def _lowers(one: Remedy) -> bool:
    return turned(one) == "lower rate"


def _instead(lower: Sequence[Tried]) -> tuple[Remedy, ...]:
    steps = [f"{one.step:,}" for one in lower if one.step is not None]
    where = f", at steps {' and '.join(steps)}" if len(steps) > 1 else ""
    return (
        remedy(
            "initialisation",
            "Make the initial weights smaller (standard deviation .02 to .006), or normalise queries and keys.",
            f"{len(lower)} lower rates were tried and the run diverged again{where}: the rate is not the cause",
        ),
        remedy(
            "data",
            "Look at the batches before each divergence; go back about 100 updates and skip 200 to 500 of them.",
            "a few bad batches at one place of the data stop every rate that reaches it",
        ),
        remedy(
            "precision",
            "Train in bfloat16, and keep softmax, normalisation and the loss in float32.",
            "float16 overflows beyond 65,504 as activations grow, whatever the rate",
        ),
    )


def lessons(history: History) -> tuple[Tried, ...]:
    """Return the lower rates that a log itself shows: a run that went bad, was taken up lower, and went bad again.

    Reads the fact ``resumes`` (steps) and the column ``lr``. A stretch between two resumes went bad where it ends in a
    loss that is not finite or above 1.3 times its lowest; a lower rate is at most 0.9 times the one before the resume.
    """
    resumes = history.origin.facts.get("resumes", ())
    if not isinstance(resumes, tuple) or "lr" not in history.names or not resumes:
        return ()
    step, lr = history["step"], history["lr"]
    loss, said = history["loss"], history.said("loss")
    cuts = sorted({int(np.searchsorted(step, at)) for at in resumes})
    bounds = [0, *(cut for cut in cuts if 0 < cut < len(step)), len(step)]
    parts = [slice(a, b) for a, b in pairwise(bounds)]
    found = []
    for before, after in pairwise(parts):
        old, new = (values[np.isfinite(values)] for values in (lr[before], lr[after]))
        lower = len(old) and len(new) and 0 < new.max() <= 0.9 * np.median(old[-5:])
        if lower and all(_went_bad(loss[part][said[part]]) for part in (before, after)):
            found.append(Tried("lower rate", float(new.max()), int(step[after][-1])))
    return tuple(found)


def _went_bad(loss: Column) -> bool:
    finite = loss[np.isfinite(loss)]
    if len(finite) < 2 or not np.isfinite(loss[-1]):
        return len(loss) > 0 and not np.isfinite(loss[-1])
    return bool(float(np.median(finite[-3:])) > 1.3 * float(finite.min()) > 0)
