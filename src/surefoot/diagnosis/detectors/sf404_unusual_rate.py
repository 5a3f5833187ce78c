"""SF404 unusual rate: the rate lies outside what is usual for this optimizer and kind of training.

What it sees
    The highest rate of the log beside the range of rates that published recipes use for the optimizer and the kind of
    training that the log names. Nothing is said where it names no optimizer of the table.

Formula
    out = peak / high above the range, low / peak below it. Info where out > 2, a warning where out > 10.

    =============  ============  ===========  ===========================================================
    optimizer      kind          range        from
    =============  ============  ===========  ===========================================================
    Adam, AdamW    pretraining   3e-5, 1e-2   GPT-3 6e-5 to 6e-4 (2005.14165), OLMo 3e-4 to 4e-4 (2402.00838),
                                              sweeps of small models up to 1e-2 (2309.14322)
    Adam, AdamW    fine-tuning   1e-6, 2e-4   BERT 2e-5 to 5e-5 (1810.04805), Llama 2 chat 2e-5 (2307.09288),
                                              InstructGPT 9.65e-6 (2203.02155): 10 to 100 times lower
    Adam, AdamW    LoRA          1e-5, 2e-3   LoRA 2e-4 (2106.09685), QLoRA 1e-4 and 2e-4 (2305.14314)
    Adam, AdamW    not said      1e-6, 1e-2   all of these
    SGD            any           1e-4, 4.0    ResNet 0.1 (1512.03385), 3.2 for a batch of 8k (1706.02677)
    Lion           any           1e-7, 1e-3   3 to 10 times lower than AdamW (2302.06675)
    =============  ============  ===========  ===========================================================

Why it matters
    A rate far outside is mostly a slip: a missing exponent, pretraining's rate in fine-tuning, SGD's rate in Adam.

Example
    Adam with a peak of 41.9 (tests/runs, log 148): flat at the entropy of the labels from the first epoch on.

What to try
    1. Check the number: exponent, scaling by the number of devices, the optimizer that it was meant for.
    2. Above the range: lower the peak into it. Below: measure before you change it, with a range test.

False alarms
    Rates relative to something (tuning-free optimizers at 1.0, Adafactor): their optimizers are not in the table.
    Physics-informed and reinforcement learning, tiny models, muP: other habits.

Source
    The arXiv papers in the table. The ends of the ranges are rounded outward by this project: folklore, not theorems.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.nouns import Edit, Finding
from surefoot.diagnosis.rates import rate_phases
from surefoot.diagnosis.remedies import ranked, remedy
from surefoot.diagnosis.trace import TRACE, Trace
from surefoot.laws.typical import TYPICAL

_OUT, _FAR = 2.0, 10.0
_OTHERS = re.compile(r"dadapt|prodigy|schedule.?free|dog|mechanic|momo|factor|adagrad|adadelta|mini|muon|8bit.?lion")


@dataclass(frozen=True)
class Usual:
    """The rates from ``low`` to ``high`` that are usual for optimizers whose name fits ``optimizer``, by ``kind``."""

    optimizer: re.Pattern[str]
    kind: str
    low: float
    high: float


_ADAM, _SGD, _LION = re.compile(r"adam"), re.compile(r"\bsgd|momentum|nesterov"), re.compile(r"\blion")
_NAMES = {"adam": _ADAM, "sgd": _SGD, "lion": _LION}
USUAL = tuple(Usual(_NAMES[one.family], one.kind, one.low, one.high) for one in TYPICAL)

CHECK = remedy(
    "rate",
    "Check the number: its exponent, the scaling by devices, the optimizer that it was meant for.",
    "a rate so far from the usual is mostly a slip",
)
MEASURE = remedy(
    "rate", "Measure it with a range test before you change it.", "a habit is no proof, and a loss curve is"
)


def finding(trace: Trace) -> Finding | None:
    """Return the finding on a peak outside the usual range."""
    usual = usual_for(trace.text("optimizer"), trace.text("kind"))
    peak = _peak(trace)
    if usual is None or peak is None:
        return None
    above = peak > usual.high
    out = peak / usual.high if above else usual.low / peak
    if out <= _OUT:
        return None
    named = trace.text("optimizer") + (f" in {usual.kind}" if usual.kind else "")
    lower = remedy(
        "rate",
        f"Lower the peak to {usual.high:.0e} or less.",
        f"recipes for {named} stay below it",
        Edit("scaled", {"k": usual.high / peak}),
    )
    return Finding(
        *("SF404", "unusual rate", None, "warning" if out > _FAR else "info", 0.8 if out > _FAR else 0.4),
        f"The peak rate of {peak:.3g} is {out:.3g} times {'above' if above else 'below'} what is usual for {named}, "
        f"{usual.low:.0e} to {usual.high:.0e}.",
        {"peak": peak, "low": usual.low, "high": usual.high, "factor": out},
        ranked([CHECK, lower] if above else [CHECK, MEASURE]),
    )


def usual_for(optimizer: str, kind: str) -> Usual | None:
    """Return the usual rates, None for an optimizer that is not in the table.

    >>> usual_for("adamw_torch_fused", "lora").high, usual_for("prodigy", "")
    (0.002, None)
    """
    if not optimizer or _OTHERS.search(optimizer):
        return None
    fits = [one for one in USUAL if one.optimizer.search(optimizer)]
    return next((one for one in fits if one.kind in {kind, ""}), None)


def _peak(trace: Trace) -> float | None:
    seen = rate_phases(trace)
    peak = seen.peak if seen.known else trace.number("peak")
    # A column of factors, or a tuning-free optimizer behind another's name: no rate of its own.
    return None if peak is None or not 0.0 < peak < 1e100 or peak == 1.0 else peak


DETECTOR = Detector("SF404", "unusual rate", TRACE, finding)
