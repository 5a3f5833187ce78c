"""D-Adaptation, written from the paper's formulas (Lion: from the package's), each update in two passes as there."""

import math

import numpy as np


def dot(xs, ys):
    return float(sum(np.sum(x * y) for x, y in zip(xs, ys, strict=True)))


def size(xs):
    return float(sum(np.sum(np.abs(x)) for x in xs))


def begun(xs):
    return [np.array(x, float) for x in xs], [np.zeros(np.shape(x)) for x in xs]


def grown(d, d_hat, growth_rate):
    return max(d, min(d_hat, d * growth_rate))


def rates(lr):
    return lr if callable(lr) else lambda _: lr


def sgd(start, gradient, steps, *, lr=1.0, momentum=0.0, weight_decay=0.0, d0=1e-6, growth_rate=math.inf):
    """Return (weights, d) after each update; ``lr`` may be a function of the update."""
    (x0, s), xs = begun(start), [np.array(x, float) for x in start]
    d, num, g0, path = d0, 0.0, None, []
    for t in range(steps):
        gs = gradient(xs, t)
        if rates(lr)(t):
            g0 = g0 or math.sqrt(dot(gs, gs))
            gs = [g + weight_decay * x for g, x in zip(gs, xs, strict=True)]
            e = d * rates(lr)(t) / g0
            num += e * dot(gs, s)
            s = [a + e * g for a, g in zip(s, gs, strict=True)]
            d = grown(d, 2 * num / math.sqrt(dot(s, s)), growth_rate)
            xs = [momentum * x + (1 - momentum) * (a - b) for x, a, b in zip(xs, x0, s, strict=True)]
        path.append(([x.copy() for x in xs], d))
    return path


def adam(
    start,
    gradient,
    steps,
    *,
    lr=1.0,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0.0,
    decouple=False,
    use_bias_correction=False,
    d0=1e-6,
    growth_rate=math.inf,
    scales=None,
):
    """Return (weights, d) after each update; ``scales`` holds the layer_scale of each array."""
    (xs, s), (b1, b2), k, d, num, path = begun(start), betas, 0, d0, 0.0, []
    q, rs = math.sqrt(b2), scales or [1.0] * len(start)
    ms, vs = [np.zeros_like(x) for x in xs], [np.zeros_like(x) for x in xs]
    for t in range(steps):
        gs = gradient(xs, t)
        if rates(lr)(t):
            gs = gs if decouple else [g + weight_decay * x for g, x in zip(gs, xs, strict=True)]
            bc = math.sqrt(1 - b2 ** (k + 1)) / (1 - b1 ** (k + 1)) if use_bias_correction else 1.0
            e = d * rates(lr)(t) * bc
            acc = sum(r * e * np.sum(g * a / (np.sqrt(v) + eps)) for r, g, a, v in zip(rs, gs, s, vs, strict=True))
            ms = [b1 * m + (1 - b1) * r * e * g for m, r, g in zip(ms, rs, gs, strict=True)]
            vs = [b2 * v + (1 - b2) * g**2 for v, g in zip(vs, gs, strict=True)]
            s = [q * a + (1 - q) * e * g for a, g in zip(s, gs, strict=True)]
            num = q * num + (1 - q) * acc
            long = sum(r * np.sum(np.abs(a)) for r, a in zip(rs, s, strict=True))
            d = grown(d, num / ((1 - q) * long), growth_rate)
            decay = weight_decay if decouple else 0.0
            xs = [x - decay * e * x - m / (np.sqrt(v) + eps) for x, m, v in zip(xs, ms, vs, strict=True)]
            k += 1
        path.append(([x.copy() for x in xs], d))
    return path


def adagrad(start, gradient, steps, *, lr=1.0, momentum=0.0, eps=1e-6, weight_decay=0.0, d0=1e-6, growth_rate=math.inf):
    """Return (weights, d) after each update."""
    (x0, s), xs = begun(start), [np.array(x, float) for x in start]
    alpha, d, paid, path = [np.full_like(x, 1e-6) for x in xs], d0, 0.0, []
    for t in range(steps):
        gs = gradient(xs, t)
        if rates(lr)(t):
            gs = [g + weight_decay * x for g, x in zip(gs, xs, strict=True)]
            alpha = [a + g**2 for a, g in zip(alpha, gs, strict=True)]
            hs = [np.sqrt(a) + eps for a in alpha]
            e = d * rates(lr)(t)
            s = [a + e * g for a, g in zip(s, gs, strict=True)]
            paid += e**2 * sum(np.sum(g**2 / h) for g, h in zip(gs, hs, strict=True))
            reached = sum(np.sum(a**2 / h) for a, h in zip(s, hs, strict=True))
            d = grown(d, (reached - paid) / size(s), growth_rate)
            zs = [x - a / h for x, a, h in zip(x0, s, hs, strict=True)]
            xs = [momentum * x + (1 - momentum) * z for x, z in zip(xs, zs, strict=True)]
        path.append(([x.copy() for x in xs], d))
    return path


def lion(start, gradient, steps, *, lr=1.0, betas=(0.9, 0.99), weight_decay=0.0, d0=1e-6, growth_rate=math.inf):
    """Return (weights, d) after each update."""
    (xs, s), (b1, b2), d, num, path = begun(start), betas, d0, 0.0, []
    q, ms = math.sqrt(b2), [np.zeros_like(x) for x in xs]
    for t in range(steps):
        gs = gradient(xs, t)
        if rates(lr)(t):
            e = d * rates(lr)(t)
            us = [np.sign(b1 * m + (1 - b1) * g) for m, g in zip(ms, gs, strict=True)]
            xs = [x * (1 - e * weight_decay) - e * u for x, u in zip(xs, us, strict=True)]
            ms = [b2 * m + (1 - b2) * e * g for m, g in zip(ms, gs, strict=True)]
            num = q * num + (1 - q) * e * dot(us, s)
            s = [q * a + (1 - q) * e * u for a, u in zip(s, us, strict=True)]
            d = grown(d, num / ((1 - q) * size(s)), growth_rate)
        path.append(([x.copy() for x in xs], d))
    return path
