"""Mechanic, written from algorithm 1 of the paper, with the sum of the updates kept."""

import numpy as np

BETAS = (0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999)


def run(xs, gradient, base, steps, *, betas=BETAS, s_init=1e-8, decay=0.01, eps=1e-8, clip=False):
    """Return the weights and the scale after each update; ``base(xs, gs)`` gives the updates of the base method."""
    start = [np.array(x, float) for x in xs]
    xs, betas, n = list(start), np.array(betas), len(betas)
    deltas = [np.zeros_like(x) for x in start]
    s, r, m, v = (np.zeros(n) for _ in range(4))
    path = []
    for t in range(steps):
        gs = gradient(xs, t)
        size = norm(gs) / norm(xs) if norm(xs) else 0.0
        h = sum(np.sum(d * (g + decay * s.sum() * size * x)) for d, g, x in zip(deltas, gs, xs, strict=True))
        deltas = [d + u for d, u in zip(deltas, base(xs, gs), strict=True)]
        heard = np.clip(h, -m, m) if clip else h
        m = np.maximum(betas * m, abs(h))
        v = betas**2 * v + h**2
        r = np.maximum(0, betas * r - s * heard)
        s = (s_init / n * m + r) / (np.sqrt(v) + eps)
        xs = [x + s.sum() * d for x, d in zip(start, deltas, strict=True)]
        path.append(([x.copy() for x in xs], s.sum()))
    return path


def norm(arrays):
    return np.sqrt(sum(np.sum(a**2) for a in arrays))
