"""Headline: the verdict as one line for a person: what the run does, and what is likely to cause it."""

from __future__ import annotations

from collections.abc import Sequence

from surefoot.diagnosis.nouns import Finding, Remedy

_HEADS = {
    "SF101": "NaN",
    "SF102": "diverging",
    "SF103": "collapsed: the rate was too high, not too low",
    "SF104": "a spike",
    "SF105": "spikes that come back",
    "SF106": "oscillating",
    "SF107": "unstable at the end of the warmup",
    "SF108": "unstable after a rise of the rate",
    "SF109": "gradients that grow before the loss does",
    "SF110": "updates out of proportion to the weights",
    "SF111": "at the edge of stability",
    "SF112": "a tuning-free estimate that ran away",
    "SF201": "too slow",
    "SF202": "plateau",
    "SF203": "decayed too early",
    "SF204": "the warmup is too long",
    "SF205": "the batch is too noisy",
    "SF206": "not training at all: look for a bug before the rate",
    "SF207": "a tuning-free estimate that never left its start",
    "SF301": "overfitting",
    "SF302": "memorised: the training data is known by heart",
    "SF401": "the schedule's total is not the run's length",
    "SF402": "the rate rises again where it should fall",
    "SF403": "taken up again without the optimizer's state and without a rewarm",
    "SF404": "a rate outside what is usual",
    "SF405": "no decay at the end",
    "SF406": "a cooldown that gained nothing",
    "SF407": "weight decay that does not fit the normalisation",
    "SF408": "the validation metric is flat while the loss falls",
    "SF501": "a NaN that the logger hid",
    "SF502": "the logged rate is not the applied rate",
    "SF503": "too few rows to judge",
}
_CAUSES = {
    "lower rate": "the rate is too high",
    "higher rate": "the rate is too low",
    "initialisation": "lower rates only delayed it, so look at initialisation, data and precision",
    "warmup": "the warmup is too short",
    "data": "rule out a bug or bad data before the rate",
    "precision": "look at the precision before the rate",
    "batch": "the batch is too small",
}


def headline(findings: Sequence[Finding]) -> str:
    """Return one line on a run with these ``findings`` (ranked); the cause is the one its first remedy is for.

    >>> headline((Finding("SF102", "divergence", 40, "error", 1.0, "Loss 9, expected below 3."),))
    'diverging'
    """
    grave = [one for one in findings if one.severity != "info"]
    if not grave:
        sparse = any(one.code == "SF503" for one in findings)
        return f"healthy: {'as far as so few rows can show' if sparse else 'nothing is wrong that a log can show'}"
    first = grave[0]
    head = _HEADS.get(first.code, first.name)
    cause = _CAUSES.get(turned(first.remedies[0]), "") if first.remedies else ""
    if first.code == "SF101" and cause and turned(first.remedies[0]) != "data":
        head = "diverging to NaN"
    return head if ":" in head or not cause or not first.code.startswith(("SF1", "SF2")) else f"{head}: {cause}"


def turned(remedy: Remedy) -> str:
    """Return what a remedy turns, and of a rate in which direction: "lower rate", "higher rate", or its topic.

    >>> from surefoot.diagnosis.nouns import Edit
    >>> turned(Remedy(1, "Lower the peak by 10x.", "it is too high", Edit("scaled", {"k": 0.1}), "rate"))
    'lower rate'
    """
    if remedy.topic != "rate":
        return remedy.topic
    k = remedy.edit.arguments.get("k") if remedy.edit is not None else None
    if isinstance(k, (int, float)):
        return "lower rate" if k < 1 else "higher rate"
    text = remedy.text.lower()
    if any(word in text for word in ("lower", "halve", "reduce")):
        return "lower rate"
    return "higher rate" if any(word in text for word in ("raise", "higher", "double")) else "rate"
