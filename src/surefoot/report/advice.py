"""Advice beside the rate: warmup, clipping, what would change the answer. Each with its reason, none invented.

The threshold (an edge within four times the peak is near) is a rule of thumb: folklore of the field, undated.
"""

from __future__ import annotations

from dataclasses import dataclass

from surefoot.chart import count_text, rate_text
from surefoot.curve import Peak
from surefoot.report.words import times
from surefoot.schedule.core import Schedule

_NEAR_EDGE = 4.0


@dataclass(frozen=True, slots=True)
class Advice:
    """One piece of advice: what to do, and why."""

    text: str
    why: str


def advice(peak: Peak, schedule: Schedule | None = None) -> tuple[Advice, ...]:
    """Return the advice on warmup and clipping that the evidence of ``peak`` supports; none without an answer."""
    if peak.lr is None:
        return ()
    return (Advice(_warmup(schedule), _why_warmup(peak, peak.lr)), _clip(peak, peak.lr))


def _warmup(schedule: Schedule | None) -> str:
    first = schedule.phases[0] if schedule is not None else None
    if schedule is None or first is None or first.stop <= first.start or not first.steps:
        return "The plan has no warmup; keep it so only if the first updates look calm."
    share = f" ({first.steps / schedule.total:.1%} of the run)" if schedule.total else ""
    return f"Warm up over {count_text(first.steps)} updates{share}, as the plan does."


def _why_warmup(peak: Peak, lr: float) -> str:
    if peak.edge is None:
        return "No rate that was tried diverged, so its length is not critical; it protects the first updates."
    if peak.edge / lr < _NEAR_EDGE:
        near = f"The edge, {rate_text(peak.edge)}, is only {times(peak.edge / lr)} the peak"
        return f"{near}: there warmup can decide whether a run survives. Lengthen it before you lower the peak."
    return (
        f"The edge is {times(peak.edge / lr)} the peak, so its length is not critical; it protects the first updates."
    )


def _clip(peak: Peak, lr: float) -> Advice:
    if peak.edge is None:
        why = "No trial diverged, and a clip that is never reached changes nothing."
        return Advice("No sign that clipping is needed.", why)
    above = times(peak.edge / lr)
    if peak.edge / lr < _NEAR_EDGE:
        why = f"Runs diverged from {rate_text(peak.edge)} on, {above} the peak: one bad batch can do the same."
        return Advice("Clip the global gradient norm, at 1.0 unless you know its usual size.", why)
    why = f"The lowest rate that diverged is {above} the peak; a clip that acts often would move the best rate."
    return Advice("Clipping is optional.", why)


def changes(peak: Peak) -> tuple[str, ...]:
    """Return what would change the answer, the likeliest first."""
    return (*_own_changes(peak), *_length_change(peak), *_ALWAYS)


def _own_changes(peak: Peak) -> tuple[str, ...]:
    if peak.lr is None:
        return ()
    found = []
    if peak.confidence < 0.5:
        found.append("More evidence: confidence is low, so a larger budget or more seeds may move the peak.")
    rates = [trial.lr for trial in peak.curve.trials if trial.status == "done"]
    if rates and peak.lr >= max(rates):
        most = rate_text(max(rates))
        found.append(f"Trials at higher rates: none ended well above {most}, so the peak is the end of what is known.")
    if rates and peak.lr <= min(rates):
        least = rate_text(min(rates))
        found.append(
            f"Trials at lower rates: none was run below {least}, so the peak is an extrapolation to be tested."
        )
    return tuple(found)


def _length_change(peak: Peak) -> tuple[str, ...]:
    if not peak.total:
        return ()
    return (f"Another length: this is for {peak.total:,} updates; runs many times longer usually want a lower peak.",)


_ALWAYS = (
    "Another batch size, optimizer, weight decay or model width: search again, or transfer the rate by a law.",
    "Other data, or a loss on another scale (a sum instead of a mean): search again.",
)
