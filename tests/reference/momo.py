"""MoMo, written from the paper: the step is the minimiser of a truncated model, found here by bisection.

At weights x the model of the loss at y is max(lower, f + <m, y - x> + (<m, x> - gamma)), f, m and gamma averages. The
step minimises it plus |y - x|^2_D/(2 lr) plus the weight decay's wd |y|^2_D/2; with a multiplier t of the first branch,
0 <= t <= 1, that is y(t) = (x - t lr m/D)/(1 + lr wd). Nothing here knows the closed form of the rate.
"""

import numpy as np


def run(xs, gradient, loss, steps, *, lr, beta=0.9, b2=None, eps=1e-8, weight_decay=0.0, lower=0.0, corrected=False):
    """Return the weights and the multiplier after each update; with ``b2`` the norm is Adam's."""
    xs, path = [np.array(x, float) for x in xs], []
    ms, vs = [np.zeros_like(x) for x in xs], [np.zeros_like(x) for x in xs]
    f = gamma = 0.0
    for t in range(1, steps + 1):
        gs = gradient(xs, t - 1)
        b = beta if corrected or t > 1 else 0.0
        rho = 1 - beta**t if corrected else 1.0
        f = b * f + (1 - b) * loss(xs, t - 1)
        gamma = b * gamma + (1 - b) * dot(gs, xs)
        ms = [b * m + (1 - b) * g for m, g in zip(ms, gs, strict=True)]
        scale = [np.ones_like(x) for x in xs]
        if b2 is not None:
            vs = [b2 * v + (1 - b2) * g**2 for v, g in zip(vs, gs, strict=True)]
            scale = [np.sqrt(v / (1 - b2**t)) + eps for v in vs]
        mean = [m / rho for m in ms]

        def moved(share, xs=xs, mean=mean, scale=scale):
            decayed = 1 + lr * weight_decay
            return [(x - share * lr * m / d) / decayed for x, m, d in zip(xs, mean, scale, strict=True)]

        def height(share, mean=mean, offset=(f - gamma) / rho, moved=moved):
            return offset + dot(mean, moved(share))

        share = multiplier(lambda s, height=height: height(s) - lower)
        xs = moved(share)
        path.append(([x.copy() for x in xs], share))
    return path


def multiplier(above):
    """Return the t of [0, 1] where ``above``, which falls, reaches 0."""
    if above(1.0) >= 0:
        return 1.0
    if above(0.0) <= 0:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if above(middle) > 0 else (low, middle)
    return (low + high) / 2


def dot(some, others):
    return sum(np.sum(a * b) for a, b in zip(some, others, strict=True))
