"""The peak rate by the batch size: linear, square root, Adam's SDE rule, half-life, noise scale, surge, 1/3 law."""

from __future__ import annotations

import math

from surefoot.errors import ArgumentError
from surefoot.laws.factor import Factor, Law, betas
from surefoot.laws.numbers import inside, positive
from surefoot.laws.scale import Scale, amount, unit_of
from surefoot.laws.sources import GOYAL, KRIZHEVSKY, MALLADI, MAREK, MCCANDLISH, ONE_THIRD, SURGE

_LARGEST_LINEAR, _UNUSUAL_BETA1 = 8192.0, 0.8


def sde_beta(beta: float, k: float) -> float | None:
    """Return Adam's beta for a batch ``k`` times larger, ``1 - k (1 - beta)``; None from ``k (1 - beta) >= 1`` on.

    >>> round(sde_beta(0.9, 4), 6), round(sde_beta(0.999, 4), 6), sde_beta(0.9, 10.5)
    (0.6, 0.996, None)

    Source: On the SDEs and Scaling Rules for Adaptive Gradient Algorithms, arXiv 2205.10287 (2022) [P].
    """
    new = 1.0 - positive(k, "k", "the new batch over the old") * (1.0 - inside(beta, "beta", "a decay of Adam"))
    return new if new > 0.0 else None


def half_life_beta(beta2: float, k: float) -> float:
    """Return the beta2 whose half-life in tokens is the same at a batch ``k`` times larger, ``beta2^k``.

    >>> round(half_life_beta(0.95, 1 / 512), 5)
    0.9999

    Source: Small Batch Size Training for Language Models, arXiv 2507.07101 (2025) [2].
    """
    return float(inside(beta2, "beta2", "a decay of Adam") ** positive(k, "k", "the new batch over the old"))


def noise_rate(batch: float, noise: float, power: float = 1.0) -> float:
    """Return the best rate over its limit for large batches, ``(1 + noise / batch)^-power``, both in one unit.

    ``power`` is 1 for SGD; for Adam between 0.5 and 1 (a conjecture in the paper's appendix), 0.5 in ``transfer``.

    >>> [round(noise_rate(b, 256), 3) for b in (32, 64, 128, 256, 512, 1024)]
    [0.111, 0.2, 0.333, 0.5, 0.667, 0.8]

    Source: An Empirical Model of Large-Batch Training, arXiv 1812.06162 (2018) [2].
    """
    batch, noise = positive(batch, "batch", "samples an update"), positive(noise, "noise", "the measured noise scale")
    return float((1.0 + noise / batch) ** -power)


def surge_rate(batch: float, noise: float) -> float:
    """Return Adam's best rate over its maximum, ``1 / (0.5 (sqrt(noise / batch) + sqrt(batch / noise)))``.

    It rises as the square root, peaks at ``batch = noise`` and falls after it.

    >>> [round(surge_rate(b, 16), 4) for b in (1, 4, 16, 64, 256)]
    [0.4706, 0.8, 1.0, 0.8, 0.4706]

    Source: Surge Phenomenon in Optimal Learning Rate and Batch Size Scaling, arXiv 2405.14578 (2024): the form [m]. In
    the mean-field form of later work the rate falls only for some ratios of noise to signal [2].
    """
    batch, noise = positive(batch, "batch", "samples an update"), positive(noise, "noise", "the measured noise scale")
    return 2.0 / (math.sqrt(noise / batch) + math.sqrt(batch / noise))


def batch_ratio(a: Scale, b: Scale) -> tuple[float, str]:
    """Return k, the second batch over the first, and the same as text; raise ArgumentError where it is not known."""
    for scale, which in ((a, "from_scale"), (b, "to_scale")):
        if scale.batch is None:
            raise ArgumentError(f"batch is missing in {which}.")
    unit = unit_of(a.batch)
    first, second = amount(a.batch, unit, a, "batch"), amount(b.batch, unit, b, "batch")
    return second / first, f"{second:g}/{first:g}"


def _noise(a: Scale, b: Scale) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return (batch, noise scale) of both in one unit; each scale falls back on the other's measurement."""
    known = [scale for scale in (a, b) if scale.noise_scale is not None]
    if not known:
        raise ArgumentError("noise_scale is missing: measure it (st.monitors) and give it, in samples.")
    unit = unit_of(a.batch)
    found = []
    for scale in (a, b):
        own = scale if scale.noise_scale is not None else known[0]
        noise = amount(own.noise_scale, unit, own, "noise_scale")
        found.append((amount(scale.batch, unit, scale, "batch"), noise))
    return found[0], found[1]


def _beyond_noise(a: Scale, b: Scale) -> str:
    if a.noise_scale is None and b.noise_scale is None:
        return ""
    _, (batch, noise) = _noise(a, b)
    return f"the batch of {batch:g} is above the measured noise scale of {noise:g}" if batch > noise else ""


def linear(a: Scale, b: Scale) -> Factor:
    """Return lr x k, the linear rule of SGD."""
    k, text = batch_ratio(a, b)
    outside = _beyond_noise(a, b)
    size = b.batch if isinstance(b.batch, float) else 0.0
    if not outside and a.noise_scale is None and b.noise_scale is None and size > _LARGEST_LINEAR:
        outside = f"the batch of {size:g} samples is above {_LARGEST_LINEAR:g}, where it was last seen to hold"
    why = "a larger batch averages the noise of as many small steps; it needs a warmup of 5 epochs to start from."
    return Factor(lr=k, formula=f"k = {text} = {k:.4g}", outside=outside, why=why)


def square_root(a: Scale, b: Scale) -> Factor:
    """Return lr x sqrt(k)."""
    k, text = batch_ratio(a, b)
    why = "it keeps the variance of a step; for Adam, a gradient over its own spread, it is the SDE rule's rate."
    formula = f"sqrt(k) = sqrt({text}) = {math.sqrt(k):.4g}"
    return Factor(lr=math.sqrt(k), formula=formula, outside=_beyond_noise(a, b), why=why)


def adam_sde(a: Scale, b: Scale) -> Factor:
    """Return Adam's SDE rule: lr x sqrt(k), beta -> 1 - k (1 - beta), eps / sqrt(k)."""
    k, text = batch_ratio(a, b)
    beta1, beta2 = betas(a)
    new1, new2 = sde_beta(beta1, k), sde_beta(beta2, k)
    outside = _beyond_noise(a, b)
    if new1 is None or new2 is None:
        outside = f"k (1 - beta) = {k * (1 - min(beta1, beta2)):.3g} must be below 1: the betas would be negative"
    formula = (
        f"sqrt(k) = sqrt({text}) = {math.sqrt(k):.4g}; beta1 = 1 - {k:.4g} x {1 - beta1:.3g}, "
        f"beta2 = 1 - {k:.4g} x {1 - beta2:.3g}; eps / {math.sqrt(k):.4g}"
    )
    why = "Adam and its SDE stay the same process per sample, and 1/k of the warmup updates cover the same samples."
    if new1 is not None and new1 < _UNUSUAL_BETA1:
        why += f" Few runs are made with beta1 below {_UNUSUAL_BETA1:g}: many keep the betas and take the rate alone."
    return Factor(
        lr=math.sqrt(k), beta1=new1, beta2=new2, eps=k**-0.5, warmup=1 / k, formula=formula, outside=outside, why=why
    )


def half_life(a: Scale, b: Scale) -> Factor:
    """Return beta2^k: Adam's second moment remembers as many tokens as before; nothing on the rate."""
    k, text = batch_ratio(a, b)
    old = betas(a)[1]
    beta2 = half_life_beta(old, k)
    why = "the second moment remembers as many tokens as before; the rule says nothing on the rate."
    return Factor(beta2=beta2, formula=f"beta2^k = {old:g}^({text}) = {beta2:.6g}", why=why)


def noise_sgd(a: Scale, b: Scale) -> Factor:
    """Return the ratio of 1 / (1 + noise / batch), SGD's best rate at a measured noise scale."""
    return _by_noise(a, b, 1.0, "below the noise scale this is the linear rule, above it the rate saturates.")


def noise_adam(a: Scale, b: Scale) -> Factor:
    """Return the ratio of (1 + noise / batch)^-0.5, Adam's best rate at a measured noise scale."""
    why = (
        "below the noise scale this is the square-root rule, above it the rate saturates; the power for Adam is "
        "between 0.5 and 1, and 0.5 agrees with the SDE rule."
    )
    return _by_noise(a, b, 0.5, why)


def _by_noise(a: Scale, b: Scale, power: float, why: str) -> Factor:
    batch_ratio(a, b)
    first, second = _noise(a, b)
    lr = noise_rate(*second, power) / noise_rate(*first, power)
    formula = "((1 + {1:g}/{0:g}) / (1 + {3:g}/{2:g}))^{4:g} = {5:.4g}".format(*first, *second, power, lr)
    return Factor(lr=lr, formula=formula, why=why)


def surge(a: Scale, b: Scale) -> Factor:
    """Return the ratio of Adam's surge form, which falls above the noise scale."""
    batch_ratio(a, b)
    first, second = _noise(a, b)
    lr = surge_rate(*second) / surge_rate(*first)
    formula = f"{surge_rate(*second):.4g} / {surge_rate(*first):.4g} = {lr:.4g}, noise scale {second[1]:g}"
    return Factor(lr=lr, formula=formula, why="for steps by signs the best rate peaks at the noise scale, then falls.")


def third_batch(a: Scale, b: Scale) -> Factor:
    """Return k^0.76, the batch exponent that goes with the 1/3 law of the horizon."""
    k, text = batch_ratio(a, b)
    why = "measured for Adam, between the square root and the linear rule."
    return Factor(lr=k**0.76, formula=f"k^0.76 = ({text})^0.76 = {k**0.76:.4g}", outside=_beyond_noise(a, b), why=why)


def updates_needed(batch: float, critical: float) -> float:
    """Return the updates to a loss over their minimum, ``S / Smin = 1 + critical / batch``.

    With ``samples_needed`` it satisfies (S/Smin - 1)(E/Emin - 1) = 1, with critical = Emin / Smin in samples.

    >>> updates_needed(256, 256), samples_needed(256, 256)
    (2.0, 2.0)

    Source: An Empirical Model of Large-Batch Training, arXiv 1812.06162 (2018) [2].
    """
    return 1.0 + positive(critical, "critical", "a batch") / positive(batch, "batch", "a batch in the same unit")


def samples_needed(batch: float, critical: float) -> float:
    """Return the samples to a loss over their minimum, ``E / Emin = 1 + batch / critical``; see ``updates_needed``."""
    return 1.0 + positive(batch, "batch", "a batch") / positive(critical, "critical", "a batch in the same unit")


_B = frozenset({"batch"})
_NOISE = "both batches, with the noise scale measured and the same at both"
BATCH = (
    Law(
        "linear", _B, ("sgd",), "SGD to batches of 8192 images, below the noise scale, with warmup", GOYAL, "2", linear
    ),
    Law("sqrt-sgd", _B, ("sgd",), "a variance argument; its author used the linear rule", KRIZHEVSKY, "2", square_root),
    Law("noise-scale", _B, ("sgd",), _NOISE, MCCANDLISH, "2", noise_sgd),
    Law("adam-sde", _B, ("adam",), "k (1 - beta1) < 1, below the noise scale", MALLADI, "P", adam_sde),
    Law("sqrt", _B, ("adam", "lion"), "below the noise scale; Lion by analogy", MALLADI, "P", square_root),
    Law("noise-scale-adam", _B, ("adam", "lion"), _NOISE, MCCANDLISH, "2", noise_adam),
    Law("surge", _B, ("adam", "lion"), _NOISE, SURGE, "m", surge),
    Law("one-third-batch", _B, ("adam",), "language models, below the noise scale", ONE_THIRD, "2", third_batch),
    Law("half-life", _B, ("adam",), "small batches, language models", MAREK, "2", half_life),
)
