"""DoG, L-DoG, DoWG and polynomial decay averaging, written from the papers."""

import numpy as np


def dog(xs, gradient, steps, *, reps=1e-6, eps=1e-8, weight_decay=0.0, layers=False):
    """Return the weights and their average after each update; with ``layers`` every array has its own rate."""
    start = [np.array(x, float) for x in xs]
    xs, average = [x.copy() for x in start], [x.copy() for x in start]
    blocks = [[k] for k in range(len(xs))] if layers else [list(range(len(xs)))]
    far = [reps * (1 + norm(start, block)) for block in blocks]
    met = [eps] * len(blocks)
    path = []
    for t in range(1, steps + 1):
        gs = [g + weight_decay * x for g, x in zip(gradient(xs, t - 1), xs, strict=True)]
        gone = [x - x0 for x, x0 in zip(xs, start, strict=True)]
        for b, block in enumerate(blocks):
            far[b] = max(far[b], norm(gone, block))
            met[b] += norm(gs, block) ** 2
            for k in block:
                xs[k] = xs[k] - far[b] / np.sqrt(met[b]) * gs[k]
        average = averaged(average, xs, t)
        path.append(([x.copy() for x in xs], average))
    return path


def dowg(xs, gradient, steps, eps=1e-4):
    start = [np.array(x, float) for x in xs]
    xs, every = [x.copy() for x in start], list(range(len(xs)))
    square, met, path = eps, 0.0, []
    for t in range(steps):
        gs = gradient(xs, t)
        square = max(square, norm([x - x0 for x, x0 in zip(xs, start, strict=True)], every) ** 2)
        met += square * norm(gs, every) ** 2
        xs = [x - square / (np.sqrt(met) + eps) * g for x, g in zip(xs, gs, strict=True)]
        path.append([x.copy() for x in xs])
    return path


def averaged(average, xs, t, gamma=8.0):
    c = (1 + gamma) / (t + gamma)
    return [(1 - c) * a + c * x for a, x in zip(average, xs, strict=True)]


def norm(arrays, block):
    return np.sqrt(sum(np.sum(arrays[k] ** 2) for k in block))
