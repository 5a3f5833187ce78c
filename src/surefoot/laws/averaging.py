"""AdamW as an average of past updates: its timescale, and the weight decay that keeps it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surefoot.laws.batch import batch_ratio
from surefoot.laws.numbers import positive
from surefoot.laws.scale import Scale, horizon
from surefoot.laws.sources import WANG


def timescale(lr: float, weight_decay: float, updates: float = 1.0) -> float:
    """Return ``1 / (lr x weight_decay x updates)``: how many updates the weights remember, as a share of ``updates``.

    With ``updates`` = S = D/B it is tau = B / (lr wd D), about constant at the best weight decay; with 1 it is in
    updates.

    >>> timescale(1e-3, 0.1), timescale(1e-3, 0.1, 100_000)
    (10000.0, 0.1)

    Source: How to set AdamW's weight decay as you scale model and dataset size, arXiv 2405.13698 (2024) [2].
    """
    product = positive(lr, "lr", "a rate") * positive(weight_decay, "weight_decay", "AdamW's, decoupled")
    return float(f"{1.0 / (product * positive(updates, 'updates', 'updates of the run')):.15g}")


def update_weights(lrs: NDArray[np.float64], weight_decay: float) -> NDArray[np.float64]:
    """Return c_i = alpha_i prod_{j > i} (1 - alpha_j), alpha = lr x weight_decay: the weight of update i at the end.

    With the weight of the start, prod (1 - alpha_j), they add up to 1.

    >>> update_weights(np.array([1.0, 0.5]), 0.5).tolist()
    [0.375, 0.25]

    Source: Straight to Zero, arXiv 2502.15938 (2025) [2].
    """
    alpha = np.asarray(lrs, dtype=np.float64) * positive(weight_decay, "weight_decay", "AdamW's, decoupled")
    after = np.append(np.cumprod((1.0 - alpha)[::-1])[::-1][1:], 1.0)
    return np.asarray(alpha * after)


def power_lines_tau(tokens_per_parameter: float) -> float:
    """Return the best tau, ``1.084 TPP^-0.527``, by the tokens per parameter of the run.

    >>> [round(power_lines_tau(tpp), 3) for tpp in (20, 80, 200)]
    [0.224, 0.108, 0.066]

    Source: Power Lines, arXiv 2505.13738 (2025): that it falls as a power [P, abstract]; the constants [m], not found.
    """
    return float(1.084 * positive(tokens_per_parameter, "tokens_per_parameter", "tokens over parameters") ** -0.527)


def decay_factor(a: Scale, b: Scale, lr: float) -> tuple[float, str] | None:
    """Return what AdamW's weight decay is multiplied by so that tau stays, ``1 / (s x lr)``, and the same as text.

    s = d / k is the ratio of the updates (an amount that neither scale gives counts as the same), ``lr`` that of the
    rate; None where the runs' lengths are in units that do not compare.

    Source: How to set AdamW's weight decay as you scale model and dataset size, arXiv 2405.13698 (2024) [2].
    """
    first, second = horizon(a), horizon(b)
    s = 1.0
    if first is not None and second is not None:
        if first[1] != second[1]:
            return None
        s = second[0] / first[0]
    if a.batch is not None and b.batch is not None:
        s /= batch_ratio(a, b)[0]
    return 1.0 / (s * lr), f"1 / (s x lr) = 1 / ({s:.4g} x {lr:.4g}) = {1.0 / (s * lr):.4g}, {WANG} [2]"
