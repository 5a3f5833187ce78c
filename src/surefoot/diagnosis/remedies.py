"""Remedies: what the troubleshooting checklist advises, in its order, corrected where real logs contradict it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from surefoot.diagnosis.nouns import Edit, Remedy


def remedy(topic: str, text: str, why: str, edit: Edit | None = None) -> Remedy:
    """Return a remedy that has no rank yet."""
    return Remedy(0, text, why, edit, topic)


def ranked(remedies: Iterable[Remedy]) -> tuple[Remedy, ...]:
    """Return the remedies numbered in their order, from 1.

    >>> [one.rank for one in ranked(EXPLOSION)]
    [1, 2, 3, 4, 5, 6]
    """
    return tuple(replace(one, rank=k) for k, one in enumerate(remedies, start=1))


BUG = remedy(
    "data",
    "Rule out a bug first: labels all masked, a log or a division of 0, one broken batch.",
    "no rate cures a loss that is not a number by construction",
)
LOWER = remedy(
    "rate",
    "Lower the peak learning rate by 10x.",
    "an update that is too large is the commonest cause, and the cheapest to rule out",
    Edit("scaled", {"k": 0.1}),
)
WARM_UP = remedy(
    "warmup",
    "Warm up over 5 % of the updates.",
    "early curvature is high, and the optimizer's second moments are not yet measured",
    Edit("warmup", {"steps": 0.05}),
)
CLIP = remedy(
    "clip", "Clip the gradient norm at 1.0.", "one bad batch then moves the weights no further than any other"
)
SCALING = remedy(
    "precision",
    "Check the loss scaling of mixed precision, or train in bfloat16.",
    "float16 overflows beyond 65,504, and bfloat16 does not",
)
DECAY_WEIGHTS = remedy(
    "weight decay", "Use more weight decay.", "growing weights sharpen the loss; decay bounds their norm"
)
EXPLOSION = (BUG, LOWER, WARM_UP, CLIP, SCALING, DECAY_WEIGHTS)
"""NaN, infinity, divergence: the checklist's five, and before them the bug that no rate cures."""
DIVERGED = EXPLOSION[1:]
