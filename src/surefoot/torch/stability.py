"""Stability: the largest rate times curvature at which an optimizer, as it is set, stays on a quadratic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch.optim import Optimizer

from surefoot.errors import ArgumentError
from surefoot.torch.hooks import innermost
from surefoot.torch.preconditioning import updates
from surefoot.torch.slots import plain

Group = Mapping[str, Any]
State = Mapping[str, Any]


@dataclass(frozen=True)
class Threshold:
    """The edge of stability of one optimizer: ``value`` bounds ``eta * lambda_max(P^-1 (H + weight_decay I))``.

    ``eta`` is ``rate`` (the group's rate, of Adam's early steps over 1 - beta1^t), ``H`` the Hessian, ``P`` the
    preconditioner (1 for SGD), ``weight_decay`` the part of the curvature that coupled decay adds (0.0 where it is
    decoupled or absent). ``value`` is None where there is no such edge, and ``why`` says the reason; ``formula`` is
    the value's.
    """

    value: float | None
    formula: str
    rate: float
    weight_decay: float = 0.0
    why: str = ""

    def ratio(self, curvature: float) -> float | None:
        """Return r = eta (curvature + weight_decay) / value for a curvature lambda_max(P^-1 H) of the loss alone.

        r well below 1 is room; about 1 is where full-batch training lives, and no fault; above 1 a step along that
        direction grows. With P other than 1 and coupled decay, give lambda_max(P^-1 (H + weight_decay I)) less
        ``weight_decay``. None where there is no threshold.
        """
        return None if self.value is None else self.rate * (curvature + self.weight_decay) / self.value


def stability_threshold(optimizer: Any, group: int | None = None) -> Threshold:
    """Return the Threshold of ``optimizer`` as its groups and state stand: of one ``group``, or the lowest of all.

    With mu momentum, tau dampening, b1 and b2 the betas, wd decoupled decay, and mu_t NAdam's own momentum:

    - SGD: ``(2 + 2 mu) / (1 - tau)``; Nesterov: ``(2 + 2 mu) / (1 + 2 mu)``, below plain SGD's 2.
    - RMSprop: ``2 + 2 mu``.
    - Adam, AdamW, AMSGrad, Adamax, RAdam: ``(2 - eta wd)(1 + b1) / (1 - b1)``.
    - NAdam: ``(2 - eta wd)(1 + b1) / ((1 + b1)(1 - mu_t) + (1 - b1) mu_(t+1))``, which late in a run is
      ``(2 + 2 b1) / ((1 - b1)(1 + 2 b1))``.

    P is taken as frozen, which holds where 1 - b2 is small beside 1 - b1. Adagrad, Lion, Muon, Adafactor, LBFGS and
    classes that are not torch's have no threshold here; ``why`` says so. Raises ArgumentError for an object that is
    no optimizer or a group that it does not have.

    >>> import torch
    >>> weight = [torch.nn.Parameter(torch.ones(1))]
    >>> stability_threshold(torch.optim.SGD(weight, lr=0.1, momentum=0.9)).value
    3.8
    >>> round(stability_threshold(torch.optim.Adam(weight)).value, 6)
    38.0
    >>> stability_threshold(torch.optim.Adagrad(weight)).why
    'the sum in its denominator grows with every step, so that any rate becomes stable in the end'

    Source: Adaptive Gradient Methods at the Edge of Stability, arXiv 2207.14484 (2022), for momentum and Adam; the
    others derived from the update rules of torch.optim by the Jury conditions, and checked by bisection.
    """
    inner = innermost(optimizer)
    groups = inner.param_groups
    if group is not None and not 0 <= group < len(groups):
        raise ArgumentError(f"group={group!r} must be in 0..{len(groups) - 1}: the optimizer's groups.")
    rule = _RULES.get(type(inner).__name__) if type(inner).__module__.startswith("torch.optim") else None
    chosen = groups if group is None else [groups[group]]
    found = [_without(inner, one) if rule is None else rule(one, _state(inner, one)) for one in chosen]
    return min(found, key=lambda one: float("-inf") if one.value is None else one.value)


def _state(optimizer: Optimizer, group: Group) -> State:
    return next((optimizer.state[p] for p in group["params"] if optimizer.state.get(p)), {})


def _without(optimizer: Optimizer, group: Group) -> Threshold:
    name = type(optimizer).__name__
    reason = _REASONS.get(name, f"no threshold is known for {name}: use the headroom, which needs none")
    return Threshold(None, "", plain(group.get("lr", 0.0)), why=reason)


def _made(group: Group, value: float, formula: str, *, rate: float | None = None) -> Threshold:
    eta = plain(group["lr"]) if rate is None else rate
    if group.get("maximize"):
        return Threshold(None, "", eta, why="it climbs: a maximum is approached where -H is the curvature")
    coupled = 0.0 if group.get("decoupled_weight_decay") else plain(group.get("weight_decay", 0.0))
    return Threshold(value, formula, eta, coupled)


def _sgd(group: Group, state: State) -> Threshold:  # noqa: ARG001  every rule has the same signature
    mu, tau = plain(group["momentum"]), plain(group["dampening"])
    if mu == 0.0:
        return _made(group, 2.0, "2")
    if group["nesterov"]:
        return _made(group, (2.0 + 2.0 * mu) / (1.0 + 2.0 * mu), "(2 + 2 mu) / (1 + 2 mu)")
    if tau >= 1.0:
        return Threshold(None, "", plain(group["lr"]), why="dampening of 1 or more leaves nothing of the gradient")
    return _made(group, (2.0 + 2.0 * mu) / (1.0 - tau), "(2 + 2 mu) / (1 - tau)" if tau else "2 + 2 mu")


def _rmsprop(group: Group, state: State) -> Threshold:  # noqa: ARG001  as above
    mu = plain(group["momentum"])
    return _made(group, 2.0 + 2.0 * mu, "2 + 2 mu" if mu else "2")


def _adam(group: Group, state: State) -> Threshold:
    eta, b1 = plain(group["lr"]), plain(group["betas"][0])
    value = _kept(group) * (1.0 + b1) / (1.0 - b1)
    return _made(group, value, "(2 - eta wd)(1 + b1) / (1 - b1)", rate=eta / _warm(b1, state))


def _adamw(group: Group, state: State) -> Threshold:
    # Before torch 2.6 its groups do not say that the decay is decoupled.
    return _adam({**group, "decoupled_weight_decay": True}, state)


def _nadam(group: Group, state: State) -> Threshold:
    b1, t = plain(group["betas"][0]), plain(updates(state)) + 1.0
    now, then = (b1 * (1.0 - 0.5 * 0.96 ** (k * group["momentum_decay"])) for k in (t, t + 1.0))
    value = _kept(group) * (1.0 + b1) / ((1.0 + b1) * (1.0 - now) + (1.0 - b1) * then)
    return _made(group, value, "(2 - eta wd)(1 + b1) / ((1 + b1)(1 - mu_t) + (1 - b1) mu_(t+1))")


def _kept(group: Group) -> float:
    decay = plain(group["weight_decay"]) if group.get("decoupled_weight_decay") else 0.0
    return 2.0 - plain(group["lr"]) * decay


def _warm(b1: float, state: State) -> float:
    step = plain(updates(state))
    # Before the first update the next one is the first.
    return float(1.0 - b1 ** max(step, 1.0))


_RULES: Mapping[str, Callable[[Group, State], Threshold]] = {
    "SGD": _sgd,
    "RMSprop": _rmsprop,
    "Adam": _adam,
    "AdamW": _adamw,
    "Adamax": _adam,
    "RAdam": _adam,
    "NAdam": _nadam,
}
_REASONS = {
    "Adagrad": "the sum in its denominator grows with every step, so that any rate becomes stable in the end",
    "Lion": "its step is a sign, of one size whatever the curvature: it hovers around a minimum at every rate",
    "Rprop": "its step follows signs of the gradient, not its size",
    "Muon": "its step is orthogonalised, of one size whatever the curvature",
    "LBFGS": "it estimates the curvature itself and steps by that",
    "Adafactor": "its rate is relative to the weights and its step is clipped",
}
