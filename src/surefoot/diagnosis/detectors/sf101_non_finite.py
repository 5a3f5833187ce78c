"""SF101 non-finite: the loss, or a gradient norm, is NaN or infinite.

What it sees
    A loss or validation loss that was logged as NaN or infinity, or a field that the logger drops when it is NaN.
    A gradient norm that is not finite counts where it stays so; the single ones that a loss scaler provokes do not.

Formula
    bad(x) = not |x| <= 1e100. Error if the last value is bad, or at least 3 and 1 % of the rows; a warning otherwise.
    Gradient norms: at least 3 in the last 5 rows, and no finite loss after them.

Why it matters
    A single update with a NaN in it writes NaN into every weight it touches: nothing after it is training.

Example
    Loss 3.3, 7.3, then the field is missing from the line (Megatron drops it when it is NaN): BLOOM 104B, iteration
    9027 (tests/runs, log 305).

What to try
    Where the loss rose before (its last finite value 1.3 times its lowest), the bug comes last, not first.
    1. Rule out a bug: a batch whose labels are all masked, a log or a division of 0, broken data.
    2. Lower the peak by 10.
    3. Warm up over 5 % of the updates.
    4. Clip the gradient norm at 1.0.
    5. Check the loss scaling of mixed precision; prefer bfloat16 to float16.
    6. More weight decay.

False alarms
    Float16 training skips updates whose gradients overflow: its gradient norm is infinite now and then, its loss not.

Source
    The troubleshooting checklist (undated); Megatron-DeepSpeed issue 396.
"""

from __future__ import annotations

from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.nouns import Finding
from surefoot.diagnosis.remedies import BUG, DIVERGED, EXPLOSION, ranked
from surefoot.diagnosis.series import Series
from surefoot.diagnosis.shape import Shape, shape_of
from surefoot.diagnosis.trace import TRACE, Trace


def finding(trace: Trace) -> Finding | None:
    """Return the finding on the loss, else on the validation loss, else on the gradient norm."""
    for name, words in (("loss", "loss"), ("val_loss", "validation loss")):
        series = trace[name]
        if series.bad:
            return _lost(series, words, shape_of(series))
    return _gradients(trace)


def _lost(series: Series, words: str, shape: Shape | None) -> Finding:
    last = series.last_bad == series.last_good or not series.last_good > series.last_bad
    severe = last or (series.bad >= 3 and series.bad >= 0.01 * series.length)
    when = f"from step {series.first_bad:,.0f} on" if last else f"first at step {series.first_bad:,.0f}"
    rose = shape is not None and _rose(shape, series.first_bad)
    before = f": it had risen from {shape.best:.4g} to {shape.value[-1]:.4g}" if shape is not None and rose else ""
    return Finding(
        *("SF101", "non-finite", int(series.first_bad)),
        "error" if severe else "warning",
        1.0,
        f"The {words} is not finite in {series.bad:,} of {series.length:,} rows, {when}{before}.",
        {"bad": series.bad, "rows": series.length, "first": series.first_bad, "last": series.last_bad, "rose": rose},
        ranked((*DIVERGED, BUG) if rose else EXPLOSION),
    )


def _rose(shape: Shape, step: float) -> bool:
    """Say whether the last finite loss before ``step`` is far above the lowest: then it exploded, and no bug did it."""
    before = shape.value[shape.step < step]
    return len(before) >= 3 and bool(before[-1] > before.min() + 0.3 * abs(before.min()))


def _gradients(trace: Trace) -> Finding | None:
    norms, loss = trace["grad_norm"], trace["loss"]
    steps, values = norms.tail[0][-5:], norms.tail[1][-5:]
    lost = ~(abs(values) <= 1e100)
    if lost.sum() < 3 or loss.last_good >= steps[lost][-1]:
        return None
    return Finding(
        *("SF101", "non-finite", int(norms.first_bad), "error", 0.9),
        f"The gradient norm is not finite in {int(lost.sum())} of the last {len(values)} rows.",
        {"bad": norms.bad, "rows": norms.length, "first": norms.first_bad},
        ranked(EXPLOSION),
    )


DETECTOR = Detector("SF101", "non-finite", TRACE, finding)
