"""Numbers in words: confidence, cost, time, and a schedule as code."""

from __future__ import annotations

import re

from surefoot.chart import rate_text
from surefoot.curve import Peak
from surefoot.schedule.core import Schedule

_LEVELS = ((0.8, "high"), (0.5, "moderate"), (0.25, "low"), (0.0, "very low"))
_NAMES = re.compile(r"(?<![\w'\".])(Schedule|Phase|ramp|hold)\(")


def confidence_word(confidence: float) -> str:
    """Return a confidence in [0, 1] as a word.

    >>> [confidence_word(c) for c in (0.9, 0.6, 0.3, 0.1)]
    ['high', 'moderate', 'low', 'very low']
    """
    return next(word for least, word in _LEVELS if confidence >= least or least == 0.0)


def duration(seconds: float) -> str:
    """Return ``seconds`` as people say it.

    >>> [duration(s) for s in (0.4, 42, 94, 7_380)]
    ['under a second', '42 s', '1 min 34 s', '2 h 3 min']
    """
    whole = round(seconds)
    if seconds < 1:
        return "under a second"
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def times(ratio: float) -> str:
    """Return a ratio as people say it.

    >>> times(3.96), times(42.3), times(42_718.0), times(0.0312)
    ('4.0x', '42x', 'over 1,000x', '0.031x')
    """
    if ratio >= 1000:
        return "over 1,000x"
    if ratio < 0.95:
        return f"{ratio:.2g}x"
    return f"{ratio:.1f}x" if ratio < 9.95 else f"{ratio:.0f}x"


def measured(peak: Peak) -> list[tuple[str, str, str]]:
    """Return what was measured beside the runs of ``peak`` as names, values and remarks, in the order it is read.

    >>> peak = Peak(0.1, None, None, None, "tune", 0.5, 9, "", evidence={"curvature_edge": 0.4, "noise_scale": 30.0})
    >>> measured(peak)[0]
    ('curvature edge', '0.4', '4.0x the peak; stable below it at the start')
    >>> measured(peak)[1]
    ('noise scale', '30 examples', 'a gradient of that many is half noise')
    """
    remarks = {
        "curvature_edge": ("curvature edge", "stable below it at the start"),
        "headroom_edge": ("headroom", "there the first update overshoots its batch"),
    }
    rows = []
    for name, (said, remark) in remarks.items():
        rate = peak.evidence.get(name)
        if rate is not None:
            share = "" if peak.lr is None else f"{times(rate / peak.lr)} the peak; "
            rows.append((said, rate_text(rate), share + remark))
    if "noise_scale" in peak.evidence:
        examples = float(f"{peak.evidence['noise_scale']:.2g}")
        rows.append(("noise scale", f"{examples:,.10g} examples", "a gradient of that many is half noise"))
    return rows


def between(low: float, high: float) -> str:
    """Return a range of rates.

    >>> between(1e-4, 3e-3), between(0.01, 0.01)
    ('1e-4 to 3e-3', '0.01 alone')
    """
    return f"{rate_text(low)} alone" if low == high else f"{rate_text(low)} to {rate_text(high)}"


def counted(amount: int, noun: str) -> str:
    """Return an amount with its noun.

    >>> counted(1, "run"), counted(2_831, "update")
    ('1 run', '2,831 updates')
    """
    return f"{amount:,} {noun}" + ("" if amount == 1 else "s")


def cost(peak: Peak) -> str:
    """Return what the search cost, in updates, in full runs (if the total is known), in trials and in time."""
    runs = f", {peak.cost_steps / peak.total:.2f} full runs of {peak.total:,}" if peak.total else ""
    trials = len(peak.curve.trials)
    kinds = [counted(trials, "short run")] if trials else []
    kinds += ["a range test"] if peak.curve.test_lrs else []
    parts = f" ({' and '.join(kinds)})" if kinds else ""
    return f"{counted(peak.cost_steps, 'update')}{runs}{parts}, {duration(peak.seconds)}"


def code(schedule: Schedule) -> str:
    """Return the Python expression that builds ``schedule``, one phase a line, with ``surefoot`` imported as ``sf``.

    >>> from surefoot.schedule.phase import hold
    >>> code(Schedule(0.1, (hold(10),)))
    'sf.Schedule(0.1, (sf.hold(10),))'
    """
    phases = [_NAMES.sub(r"sf.\1(", repr(phase)) for phase in schedule.phases]
    if len(phases) == 1:
        return f"sf.Schedule({schedule.peak!r}, ({phases[0]},))"
    lines = "".join(f"    {phase},\n" for phase in phases)
    return f"sf.Schedule({schedule.peak!r}, (\n{lines}))"
