"""The peak rate by the length of the run, at one model: the published exponents contradict each other, even in sign."""

from __future__ import annotations

from surefoot.errors import ArgumentError
from surefoot.laws.batch import batch_ratio
from surefoot.laws.factor import Factor, Law, betas
from surefoot.laws.numbers import positive
from surefoot.laws.scale import Scale, amount, horizon, updates
from surefoot.laws.sources import BJORCK, COMPLETED, DEFAZIO, ONE_THIRD, POWER

BJORCK_D, THIRD_D, CONVEX_D, MEASURED_D = -0.32, -0.333, -0.5, -0.21
_MEASURED = (15_000.0, 50_000.0)
_POWER_A, _POWER_B, _POWER_MAX, _POWER_SEQUENCE = 4.6, -0.51, 0.02, 4096.0


def horizon_ratio(a: Scale, b: Scale) -> tuple[float, str]:
    """Return d, the second run's length over the first's, and the same as text; ArgumentError where it is not known."""
    first, second = horizon(a), horizon(b)
    if first is None or second is None:
        raise ArgumentError(f"tokens is missing in {'from_scale' if first is None else 'to_scale'}: how long is it?")
    if first[1] != second[1]:
        raise ArgumentError("tokens: the two runs must be given in one unit, both in tokens, in samples or in steps.")
    return second[0] / first[0], f"{second[0]:g}/{first[0]:g}"


def _power(exponent: float, a: Scale, b: Scale, why: str, outside: str = "") -> Factor:
    d, text = horizon_ratio(a, b)
    lr = d**exponent
    return Factor(lr=lr, formula=f"d^{exponent:g} = ({text})^{exponent:g} = {lr:.4g}", outside=outside, why=why)


def bjorck(a: Scale, b: Scale) -> Factor:
    """Return d^-0.32, with d the tokens over the tokens."""
    return _power(
        BJORCK_D, a, b, "longer runs average more noise away at a lower rate; fitted at fixed model and batch."
    )


def one_third(a: Scale, b: Scale) -> Factor:
    """Return d^-0.333."""
    return _power(THIRD_D, a, b, "exponents of -0.333 to -0.341 over seven optimizers, with the rate re-tuned at each.")


def convex(a: Scale, b: Scale) -> Factor:
    """Return d^-0.5, the best rate of the convex bound at any fixed shape of schedule."""
    return _power(CONVEX_D, a, b, "the worst case over convex losses; steeper than what is measured on networks.")


def measured(a: Scale, b: Scale) -> Factor:
    """Return d^-0.21, the middle of what a 124M model showed."""
    try:
        lengths = sorted((updates(a), updates(b)))
    except ArgumentError:
        outside = "the updates of the runs are not known"
    else:
        inner = _MEASURED[0] <= lengths[0] and lengths[1] <= _MEASURED[1]
        outside = "" if inner else f"{lengths[0]:g} to {lengths[1]:g} updates leave 15000 to 50000"
    why = "124M parameters, 15k to 50k updates: exponents of -0.16 to -0.26 with 3 to 4 rates a length: weak evidence."
    return _power(MEASURED_D, a, b, why, outside)


def steps_rule(a: Scale, b: Scale) -> Factor:
    """Return s^-0.5 with s the ratio of S = D/B: rate and decay fall so, 1 - beta as 1/s, and eps rises as s^0.5."""
    if a.steps is not None and b.steps is not None:
        s, text = b.steps / a.steps, f"{b.steps:g}/{a.steps:g}"
    else:
        (d, tokens), (k, batches) = horizon_ratio(a, b), batch_ratio(a, b)
        s, text = d / k, f"({tokens}) / ({batches})"
    new1, new2 = (1.0 - (1.0 - beta) / s for beta in betas(a))
    outside = "" if min(new1, new2) > 0 else f"(1 - beta) / s = {1 - min(new1, new2):.3g} must be below 1"
    return Factor(
        lr=s**-0.5,
        beta1=new1 if new1 > 0 else None,
        beta2=new2 if new2 > 0 else None,
        eps=s**0.5,
        weight_decay=s**-0.5,
        formula=f"s^-0.5 = ({text})^-0.5 = {s**-0.5:.4g}, S = D/B updates",
        outside=outside,
        why="only the number of updates matters: the SDE rule for the batch and the convex exponent for the tokens.",
    )


def power_rate(batch: float, tokens: float) -> float:
    """Return the Power scheduler's rate ``min(0.02, batch x 4.6 tokens^-0.51)``, ``batch`` in sequences of 4096 tokens.

    It is the fit of WSD's best rate under muP; the paper recommends 4 in place of 4.6 (flat from 3 to 5).

    >>> f"{power_rate(1024, 1e13):.3g}"
    '0.0011'

    Source: Power Scheduler, arXiv 2408.13359 (2024) [P]; plots disputed in review, withdrawn.
    """
    size, whole = positive(batch, "batch", "sequences of 4096 tokens"), positive(tokens, "tokens", "of the whole run")
    return float(min(_POWER_MAX, size * _POWER_A * whole**_POWER_B))


def power(a: Scale, b: Scale) -> Factor:
    """Return k d^-0.51, batch and tokens together; the rate itself where the batch in tokens is known."""
    (k, _), (d, _) = batch_ratio(a, b), horizon_ratio(a, b)
    found = [_power_optimum(scale) for scale in (a, b)]
    return Factor(
        lr=k * d**_POWER_B,
        optimum=found[1],
        formula=f"k d^-0.51 = {k:.4g} x {d:.4g}^-0.51 = {k * d**_POWER_B:.4g}",
        outside="a rate reaches the scheduler's ceiling of 0.02" if _POWER_MAX in found else "",
        why="the best rate of WSD under muP is linear in the batch and falls with the tokens.",
    )


def _power_optimum(scale: Scale) -> float | None:
    try:
        batch = amount(scale.batch, "tok", scale, "batch") / _POWER_SEQUENCE
    except ArgumentError:
        return None
    return None if scale.tokens is None else power_rate(batch, scale.tokens)


_D = frozenset({"horizon"})
_BOTH = frozenset({"batch", "horizon"})
HORIZON = (
    Law("bjorck", _D, ("adam",), "AdamW, language models, one model and batch", BJORCK, "2", bjorck),
    Law("one-third", _D, ("adam", "sgd", "lion", "muon"), "one model, rate re-tuned", ONE_THIRD, "2", one_third),
    Law("convex", _D, ("adam", "sgd"), "convex losses, worst case, one shape of schedule", DEFAZIO, "D", convex),
    Law(
        "measured-124m", _D, ("adam",), "15k to 50k updates, 124M, AdamW", "computed on published curves", "X", measured
    ),
    Law("steps", _BOTH, ("adam",), "(1 - beta) / s < 1", COMPLETED, "2", steps_rule),
    Law("power", _BOTH, ("adam",), "WSD and muP, rates below 0.02", POWER, "P", power),
)
