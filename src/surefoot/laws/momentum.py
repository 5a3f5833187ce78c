"""Momentum: the effective rate and the stability edge, which are different things."""

from __future__ import annotations

from surefoot.laws.factor import Factor, Law, both
from surefoot.laws.names import family
from surefoot.laws.numbers import inside, positive
from surefoot.laws.quadratics import adam_edge, edge
from surefoot.laws.scale import Scale
from surefoot.laws.sources import ADAPTIVE_EDGE

_LARGE = 0.99


def effective_rate(lr: float, momentum: float) -> float:
    """Return ``lr / (1 - momentum)``, the rate of plain SGD that moves as far in the long run.

    It holds for small rates, momentum without dampening, and not for averages such as Adam's, whose weights add up
    to 1: there the effective rate is ``lr`` itself.

    >>> round(effective_rate(0.1, 0.9), 9)
    1.0

    Source: the sum of the geometric series [D].
    """
    return positive(lr, "lr", "a rate") / (1.0 - inside(momentum, "momentum", "SGD's momentum"))


def _edges(a: Scale, b: Scale) -> tuple[float, float]:
    if _averaged(b):
        one, two = both(a, b, "beta1")
        return adam_edge(1.0, one), adam_edge(1.0, two)
    one, two = both(a, b, "momentum")
    return edge(1.0, one, nesterov=_nesterov(a)), edge(1.0, two, nesterov=_nesterov(b))


def _averaged(scale: Scale) -> bool:
    return family(scale.optimizer or "sgd") == "adam"


def _nesterov(scale: Scale) -> bool:
    return "nesterov" in (scale.optimizer or "").lower()


def effective(a: Scale, b: Scale) -> Factor:
    """Return (1 - mu') / (1 - mu), which keeps lr / (1 - mu)."""
    one, two = both(a, b, "momentum")
    lr = (1.0 - two) / (1.0 - one)
    outside = "" if max(one, two) <= _LARGE else f"momentum above {_LARGE:g} forgets too slowly for a rate that changes"
    return Factor(
        lr=lr,
        formula=f"(1 - {two:g}) / (1 - {one:g}) = {lr:.4g}",
        outside=outside,
        why="the run moves as far per gradient; the stability edge, 2 + 2 mu over the curvature, is another thing and "
        f"goes from {_edges(a, b)[0]:.3g} to {_edges(a, b)[1]:.3g}.",
    )


def averaged(a: Scale, b: Scale) -> Factor:
    """Return 1: an average moves as far per gradient whatever its beta."""
    one, two = both(a, b, "beta1")
    why = (
        "the weights of an average add up to 1, so lr / (1 - beta1) does not apply; the stability edge is another "
        f"thing and goes from {adam_edge(1.0, one):.3g} to {adam_edge(1.0, two):.3g}."
    )
    return Factor(lr=1.0, beta1=two, formula=f"1, for beta1 {one:g} to {two:g}", why=why)


def stability(a: Scale, b: Scale) -> Factor:
    """Return the ratio of the stability edges."""
    first, second = _edges(a, b)
    formula = f"{second:.4g} / {first:.4g} = {second / first:.4g}"
    why = "how much higher a rate stays stable on a quadratic: a bound, not a recommendation."
    return Factor(lr=second / first, formula=formula, why=why)


_M = frozenset({"momentum"})
MOMENTUM = (
    Law(
        "effective-rate",
        _M,
        ("sgd",),
        "small rates, momentum to 0.99, no dampening",
        "geometric series",
        "D",
        effective,
    ),
    Law("averaged-momentum", _M, ("adam",), "small rates", "weights of an average", "D", averaged),
    Law("stability-edge", _M, ("sgd", "adam"), "quadratics, preconditioner frozen", ADAPTIVE_EDGE, "D", stability),
)
