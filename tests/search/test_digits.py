"""The searches on a real training in plain NumPy: softmax regression on scikit-learn's digits."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from surefoot.history.reading import Reading
from surefoot.search.finding import find
from surefoot.search.sweeping import sweep
from surefoot.search.tuning import tune

TOTAL = 400
PIXELS, LABELS = load_digits(return_X_y=True)
ORDER = np.random.default_rng(0).permutation(len(PIXELS))
X, Y = PIXELS[ORDER] / 16.0, LABELS[ORDER]


def softmax_regression(schedule, seed=0, scale=1.0, batch=32):
    """``scale`` multiplies the loss, as a sum over the batch does: the best rate divides by it."""
    rng = np.random.default_rng(seed)
    weight = np.zeros((64, 10))

    def gradient(x, y):
        logits = x @ weight
        chance = np.exp(logits - logits.max(1, keepdims=True))
        chance /= chance.sum(1, keepdims=True)
        loss = -np.log(chance[np.arange(len(y)), y] + 1e-12).mean()
        chance[np.arange(len(y)), y] -= 1
        return scale * loss, scale * x.T @ chance / len(y)

    for step in range(schedule.total):
        pick = rng.integers(0, 1200, batch)
        loss, slope = gradient(X[pick], Y[pick])
        weight -= schedule(step) * slope
        yield Reading(step, loss, val_loss=lambda: gradient(X[1200:], Y[1200:])[0])


@pytest.fixture(scope="module")
def truth():
    return sweep(softmax_regression, [2.0**k for k in range(-9, 7)], total=TOTAL)


def regret(truth, lr):
    losses = truth.by_rate()
    octaves, best = np.log2(list(losses)), min(losses.values())
    return (np.interp(np.log2(lr), octaves, list(losses.values())) - best) / (truth.start_loss - best)


@pytest.mark.parametrize(("verb", "budget", "worst"), [(find, 0.25, 0.12), (tune, 0.5, 0.08), (tune, 3.0, 0.01)])
@pytest.mark.parametrize("scale", [1.0, 256.0])
def test_the_recommended_rate_trains_as_well_as_the_best(truth, verb, budget, worst, scale):
    peak = verb(softmax_regression, total=TOTAL, budget=budget, knobs={"scale": scale})
    assert regret(truth, peak.lr * scale) <= worst
    assert peak.cost_steps <= budget * TOTAL


def test_the_range_that_is_given_holds_the_best_rate(truth):
    peak = tune(softmax_regression, total=TOTAL, budget=3.0)
    inside = np.geomspace(peak.low, peak.high, 20)
    assert min(regret(truth, lr) for lr in inside) <= 0.01


def test_the_curve_knows_its_plateau_and_its_start(truth):
    low, high = truth.plateau(0.05)
    assert low <= truth.best.lr <= high
    assert truth.start_loss == pytest.approx(np.log(10), abs=0.01)
