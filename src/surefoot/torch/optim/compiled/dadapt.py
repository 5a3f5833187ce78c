"""D-Adaptation's passes, compiled; see ``eager.dadapt`` for what each does."""

from __future__ import annotations

from typing import Any

import numpy as np

from surefoot.torch.optim.compiled.memory import broken, cast, compiled, narrow, view, wide

BLOCK = 2048
"""Elements that are added up in the type that is computed with; beyond that sums are float64."""


@compiled
def square(where: Any, sizes: Any, first: int, last: int, s: Any, out: Any, low: Any, work: Any) -> None:
    """Add up g^2."""
    for k in range(first, last):
        g = view(where[k, 1], sizes[k], low)
        for start in range(0, sizes[k], BLOCK):
            part = g[start : start + BLOCK]
            above = cast(0.0, work)
            for i in range(len(part)):
                above += wide(part[i]) * wide(part[i])
            out[k, 1] += above


@compiled
def sgd(where: Any, sizes: Any, first: int, last: int, s: Any, out: Any, low: Any, work: Any) -> None:
    """One step of D-Adapt SGD."""
    coupled, e = cast(s.coupled, work), cast(s.e, work)
    momentum, rest = cast(s.momentum, work), cast(1 - s.momentum, work)
    for k in range(first, last):
        n = sizes[k]
        p, g = view(where[k, 0], n, low), view(where[k, 1], n, low)
        far, start = view(where[k, 2], n, work), view(where[k, 3], n, low)
        if broken(g, n):
            out[k, 0] = 1
            continue
        for a in range(0, n, BLOCK):
            out[k, 1] += _sgd(p[a : a + BLOCK], g[a : a + BLOCK], far[a : a + BLOCK], coupled, e)
            out[k, 2] += _drawn(p[a : a + BLOCK], far[a : a + BLOCK], start[a : a + BLOCK], momentum, rest, low)


@compiled
def _sgd(p: Any, g: Any, far: Any, coupled: Any, e: Any) -> Any:
    along = e - e
    for i in range(len(p)):
        gi = wide(g[i]) + coupled * wide(p[i])
        along += gi * far[i]
        far[i] += e * gi
    return along


@compiled
def _drawn(p: Any, far: Any, start: Any, momentum: Any, rest: Any, low: Any) -> Any:
    square = momentum - momentum
    for i in range(len(p)):
        square += far[i] * far[i]
        p[i] = narrow(momentum * wide(p[i]) + rest * (wide(start[i]) - far[i]), low)
    return square


@compiled
def adam(where: Any, sizes: Any, first: int, last: int, s: Any, out: Any, low: Any, work: Any) -> None:
    """One step of D-Adapt Adam."""
    coupled, keep, eps = cast(s.coupled, work), cast(s.keep, work), cast(s.eps, work)
    b1, take, b2, rest = cast(s.b1, work), cast(s.take, work), cast(s.b2, work), cast(s.rest, work)
    q, push = cast(s.q, work), cast(s.push, work)
    for k in range(first, last):
        n = sizes[k]
        p, g, m = view(where[k, 0], n, low), view(where[k, 1], n, low), view(where[k, 2], n, work)
        v, far = view(where[k, 3], n, work), view(where[k, 4], n, work)
        if broken(g, n):
            out[k, 0] = 1
            continue
        # Two loops over what is in the nearest cache: one over all five would not be vectorised.
        for a in range(0, n, BLOCK):
            pa, ga, va, fa = p[a : a + BLOCK], g[a : a + BLOCK], v[a : a + BLOCK], far[a : a + BLOCK]
            along, long = _adam_sums(pa, ga, va, fa, coupled, q, push, eps)
            out[k, 1] += along
            out[k, 2] += long
            _adam_step(pa, ga, m[a : a + BLOCK], va, coupled, keep, b1, take, b2, rest, eps, low)


@compiled
def _adam_sums(p: Any, g: Any, v: Any, far: Any, coupled: Any, q: Any, push: Any, eps: Any) -> Any:
    along, long = eps - eps, eps - eps
    for i in range(len(p)):
        gi = wide(g[i]) + coupled * wide(p[i])
        along += gi * far[i] / (np.sqrt(v[i]) + eps)
        far[i] = q * far[i] + push * gi
        long += abs(far[i])
    return along, long


@compiled
def _adam_step(
    p: Any, g: Any, m: Any, v: Any, coupled: Any, keep: Any, b1: Any, take: Any, b2: Any, rest: Any, eps: Any, low: Any
) -> None:
    for i in range(len(p)):
        x = wide(p[i])
        gi = wide(g[i]) + coupled * x
        m[i] = b1 * m[i] + take * gi
        v[i] = b2 * v[i] + rest * gi * gi
        p[i] = narrow(keep * x - m[i] / (np.sqrt(v[i]) + eps), low)


@compiled
def adagrad(where: Any, sizes: Any, first: int, last: int, s: Any, out: Any, low: Any, work: Any) -> None:
    """One step of D-Adapt AdaGrad."""
    coupled, e, eps = cast(s.coupled, work), cast(s.e, work), cast(s.eps, work)
    momentum, rest = cast(s.momentum, work), cast(1 - s.momentum, work)
    for k in range(first, last):
        n = sizes[k]
        p, g, start = view(where[k, 0], n, low), view(where[k, 1], n, low), view(where[k, 4], n, low)
        alpha, far = view(where[k, 2], n, work), view(where[k, 3], n, work)
        if broken(g, n):
            out[k, 0] = 1
            continue
        for a in range(0, n, BLOCK):
            pa, aa, fa = p[a : a + BLOCK], alpha[a : a + BLOCK], far[a : a + BLOCK]
            weighed, gained, longer = _adagrad(pa, g[a : a + BLOCK], aa, fa, coupled, e, eps)
            out[k, 1] += weighed
            out[k, 2] += gained
            out[k, 3] += longer
            _returned(pa, aa, fa, start[a : a + BLOCK], momentum, rest, eps, low)


@compiled
def _adagrad(p: Any, g: Any, alpha: Any, far: Any, coupled: Any, e: Any, eps: Any) -> Any:
    weighed, gained, longer = eps - eps, eps - eps, eps - eps
    for i in range(len(p)):
        gi = wide(g[i]) + coupled * wide(p[i])
        old = far[i]
        new = old + e * gi
        before = old * old / (np.sqrt(alpha[i]) + eps)
        alpha[i] += gi * gi
        below = np.sqrt(alpha[i]) + eps
        weighed += gi * gi / below
        gained += new * new / below - before
        longer += abs(new) - abs(old)
        far[i] = new
    return weighed, gained, longer


@compiled
def _returned(p: Any, alpha: Any, far: Any, start: Any, momentum: Any, rest: Any, eps: Any, low: Any) -> None:
    for i in range(len(p)):
        z = wide(start[i]) - far[i] / (np.sqrt(alpha[i]) + eps)
        p[i] = narrow(momentum * wide(p[i]) + rest * z, low)


@compiled
def lion(where: Any, sizes: Any, first: int, last: int, s: Any, out: Any, low: Any, work: Any) -> None:
    """One step of D-Adapt Lion."""
    keep, e, b1, rest1 = cast(s.keep, work), cast(s.e, work), cast(s.b1, work), cast(1 - s.b1, work)
    b2, take, q, push = cast(s.b2, work), cast(s.take, work), cast(s.q, work), cast(s.push, work)
    for k in range(first, last):
        n = sizes[k]
        p, g = view(where[k, 0], n, low), view(where[k, 1], n, low)
        m, far = view(where[k, 2], n, work), view(where[k, 3], n, work)
        if broken(g, n):
            out[k, 0] = 1
            continue
        for a in range(0, n, BLOCK):
            along, long = cast(0.0, work), cast(0.0, work)
            pa, ga, ma, fa = p[a : a + BLOCK], g[a : a + BLOCK], m[a : a + BLOCK], far[a : a + BLOCK]
            for i in range(len(pa)):
                gi = wide(ga[i])
                mixed = b1 * ma[i] + rest1 * gi
                u = cast(np.int32(mixed > 0) - np.int32(mixed < 0), work)
                along += u * fa[i]
                pa[i] = narrow(keep * wide(pa[i]) - e * u, low)
                ma[i] = b2 * ma[i] + take * gi
                fa[i] = q * fa[i] + push * u
                long += abs(fa[i])
            out[k, 1] += along
            out[k, 2] += long
