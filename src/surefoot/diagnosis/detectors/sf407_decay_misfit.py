"""SF407 decay misfit: the weight decay doesn't fit the normalisation.

What it sees
    A norm of the weights that grows or shrinks over the whole run, so that the effective rate moves on its own; only
    where the log holds the norm, the rate, and the weight decay.

Formula
    Weights w that a normalisation follows have no scale: their effective rate is lr / |w|^2 (SGD) or lr / |w| (Adam).
    moved = (|w_0| / |w_end|)^2 for SGD, |w_0| / |w_end| otherwise. T_eq = 1 / (lr wd) updates, the time in which the
    decay brings the norm to its equilibrium. Info where moved < 1/4 or moved > 4, with the norm still moving by more
    than 10 % over the last quarter: it drifts because T_eq is longer than the run (or the decay is 0), or it falls
    because the decay is too strong.

Why it matters
    With the norm adrift the schedule that was written is not the one that trains: without decay the effective rate
    falls by itself, under too strong a decay it rises until the loss does.

Example
    None in the logs at hand: none of them holds a norm of the weights.

What to try
    1. Choose the decay by its equilibrium: lr x wd x updates of about 1 to 10 at the peak; the update is then
       sqrt(2 lr wd) of the weight.
    2. Keep lr x wd when the rate is changed: rate, batch and weight decay belong together.
    3. No decay on gains, biases and normalisation parameters.

False alarms
    Weights that no normalisation follows: their norm is free to grow. A norm over all parameters hides single layers.

Source
    Rotational Equilibrium: How Weight Decay Balances Learning Across Neural Networks (arXiv 2305.17212, 2023); L2
    Regularization versus Batch and Weight Normalization (arXiv 1706.05350, 2017). Factors 4 and 10 %: this project's.
"""

from __future__ import annotations

import numpy as np

from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.nouns import Finding
from surefoot.diagnosis.rates import rate_phases
from surefoot.diagnosis.remedies import ranked, remedy
from surefoot.diagnosis.trace import TRACE, Trace

_LEAST, _MOVED, _STILL = 16, 4.0, 0.1

BALANCE = remedy(
    "weight decay",
    "Choose the weight decay by its equilibrium: lr x wd x updates of about 1 to 10.",
    "the norm then settles within the run, and the schedule alone moves the effective rate",
)
COUPLE = remedy(
    "weight decay",
    "Keep lr x wd when the rate is changed.",
    "rate, batch and weight decay set the size of an update together",
)
GAINS = remedy(
    "normalisation",
    "Take gains, biases and normalisation parameters out of the weight decay.",
    "they have a scale of their own, and a decay of it is a change of the model",
)


def finding(trace: Trace) -> Finding | None:
    """Return the finding on a norm that drifts."""
    norms, seen = trace["weight_norm"].finite, rate_phases(trace)
    decay = _decay(trace)
    if len(norms) < _LEAST or decay is None or not seen.known:
        return None
    norm = norms.mean
    first, late, end = (float(np.median(part)) for part in (norm[:3], norm[-len(norm) // 4 :][:3], norm[-3:]))
    if min(first, late, end) <= 0 or abs(end - late) <= _STILL * late:
        return None
    moved = (first / end) ** (2 if "sgd" in trace.text("optimizer") else 1)
    if 1 / _MOVED <= moved <= _MOVED:
        return None
    span = float(norms.end[-1] - norms.step[0])
    settles = 1.0 / (seen.peak * decay) if decay > 0 else None
    when = "never, without decay" if settles is None else f"in about {settles:,.0f} updates"
    return Finding(
        *("SF407", "decay misfit", None, "info", 0.4),
        f"The norm of the weights went from {first:.3g} to {end:.3g} and moves still: where a normalisation follows, "
        f"the effective rate moved by {moved:.2g} on its own. It settles {when}; the log spans {span:,.0f}.",
        {"first": first, "end": end, "moved": moved, "settles": settles, "span": span, "weight_decay": decay},
        ranked([BALANCE, COUPLE, GAINS]),
    )


def _decay(trace: Trace) -> float | None:
    said = trace["weight_decay"].finite.mean
    decay = float(said[-1]) if len(said) else trace.number("weight_decay")
    return decay if decay is not None and 0 <= decay < np.inf else None


DETECTOR = Detector("SF407", "decay misfit", TRACE, finding)
