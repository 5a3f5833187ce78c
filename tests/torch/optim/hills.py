"""A stochastic quadratic over three tensors, in NumPy and as parameters of torch."""

import numpy as np
import torch

SHAPES = ((4, 3), (3,), ())
RNG = np.random.default_rng(3)
STEEP = [np.exp(RNG.normal(size=shape)) for shape in SHAPES]
GOALS = [RNG.normal(size=shape) for shape in SHAPES]
START = [goal + 2 + RNG.normal(size=np.shape(goal)) for goal in GOALS]
NOISE = [RNG.normal(size=(400, *shape)) for shape in SHAPES]


def gaps(xs, t):
    return [x - goal - 0.3 * noise[t % 400] for x, goal, noise in zip(xs, GOALS, NOISE, strict=True)]


def gradient(xs, t):
    return [c * gap for c, gap in zip(STEEP, gaps(xs, t), strict=True)]


def loss(xs, t):
    return sum(np.sum(c * gap**2) / 2 for c, gap in zip(STEEP, gaps(xs, t), strict=True))


def parameters(dtype=torch.float64):
    return [torch.nn.Parameter(torch.tensor(x, dtype=dtype)) for x in START]


def values(parameters):
    return [p.detach().double().numpy() for p in parameters]


def fill(parameters, t):
    """Put the gradients of update ``t`` in place and return the loss."""
    xs = values(parameters)
    for p, g in zip(parameters, gradient(xs, t), strict=True):
        p.grad = torch.tensor(g, dtype=p.dtype)
    return loss(xs, t)


def walk(optimizer, parameters, steps, *, first=0, told=False):
    """Do updates, the loss told to ``step`` if wanted; yield the weights after each."""
    for t in range(first, first + steps):
        height = fill(parameters, t)
        optimizer.step(**({"loss": height} if told else {}))
        yield [x.copy() for x in values(parameters)]


def apart(some, others):
    """Return the largest difference between two lists of arrays."""
    return max(float(np.max(np.abs(a - b))) for a, b in zip(some, others, strict=True))
