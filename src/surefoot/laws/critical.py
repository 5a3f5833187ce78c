"""Critical batch sizes: from the loss, from the tokens, and from two gradients."""

from __future__ import annotations

from surefoot.errors import ArgumentError
from surefoot.laws.numbers import positive


def noise_scale(small: float, big: float, batch: float, larger: float) -> tuple[float, float]:
    """Return |G|^2 and tr(Sigma) from the mean squared gradient norms at two batches; their ratio is the noise scale.

    ``|G|^2 = (larger x big - batch x small) / (larger - batch)``, ``tr(Sigma) = (small - big) / (1/batch - 1/larger)``:
    ``small`` and ``big`` are squared norms, each a mean over updates (one pair may give a negative estimate), of
    gradients of ``batch`` < ``larger`` samples; B_simple = tr(Sigma) / |G|^2 in samples. ``st.monitors`` measures it.
    Raises ArgumentError for batches in the wrong order.

    >>> [round(found, 9) for found in noise_scale(11, 2, 10, 100)]
    [1.0, 100.0]

    Source: An Empirical Model of Large-Batch Training, arXiv 1812.06162 (2018) [2].
    """
    b, B = positive(batch, "batch", "samples of the small batch"), positive(larger, "larger", "samples of the larger")
    if b >= B:
        raise ArgumentError(f"batch={batch!r} must be below larger={larger!r}.")
    g, G = positive(small, "small", "a squared norm"), positive(big, "big", "a squared norm")
    return (B * G - b * g) / (B - b), (g - G) / (1.0 / b - 1.0 / B)


def kaplan_critical(loss: float) -> float:
    """Return the critical batch [tokens] at ``loss`` [nats a token], ``2e8 / loss^(1/0.21)``.

    It doubles for every 13 % that the loss falls. Later work finds that it grows with the tokens seen, not with the
    loss (``zhang_ratio``).

    >>> [f"{kaplan_critical(loss):.3g}" for loss in (4, 3, 2.5)]
    ['2.72e+05', '1.07e+06', '2.55e+06']

    Source: Scaling Laws for Neural Language Models, arXiv 2001.08361 (2020) [2].
    """
    return float(2e8 / positive(loss, "loss", "nats a token") ** (1 / 0.21))


def minicpm_batch(loss: float) -> float:
    """Return MiniCPM's batch [tokens] at ``loss`` [nats a token], ``1.21e9 / loss^6.24``.

    >>> f"{minicpm_batch(3):.3g}"
    '1.28e+06'

    Source: MiniCPM, arXiv 2404.06395 (2024) [m]; a table that quotes 2e18 for the constant is not plausible.
    """
    return float(1.21e9 / positive(loss, "loss", "nats a token") ** 6.24)


def zhang_ratio(tokens_ratio: float) -> float:
    """Return how much the critical batch grows with the tokens of the run, ``tokens_ratio^0.5``, at any model size.

    Sources: How Does Critical Batch Size Scale in Pre-training?, arXiv 2410.21676 (2024), Power Lines, arXiv
    2505.13738 (2025) [2]; the exponent 0.462 of the latter is [m].

    >>> zhang_ratio(4)
    2.0
    """
    return float(positive(tokens_ratio, "tokens_ratio", "the new tokens over the old") ** 0.5)
