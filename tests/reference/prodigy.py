"""Prodigy, written from the paper's formulas, with the old d in d eps (``one_pass``) or the new one, as published."""

import math

import numpy as np


def few(x, slice_p):
    return np.asarray(x).reshape(-1)[::slice_p]


def run(
    start,
    gradient,
    steps,
    *,
    lr=1.0,
    betas=(0.9, 0.999),
    beta3=None,
    eps=1e-8,
    weight_decay=0.0,
    decouple=True,
    use_bias_correction=False,
    safeguard_warmup=False,
    d0=1e-6,
    d_coef=1.0,
    growth_rate=math.inf,
    d_limit=math.inf,
    slice_p=1,
    one_pass=True,
):
    """Return (weights, d) after each update; ``lr`` may be a function of the update."""
    xs, (b1, b2) = [np.array(x, float) for x in start], betas
    b3 = math.sqrt(b2) if beta3 is None else beta3
    starts = [few(x, slice_p).copy() for x in xs]
    s, ms, vs = [np.zeros_like(a) for a in starts], [np.zeros_like(x) for x in xs], [np.zeros_like(x) for x in xs]
    d, d_max, num, k, path = d0, d0, 0.0, 0, []
    for t in range(steps):
        rate = lr(t) if callable(lr) else lr
        gs = gradient(xs, t)
        if rate:
            gs = gs if decouple else [g + weight_decay * x for g, x in zip(gs, xs, strict=True)]
            bc = math.sqrt(1 - b2 ** (k + 1)) / (1 - b1 ** (k + 1)) if use_bias_correction else 1.0
            e, old = d * rate * bc, d
            slopes = [few(g, slice_p) for g in gs]
            moved = sum(np.dot(g, a - few(x, slice_p)) for g, a, x in zip(slopes, starts, xs, strict=True))
            num = b3 * num + d / d0 * e * moved
            ms = [b1 * m + (1 - b1) * d * g for m, g in zip(ms, gs, strict=True)]
            vs = [b2 * v + (1 - b2) * (d * g) ** 2 for v, g in zip(vs, gs, strict=True)]
            s = [b3 * a + d / d0 * (d if safeguard_warmup else e) * g for a, g in zip(s, slopes, strict=True)]
            d_hat = d_coef * num / sum(np.sum(np.abs(a)) for a in s)
            if d == d0:
                d = max(d, d_hat)
            d_max = max(d_max, d_hat)
            d = min(d_max, d * growth_rate, d_limit)
            floor, decay = (old if one_pass else d) * eps, weight_decay if decouple else 0.0
            xs = [x - decay * e * x - e * m / (np.sqrt(v) + floor) for x, m, v in zip(xs, ms, vs, strict=True)]
            k += 1
        path.append(([x.copy() for x in xs], d))
    return path


def averaged(
    start, gradient, steps, *, lr=1.0, betas=(0.9, 0.99), weight_decay=0.0, eps=1e-8, d0=1e-6, corrected=False
):
    """Return (y, x, d) after each update of Prodigy with Schedule-Free's averages, x kept as itself."""
    (b1, b2), zs = betas, [np.array(x, float) for x in start]
    b3, ys, xs, starts = math.sqrt(b2), list(zs), list(zs), list(zs)
    s, vs = [np.zeros_like(x) for x in zs], [np.zeros_like(x) for x in zs]
    d, num, total, largest, k, path = d0, 0.0, 0.0, 0.0, 0, []
    for t in range(steps):
        gs, rate = gradient(ys, t), lr(t) if callable(lr) else lr
        if rate:
            e = d * rate * (math.sqrt(1 - b2 ** (k + 1)) if corrected else 1.0)
            largest = max(largest, e)
            total += largest**2
            c = largest**2 / total
            num = b3 * num + d / d0 * e * sum(np.sum(g * (a - y)) for g, a, y in zip(gs, starts, ys, strict=True))
            s = [b3 * a + d / d0 * e * g for a, g in zip(s, gs, strict=True)]
            vs = [b2 * v + (1 - b2) * (d * g) ** 2 for v, g in zip(vs, gs, strict=True)]
            us = [d * g / (np.sqrt(v) + d * eps) + weight_decay * y for g, v, y in zip(gs, vs, ys, strict=True)]
            zs = [z - e * u for z, u in zip(zs, us, strict=True)]
            xs = [(1 - c) * x + c * z for x, z in zip(xs, zs, strict=True)]
            ys = [(1 - b1) * z + b1 * x for z, x in zip(zs, xs, strict=True)]
            d = max(d, num / sum(np.sum(np.abs(a)) for a in s))
            k += 1
        path.append((ys, xs, d))
    return path
