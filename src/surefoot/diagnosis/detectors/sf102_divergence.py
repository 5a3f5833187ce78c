"""SF102 divergence: the loss leaves its level and does not come back.

What it sees
    A training loss (the validation loss, where training rows end early) that stands far above its best at the end of
    the rows, is not on its way back, and took a good part of the run's progress with it.

Formula
    low > best + max(4 sigma, 0.3 |best|): low is the 20th percentile of the last rows (5 %, 3 to 51), best the lowest
    smoothed loss, sigma the noise before it; of a run that gained less than its best, 0.3 of the gain (at least
    0.1 |best|) is enough, and 0.1 |best| where evaluations end 5 % above their best too. Or an excursion (SF104) that
    has lasted 3 rows and is not over. And (low - best) / (start - best) >= 0.1, or the same of the logarithms >= 0.35.
    And it is no way back: the excess at the end is at least 0.65 of that in the third quarter since, or no longer
    shrinks. Not where the validation loss ends within a tenth of its own best.

Why it matters
    Nothing that comes after is training from the weights that were won: what follows is paid for and lost.

Example
    Conformer on LibriSpeech, three restarts of the rate: after the second the validation loss comes back from a spike
    (0.37, spike, 0.55), after the third it stays at 6.6 to 7.8 (tests/runs, log 12).

What to try
    1. Lower the peak by 10.
    2. Warm up over 5 % of the updates.
    3. Clip the gradient norm at 1.0.
    4. Check the loss scaling of mixed precision; prefer bfloat16 to float16.
    5. More weight decay.
    The coupling of rate, batch and weight decay asks to clip and warm up before lowering the rate blindly; lowering
    comes first here because in labelled logs a rate that is too high is the commonest cause.

False alarms
    A loss whose definition changes during the run; batches of two kinds, the last rows all of the harder one; a
    restart of the rate whose bump is not over when the log ends (SF108 says so).

Source
    The troubleshooting checklist (undated); labelled logs in tests/runs.
"""

from __future__ import annotations

import numpy as np

from surefoot.chart.numbers import rate_text
from surefoot.diagnosis.departure import Departure, departure
from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.nouns import Finding
from surefoot.diagnosis.remedies import DIVERGED, ranked
from surefoot.diagnosis.shape import Shape
from surefoot.diagnosis.trace import TRACE, Trace


def finding(trace: Trace) -> Finding | None:
    """Return the finding where the main loss is out at the end and its validation does not say otherwise."""
    shape = trace.main
    if shape is None:
        return None
    worse = _judged_worse(trace, shape)
    found = departure(shape, trace.excursions, confirmed=worse)
    if found is None or not found.lost or (not worse and _judged_well(trace, shape, found)):
        return None
    what = "validation loss" if shape is trace.val_loss else "loss"
    if shape is trace.val_loss and trace.loss is not None and not _sudden(trace, found):
        return None
    step = _last_within(shape, found)
    return Finding(
        *("SF102", "divergence", step, "error"),
        0.9 if len(shape) >= 20 else 0.6,
        f"The {what} leaves {rate_text(found.base)} at step {step:,} and ends at {rate_text(found.level)}, expected "
        f"below {rate_text(found.limit)}{_undone(shape, found)}.",
        {"base": found.base, "limit": found.limit, "level": found.level, "peak": found.peak, "share": found.share},
        ranked(DIVERGED),
    )


def _last_within(shape: Shape, found: Departure) -> int:
    """Return the step from which on the smoothed loss stays above the limit: it may have left and come back before."""
    within = np.flatnonzero(shape.smooth[found.start :] <= found.limit)
    return int(shape.step[min(found.start + (int(within[-1]) if len(within) else 0), len(shape) - 1)])


def _undone(shape: Shape, found: Departure) -> str:
    if not shape.fresh or found.share < 0.01:
        return ""
    return f": {found.share:.0%} of its progress is undone" if found.share < 1.0 else ": above where it began"


def _judged_worse(trace: Trace, shape: Shape) -> bool:
    """Say whether the evaluations rise as well, to their end."""
    judged = trace.val_loss
    if judged is None or judged is shape or len(judged) < 4:
        return False
    return judged.end > judged.best + max(0.05 * abs(judged.best), 3.0 * judged.noise)


def _judged_well(trace: Trace, shape: Shape, found: Departure) -> bool:
    """Say whether evaluations after the departure are as good as ever: then it is the batches that differ."""
    judged = trace.val_loss
    if judged is None or judged is shape or judged.step[-1] <= shape.step[found.start]:
        return False
    # Evaluations of a lost run jump about: their own noise must not excuse them.
    return judged.end <= judged.best + max(0.1 * abs(judged.best), min(3.0 * judged.noise, 0.3 * abs(judged.best)))


def _sudden(trace: Trace, found: Departure) -> bool:
    """Say whether the rise began as an excursion: an evaluation that drifts up overfits (SF301)."""
    return any(one.stop is None or one.stop >= found.start for one in trace.excursions)


DETECTOR = Detector("SF102", "divergence", TRACE, finding)
