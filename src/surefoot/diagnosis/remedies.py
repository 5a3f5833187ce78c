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
HALVE = remedy(
    "rate",
    "Lower the peak learning rate to a half.",
    "the run trains at this rate, so the edge is near and not far below",
    Edit("scaled", {"k": 0.5}),
)
BETA2 = remedy(
    "momentum",
    "Lower beta2 of an Adam-type optimizer to 0.95.",
    "squared gradients remembered too long underestimate a gradient that suddenly grew",
)
BATCHES = remedy("data", "Look at the batches in which it happens.", "broken or unlike data spikes at any rate")
UNSTABLE = (CLIP, HALVE, WARM_UP, BETA2, BATCHES)
"""A run that trains and is near its edge."""
LEAVE = remedy("none", "Leave it: the loss came back. Keep a checkpoint from before.", "a healed spike needs no cure")
ROLL_BACK = remedy(
    "data",
    "If one does not come back, roll back about 100 steps and skip the next 200 to 500 batches.",
    "PaLM (arXiv 2204.02311, 2022) did so: the same batches from other weights did no harm",
)
HEALED = (LEAVE, CLIP, ROLL_BACK)
MOMENTUM = remedy(
    "momentum",
    "Use less momentum.",
    "the terminal speed of heavy-ball momentum is rate / (1 - momentum), and Nesterov lowers the edge of stability",
)
NORMALISE = remedy(
    "normalisation",
    "Look at how the optimizer and the normalisation fit together.",
    "weight decay on scale-invariant weights raises their effective rate, rate / |w|^2",
)
OSCILLATING = (HALVE, MOMENTUM, CLIP, NORMALISE)
HIGHER = remedy(
    "rate",
    "Raise the peak learning rate by 3x, or find it: surefoot find, st.find.",
    "the loss falls in a straight line, as it does while updates are too small to matter",
    Edit("scaled", {"k": 3.0}),
)
RANGE_TEST = remedy(
    "find",
    "Find the rate with a range test and short runs: surefoot tune.",
    "a plateau looks the same from a rate too low, a batch too noisy and labels that say nothing",
)
LONGER_HOLD = remedy(
    "decay", "Plan a longer hold before the decay (WSD).", "a rate that decays too early stops the progress it shows"
)
LARGER_BATCH = remedy(
    "batch", "Use a larger batch, if it is below the gradient noise scale.", "above it a larger batch gains nothing"
)
LABELS = remedy("data", "Look at the data pipeline and the labels.", "shuffled or constant labels look like a plateau")
PLATEAU = (RANGE_TEST, LONGER_HOLD, LARGER_BATCH, LABELS)
REGULARISE = remedy("weight decay", "Use more weight decay.", "it shrinks what the data does not ask for")
AUGMENT = remedy(
    "regularisation", "Use dropout, label smoothing or augmentation.", "the model then sees no example twice alike"
)
STOP_EARLY = remedy(
    "stop", "Keep the weights of the best evaluation (early stopping).", "what comes after it is worse on new data"
)
SLIGHTLY_LOWER = remedy(
    "rate",
    "Try a slightly lower peak learning rate.",
    "the checklist says so; labelled logs neither support nor contradict it",
    Edit("scaled", {"k": 0.7}),
)
OVERFIT = (REGULARISE, SLIGHTLY_LOWER, AUGMENT, STOP_EARLY)
