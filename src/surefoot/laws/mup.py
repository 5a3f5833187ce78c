"""muP and CompleteP: factors by the role of a tensor, when a model grows wider or deeper.

``m`` is the width over the base model's width. ``hidden`` are tensors of which two dimensions grow, ``embedding`` the
input table, ``vector`` biases and gains of norms, ``readout`` the last matrix, of which only the input grows. Attention
logits must be q.k/d times a constant, not q.k/sqrt(d): no factor of a group can do that. No model is needed here;
``surefoot.torch.groups.mup`` puts the table on one.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from surefoot.errors import ArgumentError
from surefoot.laws.names import family
from surefoot.laws.numbers import positive

Role = Literal["hidden", "embedding", "vector", "readout"]
ROLES: tuple[Role, ...] = get_args(Role)


class RoleFactors(NamedTuple):
    """What a role's ``lr``, ``weight_decay``, ``init_std`` and ``eps`` are multiplied by; 1 leaves a thing alone."""

    lr: float
    weight_decay: float
    init_std: float
    eps: float


class DepthFactors(NamedTuple):
    """What CompleteP multiplies in a model ``m_L`` times deeper: each residual ``branch``, hidden ``lr``, ``eps``."""

    branch: float
    lr: float
    eps: float


# Exponents of m: (lr, init_std, eps). Weight decay always takes -lr, which keeps lr x weight decay.
_ADAM: dict[str, tuple[float, float, float]] = {
    "hidden": (-1.0, -0.5, -1.0),
    "embedding": (0.0, 0.0, -1.0),
    "vector": (0.0, 0.0, -1.0),
    "readout": (-1.0, -1.0, 0.0),
    "readout with multiplier": (0.0, 0.0, -1.0),
}
# SGD has no eps.
_SGD: dict[str, tuple[float, float, float]] = {
    "hidden": (0.0, -0.5, 0.0),
    "embedding": (1.0, 0.0, 0.0),
    "vector": (1.0, 0.0, 0.0),
    "readout": (-1.0, -1.0, 0.0),
    "readout with multiplier": (1.0, 0.0, 0.0),
}
_TABLES = {"adam": _ADAM, "lion": _ADAM, "sgd": _SGD}


def mup_factors(role: Role, m: float, optimizer: str = "adamw", *, output_multiplier: bool = False) -> RoleFactors:
    """Return what muP multiplies for tensors of ``role`` in a model ``m`` times wider, relative to the base model.

    ========================  ===========  ============  ========  ===========  =========
    role                      lr, Adam     weight decay  init std  eps, Adam    lr, SGD
    ========================  ===========  ============  ========  ===========  =========
    hidden                    1/m          m             m^-1/2    1/m          1
    embedding                 1            1             1         1/m          m
    vector                    1            1             1         1/m          m
    readout                   1/m          m             1/m       1            1/m
    readout, with multiplier  1            1             1         1/m          m
    ========================  ===========  ============  ========  ===========  =========

    The column of weight decay is Adam's; for SGD it is one over its lr, so that lr x weight decay stays. With
    ``output_multiplier`` the model itself multiplies its logits by 1/m; without, the readout starts at 1/m of the
    base's spread (zero is as good). Raises ArgumentError for an unknown role, an ``m`` that is not above 0, and
    optimizers without a table (Muon).

    >>> mup_factors("hidden", 4, "adamw")
    RoleFactors(lr=0.25, weight_decay=4.0, init_std=0.5, eps=0.25)
    >>> mup_factors("vector", 4, "sgd").lr, mup_factors("readout", 4, "adam", output_multiplier=True).lr
    (4.0, 1.0)

    Source: Tensor Programs V: Tuning Large Neural Networks via Zero-Shot Hyperparameter Transfer, arXiv 2203.03466
    (2022): lr, weight decay and init [C], read in microsoft/mup and EleutherAI/nanoGPT-mup; the readout without a
    multiplier and the eps of hidden and embedding [2]; the other eps and the readout's weight decay [D], since
    gradients of hidden units fall as 1/m. Lion steps by signs, so it takes Adam's rates [D].
    """
    width = positive(m, "m", "the width over the base model's width")
    if role not in ROLES:
        raise ArgumentError(f"role={role!r} must be one of {', '.join(ROLES)}.")
    table = _TABLES.get(family(optimizer))
    if table is None:
        raise ArgumentError(f"optimizer={optimizer!r} has no muP table here: use one of Adam's or SGD's kind, or Lion.")
    lr, std, eps = table["readout with multiplier" if role == "readout" and output_multiplier else role]
    return RoleFactors(width**lr, width**-lr, width**std, width**eps)


def completep_factors(m: float, alpha: float = 1.0) -> DepthFactors:
    """Return what CompleteP multiplies in a model ``m`` times deeper than the base model.

    ``branch = m^-alpha``, ``lr = m^(alpha - 1)`` (hidden tensors), ``eps = m^-alpha`` (hidden tensors): with ``alpha``
    = 1 the rate stays. Multiply with ``mup_factors`` where the width grows too. Raises ArgumentError for an ``m`` that
    is not above 0 or an ``alpha`` outside [0.5, 1].

    >>> completep_factors(4)
    DepthFactors(branch=0.25, lr=1.0, eps=0.25)

    Source: Don't be lazy: CompleteP enables compute-efficient deep transformers, arXiv 2505.01618 (2025) [P, abstract].
    """
    depth = positive(m, "m", "the depth over the base model's depth")
    if not 0.5 <= alpha <= 1.0:
        raise ArgumentError(f"alpha={alpha!r} must be in [0.5, 1]: 1 is CompleteP, 0.5 the older square-root rule.")
    return DepthFactors(depth**-alpha, depth ** (alpha - 1.0), depth**-alpha)
