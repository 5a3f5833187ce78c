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
        for a in range(0, sizes[k], BLOCK):
            ga = g[a : a + BLOCK]
            above = cast(0.0, work)
            for i in range(len(ga)):
                above += wide(ga[i]) * wide(ga[i])
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
        for a in range(0, n, BLOCK):
            pa, ga, fa, sa = p[a : a + BLOCK], g[a : a + BLOCK], far[a : a + BLOCK], start[a : a + BLOCK]
            if broken(ga, len(ga)):
                out[k, 0] += 1
                continue
            along, above = cast(0.0, work), cast(0.0, work)
            for i in range(len(pa)):
                x = wide(pa[i])
                gi = wide(ga[i]) + coupled * x
                along += gi * fa[i]
                fa[i] += e * gi
                above += fa[i] * fa[i]
                pa[i] = narrow(momentum * x + rest * (wide(sa[i]) - fa[i]), low)
            out[k, 1] += along
            out[k, 2] += above


@compiled
def adam(where: Any, sizes: Any, first: int, last: int, s: Any, out: Any, low: Any, work: Any) -> None:
    """One step of D-Adapt Adam."""
    coupled, decay, eps = cast(s.coupled, work), cast(s.decay, work), cast(s.eps, work)
    b1, take, b2, rest = cast(s.b1, work), cast(s.take, work), cast(s.b2, work), cast(s.rest, work)
    q, push, e = cast(s.q, work), cast(s.push, work), cast(s.e, work)
    for k in range(first, last):
        n = sizes[k]
        p, g, m = view(where[k, 0], n, low), view(where[k, 1], n, low), view(where[k, 2], n, work)
        v, far = view(where[k, 3], n, work), view(where[k, 4], n, work)
        for a in range(0, n, BLOCK):
            pa, ga, ma = p[a : a + BLOCK], g[a : a + BLOCK], m[a : a + BLOCK]
            va, fa = v[a : a + BLOCK], far[a : a + BLOCK]
            if broken(ga, len(ga)):
                out[k, 0] += 1
                continue
            along, long = cast(0.0, work), cast(0.0, work)
            for i in range(len(pa)):
                x = wide(pa[i])
                gi = wide(ga[i]) + coupled * x
                along += gi * fa[i] / (np.sqrt(va[i]) + eps)
                fa[i] = q * fa[i] + push * gi
                long += abs(fa[i])
                ma[i] = b1 * ma[i] + take * gi
                va[i] = b2 * va[i] + rest * gi * gi
                below = np.sqrt(va[i]) + eps
                # In one quotient, so that nothing is taken from x but once: it could not hold two small numbers.
                pa[i] = narrow(x - (ma[i] + e * decay * x * below) / below, low)
            out[k, 1] += along
            out[k, 2] += long


@compiled
def adagrad(where: Any, sizes: Any, first: int, last: int, s: Any, out: Any, low: Any, work: Any) -> None:
    """One step of D-Adapt AdaGrad."""
    coupled, e, eps = cast(s.coupled, work), cast(s.e, work), cast(s.eps, work)
    momentum, rest = cast(s.momentum, work), cast(1 - s.momentum, work)
    for k in range(first, last):
        n = sizes[k]
        p, g, start = view(where[k, 0], n, low), view(where[k, 1], n, low), view(where[k, 4], n, low)
        alpha, far = view(where[k, 2], n, work), view(where[k, 3], n, work)
        for a in range(0, n, BLOCK):
            ga = g[a : a + BLOCK]
            if broken(ga, len(ga)):
                out[k, 0] += 1
                continue
            weighed, gained, longer = _adagrad(
                p[a : a + BLOCK],
                ga,
                alpha[a : a + BLOCK],
                far[a : a + BLOCK],
                start[a : a + BLOCK],
                coupled,
                e,
                eps,
                momentum,
                rest,
                low,
            )
            out[k, 1] += weighed
            out[k, 2] += gained
            out[k, 3] += longer


@compiled
def _adagrad(
    p: Any,
    g: Any,
    alpha: Any,
    far: Any,
    start: Any,
    coupled: Any,
    e: Any,
    eps: Any,
    momentum: Any,
    rest: Any,
    low: Any,
) -> Any:
    weighed, gained, longer = eps - eps, eps - eps, eps - eps
    for i in range(len(p)):
        x = wide(p[i])
        gi = wide(g[i]) + coupled * x
        old = far[i]
        new = old + e * gi
        before = old * old / (np.sqrt(alpha[i]) + eps)
        alpha[i] += gi * gi
        below = np.sqrt(alpha[i]) + eps
        weighed += gi * gi / below
        gained += new * new / below - before
        longer += abs(new) - abs(old)
        far[i] = new
        p[i] = narrow(momentum * x + rest * (wide(start[i]) - new / below), low)
    return weighed, gained, longer


@compiled
def lion(where: Any, sizes: Any, first: int, last: int, s: Any, out: Any, low: Any, work: Any) -> None:
    """One step of D-Adapt Lion."""
    decay, e, b1, rest1 = cast(s.decay, work), cast(s.e, work), cast(s.b1, work), cast(1 - s.b1, work)
    b2, take, q, push = cast(s.b2, work), cast(s.take, work), cast(s.q, work), cast(s.push, work)
    for k in range(first, last):
        n = sizes[k]
        p, g = view(where[k, 0], n, low), view(where[k, 1], n, low)
        m, far = view(where[k, 2], n, work), view(where[k, 3], n, work)
        for a in range(0, n, BLOCK):
            pa, ga, ma, fa = p[a : a + BLOCK], g[a : a + BLOCK], m[a : a + BLOCK], far[a : a + BLOCK]
            if broken(ga, len(ga)):
                out[k, 0] += 1
                continue
            along, long = cast(0.0, work), cast(0.0, work)
            for i in range(len(pa)):
                gi = wide(ga[i])
                mixed = b1 * ma[i] + rest1 * gi
                u = cast(np.int32(mixed > 0) - np.int32(mixed < 0), work)
                along += u * fa[i]
                x = wide(pa[i])
                pa[i] = narrow(x - e * (u + decay * x), low)
                ma[i] = b2 * ma[i] + take * gi
                fa[i] = q * fa[i] + push * u
                long += abs(fa[i])
            out[k, 1] += along
            out[k, 2] += long
