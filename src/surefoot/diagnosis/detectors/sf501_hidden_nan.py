"""SF501 hidden NaN: the logger wrote a clean loss over a NaN.

What it sees
    Rows whose loss is exactly 0.0, or exactly the one before, while their gradient norm is NaN; a loss that falls to
    exactly 0.0 from one row to the next and stays there; loss and gradient norm exactly 0.0 in every row.

Formula
    Hidden: at least 2 rows with a gradient norm that is not finite and a loss that is 0.0 or bit-equal to the last one,
    the last row among them or 5 % of the rows (error), fewer of them (warning).
    Dropped: at least 3 last rows of loss 0.0 after one of 0.01 or more, none of them with a gradient norm above 0 (an
    error in a log of transformers, whose filter does this, and for at least 10 rows after a loss of 0.05; else a
    warning).
    Broken: at least 3 rows, in each loss 0.0, and gradient norm 0.0 where it was logged (error).

Why it matters
    The transformers Trainer replaces the loss of a NaN step in its log and steps on: the weights are NaN, the curve
    looks clean, and the remaining hours are lost.

Example
    A row {"loss": 0.0, "grad_norm": NaN, "learning_rate": 1.9e-05} in a trainer_state.json, and all after it alike.

What to try
    1. Log the NaN: logging_nan_inf_filter=False in the TrainingArguments, and stop at the first.
    2. Rule out a bug: labels that are all masked give a loss of exactly 0.0 with a NaN gradient.
    3. Go back to the last checkpoint before it, and lower the peak by 10.
    4. Check the loss scaling of mixed precision; prefer bfloat16 to float16.

False alarms
    A float16 loss scaler skips updates with a gradient norm that is not finite: their losses are neither 0.0 nor
    repeated. A memorised task rounds to 0.0, but gets there slowly; a hinge loss may get there fast.

Source
    transformers 5.23, Trainer (logging_nan_inf_filter, default True); trl issue 6702.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from surefoot.diagnosis.detector import Detector, Fold
from surefoot.diagnosis.nouns import Finding
from surefoot.diagnosis.remedies import BUG, LOWER, SCALING, ranked, remedy
from surefoot.history.columns import Column, History, Mask

UNFILTER = remedy(
    "log",
    "Switch the logger's filter off (logging_nan_inf_filter=False) and stop at the first NaN.",
    "what is not logged cannot be acted on",
)
UNBROKEN = remedy(
    "log", "Log the loss before any filter, and at full precision.", "a log of zeros shows nothing of the training"
)


@dataclass(frozen=True)
class Clean:
    """What is remembered of the loss rows: how many, how many hide a NaN, and how the zeros lie.

    ``loss`` is the last one; ``hidden`` rows hide a NaN, from step ``first`` to row ``last``; ``zeros`` rows of loss
    0.0 at the end begin at step ``since``, after a loss of ``before`` (NaN: all are 0.0); ``moved`` of
    them have a gradient norm that is not 0. ``format`` is the log's.
    """

    rows: int = 0
    loss: float = np.nan
    hidden: int = 0
    first: float = np.nan
    last: int = -1
    zeros: int = 0
    since: float = np.nan
    before: float = np.nan
    moved: int = 0
    format: str = ""


def update(state: Clean, rows: History) -> Clean:
    """Return what is remembered after more rows; rows without a loss or a step are passed over."""
    told = rows.said("loss") & np.isfinite(rows["step"])
    if not told.any():
        return state
    step, loss = rows["step"][told], rows["loss"][told]
    norm, normed = _norms(rows, told)
    named = replace(state, format=rows.origin.format or state.format)
    return _zeros(_hidden(named, step, loss, normed & ~np.isfinite(norm)), step, loss, normed & (norm != 0.0))


def _norms(rows: History, told: Mask) -> tuple[Column, Mask]:
    if "grad_norm" not in rows.names:
        return np.full(int(told.sum()), np.nan), np.zeros(int(told.sum()), dtype=bool)
    return rows["grad_norm"][told], rows.said("grad_norm")[told]


def _hidden(state: Clean, step: Column, loss: Column, lost: Mask) -> Clean:
    before = np.concatenate([[state.loss], loss[:-1]])
    hides = np.flatnonzero(lost & ((loss == 0.0) | (loss == before)))
    if not len(hides):
        return state
    first = state.first if state.hidden else float(step[hides[0]])
    return replace(state, hidden=state.hidden + len(hides), first=first, last=state.rows + int(hides[-1]))


def _zeros(state: Clean, step: Column, loss: Column, moved: Mask) -> Clean:
    counted = replace(state, rows=state.rows + len(loss), loss=float(loss[-1]))
    live = np.flatnonzero(loss != 0.0)
    if not len(live):
        since = state.since if state.zeros else float(step[0])
        return replace(counted, zeros=state.zeros + len(loss), since=since, moved=state.moved + int(moved.sum()))
    after = int(live[-1]) + 1
    since = float(step[after]) if after < len(loss) else np.nan
    now, before = len(loss) - after, float(loss[after - 1])
    return replace(counted, zeros=now, since=since, before=before, moved=int(moved[after:].sum()))


def finding(state: Clean) -> Finding | None:
    """Return the finding on rows that hide a NaN, on losses that dropped to 0.0, or on a log of zeros."""
    if state.hidden >= 2:
        return _hiding(state)
    if state.zeros < 3 or state.moved:
        return None
    if state.zeros == state.rows:
        return _broken(state)
    return _dropped(state) if abs(state.before) >= 0.01 else None


def _hiding(state: Clean) -> Finding:
    grave = state.last == state.rows - 1 or state.hidden >= 0.05 * state.rows
    return Finding(
        *("SF501", "hidden NaN", int(state.first), "error" if grave else "warning", 0.95),
        f"The gradient norm is not finite in {state.hidden:,} of {state.rows:,} rows whose logged loss is exactly 0.0 "
        f"or repeated, first at step {state.first:,.0f}: a filter hides a NaN.",
        {"hidden": state.hidden, "rows": state.rows, "first": state.first},
        ranked([UNFILTER, BUG, LOWER, SCALING]),
    )


def _dropped(state: Clean) -> Finding:
    filters = "transformers" in state.format.lower()
    clear = filters or (state.before >= 0.05 and state.zeros >= 10)
    return Finding(
        *("SF501", "hidden NaN", int(state.since), "error" if clear else "warning", 0.8 if filters else 0.5),
        f"The loss falls from {state.before:.4g} to exactly 0.0 at step {state.since:,.0f} and stays there for "
        f"{state.zeros:,} rows: a filter hides a NaN, or nothing is left to be trained.",
        {"before": state.before, "zeros": state.zeros, "rows": state.rows, "first": state.since},
        ranked([UNFILTER, BUG, LOWER, SCALING]),
    )


def _broken(state: Clean) -> Finding:
    return Finding(
        *("SF501", "hidden NaN", int(state.since), "error", 0.7),
        f"The loss is exactly 0.0 in all {state.rows:,} rows, and no gradient norm differs from 0: the log shows no "
        "training, and nothing can be said of its rate.",
        {"zeros": state.zeros, "rows": state.rows, "first": state.since},
        ranked([BUG, UNBROKEN]),
    )


DETECTOR = Detector("SF501", "hidden NaN", Fold(Clean, update), finding)
