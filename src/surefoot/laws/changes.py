"""What changes from one scale to another: the quantities that a law must answer for."""

from __future__ import annotations

from surefoot.errors import ArgumentError
from surefoot.laws.batch import batch_ratio
from surefoot.laws.horizon import horizon_ratio
from surefoot.laws.names import family
from surefoot.laws.scale import Scale, horizon

QUANTITIES = ("batch", "horizon", "params", "width", "depth", "kind", "momentum", "optimizer")
_SAME = 1e-9
_IN_KIND = {"batch", "horizon"}


def changes(a: Scale, b: Scale) -> tuple[str, ...]:
    """Return the quantities that differ, in the order of ``QUANTITIES``; ArgumentError for one that only one gives.

    Parameters are left to the width where both scales give it: they follow from width and depth. Batch and horizon
    are left to the kind of training where it changes: its habits already hold a shorter run.

    >>> changes(Scale(batch=32, width=64), Scale(batch=64, width=64))
    ('batch',)
    """
    for name in ("batch", "params", "width", "depth", "kind", "momentum", "vocabulary"):
        _paired(name, getattr(a, name), getattr(b, name))
    if b.beta1 is not None:
        _paired("beta1", a.beta1, b.beta1)
    _paired("tokens (or samples, or steps)", horizon(a), horizon(b))
    found = tuple(name for name in QUANTITIES if _differs(name, a, b))
    return tuple(name for name in found if name not in _IN_KIND) if "kind" in found else found


def ratio(name: str, a: Scale, b: Scale) -> float | None:
    """Return the second scale's quantity over the first's; None where it is not known or no number."""
    if name == "batch":
        return None if a.batch is None else batch_ratio(a, b)[0]
    if name == "horizon":
        return None if horizon(a) is None else horizon_ratio(a, b)[0]
    first, second = getattr(a, name), getattr(b, name)
    return None if first is None or isinstance(first, str) or not first else float(second / first)


def _differs(name: str, a: Scale, b: Scale) -> bool:
    if name == "optimizer":
        return a.optimizer is not None and b.optimizer is not None and family(a.optimizer) != family(b.optimizer)
    if name == "momentum":
        return a.momentum != b.momentum or (b.beta1 is not None and a.beta1 != b.beta1) or _nesterov(a) != _nesterov(b)
    if name == "params" and a.width is not None and b.width is not None:
        return False
    if name == "kind":
        return a.kind != b.kind
    found = ratio(name, a, b)
    return found is not None and abs(found - 1.0) > _SAME


def _nesterov(scale: Scale) -> bool:
    # Without a momentum, the name of the optimizer alone says nothing that a law could answer.
    return bool(scale.momentum) and "nesterov" in (scale.optimizer or "").lower()


def _paired(name: str, first: object, second: object) -> None:
    if (first is None) != (second is None):
        here, there = ("to_scale", "from_scale") if second is None else ("from_scale", "to_scale")
        shown = first if second is None else second
        raise ArgumentError(f"{name} is missing in {here}, while {there} has {shown}: give it in both, or in neither.")
