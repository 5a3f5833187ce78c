"""Coupling: rate, batch and weight decay act together, so a change of the rate alone changes more than the rate."""

from __future__ import annotations

from collections.abc import Mapping

from surefoot.chart import rate_text
from surefoot.history.origin import Fact


def coupling(k: float, peak: float | None = None, facts: Mapping[str, Fact] | None = None) -> tuple[str, ...]:
    """Return what else a rate times ``k`` changes, in sentences, with numbers where ``peak`` and ``facts`` give them.

    - AdamW forgets old updates over 1/(lr wd) updates: with ``lr`` times k that becomes 1/k times as many. Keep lr wd.
    - The noise of SGD goes with lr/batch, that of Adam-type optimizers with lr/sqrt(batch): a rate times k is as
      quiet as a batch 1/k times (SGD) or 1/k^2 times (Adam) as large.

    >>> coupling(0.1, 1e-3, {"weight_decay": 0.1})[0]
    'Do not only adjust the rate: at a fixed weight decay of 0.1, AdamW averages the weights over 10,000 updates now and over 100,000 then; a weight decay of 1 keeps that as it is.'

    Source: "How to set AdamW's weight decay as you scale model and dataset size", arXiv 2405.13698, 2024; "Don't Decay
    the Learning Rate, Increase the Batch Size", arXiv 1711.00489, 2017; "On the SDEs and Scaling Rules for Adaptive
    Gradient Algorithms", arXiv 2205.10330, 2022.
    """  # noqa: E501  the doctest shows one whole sentence
    known = facts or {}
    return (f"Do not only adjust the rate: {_decay(k, peak, known)}", _batch(k, known))


def _decay(k: float, peak: float | None, facts: Mapping[str, Fact]) -> str:
    decay, optimizer = facts.get("weight_decay"), str(facts.get("optimizer", ""))
    if isinstance(decay, (int, float)) and decay > 0 and peak and _absolute(peak, optimizer):
        now, then = 1 / (peak * decay), 1 / (peak * k * decay)
        return (
            f"at a fixed weight decay of {rate_text(decay)}, {optimizer or 'AdamW'} averages the weights over "
            f"{now:,.0f} updates now and over {then:,.0f} then; a weight decay of {rate_text(decay / k)} keeps that as "
            "it is."
        )
    times = f"{1 / k:.3g} times as many" if k < 1 else f"{k:.3g} times fewer"
    return (
        f"with decoupled weight decay (AdamW), weights are averaged over 1/(rate x weight decay) updates, {times} "
        f"at this rate; weight decay times {1 / k:.3g} keeps that as it is."
    )


def _absolute(peak: float, optimizer: str) -> bool:
    """Say whether a logged rate can be that of AdamW: factors of a rate, and rates of SGD, are larger."""
    return "adam" in optimizer.lower() if optimizer else peak <= 0.02


def _batch(k: float, facts: Mapping[str, Fact]) -> str:
    batch = facts.get("batch")
    size = f" (now {batch:,.0f})" if isinstance(batch, (int, float)) and batch > 0 else ""
    change = "quietens" if k < 1 else "adds noise to"
    return (
        f"Rate and batch{size} are one knob for the noise: this {change} the gradient as a batch {1 / k:.3g} times as "
        f"large would ({k**-2:.3g} times with an Adam-type optimizer), so do not change both at once."
    )
