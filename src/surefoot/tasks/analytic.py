"""Tasks whose answer is known in closed form, in NumPy: for tests, for teaching, and for trying a search in a second.

Each is plain gradient descent (heavy ball where it takes ``momentum``): v <- momentum v + gradient, x <- x - rate v.
The reported loss is that of the point before the update, the validation loss that of the point after it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from surefoot.history.reading import Reading
from surefoot.schedule.core import Schedule
from surefoot.tasks.steps import updates

Vector = NDArray[np.float64]
# Dense on purpose: a rate that happens to be 1 / curvature removes one direction and no more.
_GEOMETRIC = tuple(30 * 0.8**k for k in range(40))
_HARMONIC = tuple(1 / k for k in range(1, 101))


def quadratic(
    schedule: Schedule, *, seed: int = 0, spectrum: tuple[float, ...] = _GEOMETRIC, momentum: float = 0.0
) -> Iterator[Reading]:
    """Descend f(x) = sum(spectrum * x**2) / 2 from a random normal point.

    Without momentum it is stable exactly below 2 / max(spectrum), and x after t updates at a constant rate is
    (1 - rate * spectrum)**t times its start.
    """
    curvature = np.asarray(spectrum, float)
    x = np.random.default_rng(seed).standard_normal(len(curvature))
    v = np.zeros_like(x)
    for step in updates(schedule):
        rate = schedule(step)
        with np.errstate(over="ignore", invalid="ignore"):
            loss = _bowl(curvature, x)
            v = momentum * v + curvature * x
            x = x - rate * v
        yield Reading(step, loss, lr=rate, val_loss=lambda x=x: _bowl(curvature, x))


def noisy_quadratic(
    schedule: Schedule,
    *,
    seed: int = 0,
    spectrum: tuple[float, ...] = _HARMONIC,
    noise: float = 1.0,
    batch: int = 1,
) -> Iterator[Reading]:
    """Descend a bowl whose centre jumps: sum(spectrum * (x - c)**2) / 2, c normal with variance noise**2/batch.

    E[x**2] <- (1 - rate * spectrum)**2 E[x**2] + (rate * spectrum * noise)**2 / batch; the validation loss has c = 0.
    Source: Which Algorithmic Choices Matter at Which Batch Sizes?, arXiv 1907.04164 (2019).
    """
    curvature = np.asarray(spectrum, float)
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(len(curvature))
    for step in updates(schedule):
        rate = schedule(step)
        centre = noise / batch**0.5 * rng.standard_normal(len(x))
        with np.errstate(over="ignore", invalid="ignore"):
            loss = _bowl(curvature, x - centre)
            x = x - rate * curvature * (x - centre)
        yield Reading(step, loss, lr=rate, val_loss=lambda x=x: _bowl(curvature, x))


def rosenbrock(schedule: Schedule, *, seed: int = 0, momentum: float = 0.9) -> Iterator[Reading]:
    """Descend f(a, b) = (1 - a)**2 + 100 (b - a**2)**2 from near (-1.2, 1): a bent valley with the minimum at (1, 1).

    Source: Rosenbrock, An automatic method for finding the greatest or least value of a function (1960).
    """
    x = np.array([-1.2, 1.0]) + 0.1 * np.random.default_rng(seed).standard_normal(2)
    v = np.zeros_like(x)
    for step in updates(schedule):
        rate = schedule(step)
        with np.errstate(over="ignore", invalid="ignore"):
            loss = _banana(x)
            bend = x[1] - x[0] ** 2
            v = momentum * v + np.array([-2 * (1 - x[0]) - 400 * x[0] * bend, 200 * bend])
            x = x - rate * v
        yield Reading(step, loss, lr=rate, val_loss=lambda x=x: _banana(x))


def valley(schedule: Schedule, *, seed: int = 0, steep: float = 100.0, noise: float = 10.0) -> Iterator[Reading]:
    """Descend f(a, b) = exp(-a) + steep * b**2 / 2 from (0, 0.2) with gradient noise (deviation ``noise``) in b.

    Along the river the loss falls as 1 / (1 + sum of rates), so a high rate goes far; across it the noise keeps
    the loss up by about rate * noise**2 / 4, so only a decay shows how far one got. Stable below 2/steep.
    Source: Understanding Warmup-Stable-Decay Learning Rates: A River Valley Loss Landscape, arXiv 2410.05192 (2024).
    """
    rng = np.random.default_rng(seed)
    a, b = 0.0, 0.2
    for step in updates(schedule):
        rate = schedule(step)
        with np.errstate(over="ignore", invalid="ignore"):
            loss = _river(a, b, steep)
            a, b = a + rate * float(np.exp(-a)), b - rate * (steep * b + noise * float(rng.standard_normal()))
        yield Reading(step, loss, lr=rate, val_loss=lambda a=a, b=b: _river(a, b, steep))


def _bowl(curvature: Vector, x: Vector) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.sum(curvature * x**2) / 2)


def _banana(x: Vector) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        return float((1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2)


def _river(a: float, b: float, steep: float) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.exp(-a) + steep * np.square(b) / 2)
