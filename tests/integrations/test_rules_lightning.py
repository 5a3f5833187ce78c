"""Lightning's own suggestion as the oracle of the rule that is named after it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightning.pytorch.tuner.lr_finder import _LRFinder

from surefoot import rules
from surefoot.curve import Curve

RATES = np.geomspace(1e-8, 1.0, 100)


@given(st.integers(0, 10**6), st.floats(0.0, 0.3))
def test_the_steepest_point_over_the_rate_is_lightning_s(seed, noise):
    rng = np.random.default_rng(seed)
    losses = 2.0 + np.cos(np.log10(RATES) * rng.uniform(0.3, 1)) + noise * rng.standard_normal(100)
    beta, value, means = 0.98, 0.0, []
    for step, loss in enumerate(losses, 1):
        value = beta * value + (1 - beta) * loss
        means.append(value / (1 - beta**step))
    theirs = _LRFinder("exponential", 1e-8, 1.0, 100)
    # Doubles, as Python's lists of numbers are, would be rounded to floats of 32 bits there.
    theirs.results = {"lr": RATES, "loss": np.array(means)}
    ours = rules.steepest_by_rate(Curve((), 1.0, tuple(RATES), tuple(losses)))
    kept = means[10:-1]
    assert (min(kept) >= kept[0]) if ours is None else ours == pytest.approx(theirs.suggestion())
