"""GI-Adam, written from the paper: Adam whose second moment is g0^2 before the first update."""

import numpy as np


def run(xs, gradient, steps, *, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    """Return the weights after each update; ``gradient(xs, t)`` gives one array for each."""
    (b1, b2), xs = betas, [np.array(x, float) for x in xs]
    first = gradient(xs, 0)
    ms, vs = [np.zeros_like(g) for g in first], [g**2 for g in first]
    path = []
    for t in range(1, steps + 1):
        for k, g in enumerate(gradient(xs, t - 1)):
            ms[k] = b1 * ms[k] + (1 - b1) * g
            vs[k] = b2 * vs[k] + (1 - b2) * g**2
            direction = (ms[k] / (1 - b1**t)) / (np.sqrt(vs[k] / (1 - b2**t)) + eps)
            xs[k] = xs[k] - lr * weight_decay * xs[k] - lr * direction
        path.append([x.copy() for x in xs])
    return path
