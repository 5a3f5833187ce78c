"""The peak rate by the size of the model (and the tokens): published fits, each in its own units and range.

N is the parameters without the vocabulary, D the tokens of the run, C the compute, taken as 6 N D.
"""

from __future__ import annotations

import math

import numpy as np

from surefoot.errors import ArgumentError
from surefoot.laws.factor import Factor, Law, both
from surefoot.laws.numbers import positive
from surefoot.laws.scale import Scale, horizon
from surefoot.laws.sources import BJORCK, DEEPSEEK, GPT3, KAPLAN, MOONLIGHT, PORIAN, STEP_LAW

GPT3_TABLE = (
    (125e6, 6e-4, 0.5e6),
    (350e6, 3e-4, 0.5e6),
    (760e6, 2.5e-4, 0.5e6),
    (1.3e9, 2e-4, 1e6),
    (2.7e9, 1.6e-4, 1e6),
    (6.7e9, 1.2e-4, 2e6),
    (13e9, 1e-4, 2e6),
    (175e9, 0.6e-4, 3.2e6),
)
KAPLAN_ZERO, _KAPLAN_LAST, _STEP_LARGEST = 1.21e10, 1e10, 1.1e9
_N, _D = "parameters without the vocabulary", "tokens of the whole run"


def kaplan_lr(params: float) -> float:
    """Return Kaplan's peak, ``3.239e-3 - 1.395e-4 ln(params)``; ArgumentError above 1e10, where it nears zero.

    >>> f"{kaplan_lr(1e8):.3g} {kaplan_lr(1e9):.3g}"
    '0.000669 0.000348'

    Source: Scaling Laws for Neural Language Models, arXiv 2001.08361 (2020) [2]; that the logarithm is natural [m].
    """
    n = positive(params, "params", _N)
    if n > _KAPLAN_LAST:
        raise ArgumentError(
            f"params={n:g} must be at most 1e10: Kaplan's line is zero at {KAPLAN_ZERO:g} and negative above it."
        )
    return 3.239e-3 - 1.395e-4 * math.log(n)


def step_lr(params: float, tokens: float) -> float:
    """Return the Step Law's peak, ``1.79 params^-0.713 tokens^0.307``.

    >>> f"{step_lr(1e9, 1e11):.4g} {step_lr(1e8, 2e9):.4g}"
    '0.001632 0.002537'

    Source: Predictable Scale: Part I, arXiv 2503.04715 (2025) [2]; the constants were fitted again on 1,911 of the
    public runs: 1.797, -0.7129, 0.3075 [X]. AdamW, 2000 warmup updates, cosine to a fixed 1e-5.
    """
    return float(1.79 * positive(params, "params", _N) ** -0.713 * positive(tokens, "tokens", _D) ** 0.307)


def step_batch(tokens: float) -> float:
    """Return the Step Law's batch [tokens], ``0.58 tokens^0.571``.

    >>> f"{step_batch(1e11):.4g} {step_batch(2e9):.4g}"
    '1.108e+06 1.187e+05'

    Source: as ``step_lr``; fitted again: 0.581, 0.5709 [X].
    """
    return float(0.58 * positive(tokens, "tokens", _D) ** 0.571)


def deepseek_lr(compute: float) -> float:
    """Return DeepSeek's peak, ``0.3118 compute^-0.1250``, the compute in FLOPs without the embedding.

    >>> [f"{deepseek_lr(c):.4g}" for c in (1e18, 1e20, 1e22)]
    ['0.001753', '0.000986', '0.0005545']

    Source: DeepSeek LLM, arXiv 2401.02954 (2024) [2]; near-optimal there means within 0.25 % of the loss.
    """
    return float(0.3118 * positive(compute, "compute", "FLOPs of the whole run") ** -0.1250)


def deepseek_batch(compute: float) -> float:
    """Return DeepSeek's batch [tokens], ``0.2920 compute^0.3271``.

    >>> [f"{deepseek_batch(c):.4g}" for c in (1e18, 1e20, 1e22)]
    ['2.255e+05', '1.017e+06', '4.588e+06']

    Source: as ``deepseek_lr``.
    """
    return float(0.2920 * positive(compute, "compute", "FLOPs of the whole run") ** 0.3271)


def porian_lr(params: float) -> float:
    """Return Porian's peak, ``3.7 params^-0.36``, for runs whose tokens grow with the model.

    >>> f"{porian_lr(1e8):.4g} {porian_lr(1e9):.4g}"
    '0.004878 0.002129'

    Source: Resolving Discrepancies in Compute-Optimal Scaling of Language Models, arXiv 2406.19146 (2024) [2].
    """
    return float(3.7 * positive(params, "params", _N) ** -0.36)


def porian_batch(params: float) -> float:
    """Return Porian's batch, ``0.7576 params^0.703``; that its unit is tokens is not confirmed.

    >>> f"{porian_batch(1e8):.4g} {porian_batch(1e9):.4g}"
    '3.187e+05 1.609e+06'

    Source: as ``porian_lr``.
    """
    return float(0.7576 * positive(params, "params", _N) ** 0.703)


def gpt3_lr(params: float) -> float:
    """Return the peak of GPT-3's table, log-log between its models; ArgumentError outside 125e6 to 175e9.

    >>> gpt3_lr(13e9), f"{gpt3_lr(1e9):.3g}"
    (0.0001, '0.000223')

    Source: Language Models are Few-Shot Learners, arXiv 2005.14165 (2020) [2]: chosen, not fitted.
    """
    n = positive(params, "params", _N)
    sizes, rates, _ = np.array(GPT3_TABLE).T
    if not sizes[0] <= n <= sizes[-1]:
        raise ArgumentError(f"params={n:g} must be in 1.25e8..1.75e11: the table of GPT-3 has no other models.")
    return float(f"{math.exp(float(np.interp(math.log(n), np.log(sizes), np.log(rates)))):.12g}")


def moonlight_lr(compute: float) -> float:
    """Return Moonlight's peak, ``0.0127 compute^-0.057``; the unit of the compute is not confirmed: use ratios.

    Source: Muon is Scalable for LLM Training, arXiv 2502.16982 (2025) [2].

    >>> round(moonlight_lr(1e22) / moonlight_lr(1e20), 4)
    0.7691
    """
    return float(0.0127 * positive(compute, "compute", "compute of the whole run") ** -0.057)


def ratios(a: Scale, b: Scale) -> tuple[float, float]:
    """Return (n, d), the ratios of parameters and tokens; a quantity that neither scale gives counts as the same."""
    n = d = 1.0
    if a.params is not None or b.params is not None:
        first, second = both(a, b, "params")
        n = second / first
    ends = horizon(a), horizon(b)
    if ends[0] is not None and ends[1] is not None and ends[0][1] == ends[1][1]:
        d = ends[1][0] / ends[0][0]
    if n == d == 1.0 and a.params is None:
        raise ArgumentError("params is missing: give the parameters of both models, or the tokens of both runs.")
    return n, d


def step_law(a: Scale, b: Scale) -> Factor:
    """Return n^-0.713 d^0.307."""
    n, d = ratios(a, b)
    lr = n**-0.713 * d**0.307
    largest = max(a.params or 0.0, b.params or 0.0)
    outside = "" if largest <= _STEP_LARGEST else f"{largest:g} parameters are more than the 1.07e9 of the public runs"
    return Factor(
        lr=lr,
        optimum=step_lr(b.params, b.tokens) if b.params is not None and b.tokens is not None else None,
        batch_optimum=None if b.tokens is None else step_batch(b.tokens),
        formula=f"n^-0.713 d^0.307 = {n:.4g}^-0.713 x {d:.4g}^0.307 = {lr:.4g}",
        outside=outside,
        why="the rate rises with the tokens here, which may come from a decay to a fixed 1e-5 whatever the peak, and "
        "from a batch that grows with the tokens.",
    )


def deepseek(a: Scale, b: Scale) -> Factor:
    """Return (n d)^-0.125."""
    n, d = ratios(a, b)
    known = None if b.params is None or b.tokens is None else 6.0 * b.params * b.tokens
    return Factor(
        lr=(n * d) ** -0.125,
        optimum=None if known is None else deepseek_lr(known),
        batch_optimum=None if known is None else deepseek_batch(known),
        formula=f"(n d)^-0.125 = ({n:.4g} x {d:.4g})^-0.125 = {(n * d) ** -0.125:.4g}, C = 6 N D",
        why="fitted on the compute alone, with the batch at its own best.",
    )


def porian(a: Scale, b: Scale) -> Factor:
    """Return n^-0.36, the tokens growing with the model."""
    n, d = ratios(a, b)
    first, second = both(a, b, "params")
    outside = "" if 0.5 <= d / n <= 2 else f"tokens x {d:.3g} for a model x {n:.3g}: they must grow together"
    lr = porian_lr(second) / porian_lr(first)
    why = "fitted along compute-optimal runs: the longer run and the larger batch are already in it."
    formula = f"n^-0.36 = ({second:g}/{first:g})^-0.36 = {lr:.4g}"
    best = porian_batch(second)
    return Factor(lr=lr, optimum=porian_lr(second), batch_optimum=best, formula=formula, outside=outside, why=why)


def bjorck_size(a: Scale, b: Scale) -> Factor:
    """Return n^-0.23, at one length of the run and one batch."""
    first, second = both(a, b, "params")
    lr = (second / first) ** -0.23
    why = "the one fit with size and tokens apart, N^-0.23 D^-0.32, so that the two multiply without counting twice."
    return Factor(lr=lr, formula=f"n^-0.23 = ({second:g}/{first:g})^-0.23 = {lr:.4g}", why=why)


def kaplan(a: Scale, b: Scale) -> Factor:
    """Return the ratio of Kaplan's lines."""
    first, second = both(a, b, "params")
    start, end = kaplan_lr(first), kaplan_lr(second)
    why = "a line in the logarithm, which ends at 1.2e10 parameters."
    return Factor(lr=end / start, optimum=end, formula=f"{end:.4g} / {start:.4g} = {end / start:.4g}", why=why)


def gpt3(a: Scale, b: Scale) -> Factor:
    """Return the ratio of two places in GPT-3's table."""
    first, second = both(a, b, "params")
    start, end = gpt3_lr(first), gpt3_lr(second)
    why = "what was used, at 300B tokens each, with batches of 0.5M to 3.2M tokens that grow with the model."
    return Factor(lr=end / start, optimum=end, formula=f"{end:.4g} / {start:.4g} = {end / start:.4g}", why=why)


def moonlight(a: Scale, b: Scale) -> Factor:
    """Return (n d)^-0.057, for Muon."""
    n, d = ratios(a, b)
    lr = (n * d) ** -0.057
    formula = f"(n d)^-0.057 = ({n:.4g} x {d:.4g})^-0.057 = {lr:.4g}"
    return Factor(lr=lr, formula=formula, why="Muon's own fit on the compute.")


_SIZE, _ALL, _ADAM = frozenset({"params"}), frozenset({"params", "horizon"}), ("adam",)
SIZE = (
    Law("bjorck-size", _SIZE, _ADAM, "AdamW, language models, exponents only: the constant's units are unknown", BJORCK,
        "2", bjorck_size),
    Law("step-law", _ALL, _ADAM, "AdamW, cosine to 1e-5, N to 1.07e9, at its own batch", STEP_LAW, "2", step_law),
    Law("deepseek", _ALL, _ADAM, "AdamW, language models, at its own batch", DEEPSEEK, "2", deepseek),
    Law("porian", _ALL, _ADAM, "AdamW, tokens in proportion to the model, at its own batch", PORIAN, "2", porian),
    Law("kaplan", _SIZE, _ADAM, "Adam, N to 1e10", KAPLAN, "2", kaplan),
    Law("gpt-3", _SIZE, _ADAM, "Adam, cosine, 125e6 to 175e9 parameters", GPT3, "2", gpt3),
    Law("moonlight", _ALL, ("muon",), "Muon, language models; units of C not confirmed", MOONLIGHT, "2", moonlight),
)  # fmt: skip
