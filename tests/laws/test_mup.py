"""muP's table against its definition: a net of its own in NumPy whose units must move by as much at every width."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

import surefoot as sf
from surefoot.laws.mup import ROLES, completep_factors, mup_factors

BASE = 32
PARTS = {"embedding": "w1", "vector": "b1", "hidden": "w2", "readout": "w3"}


def net(width, seed, multiplier):
    rng = np.random.default_rng(seed)
    m = width / BASE
    std = {role: mup_factors(role, m, "adam", output_multiplier=multiplier).init_std for role in PARTS}
    return {
        "w1": rng.normal(size=(8, width)) * std["embedding"],
        "b1": np.zeros(width),
        "w2": rng.normal(size=(width, width)) * std["hidden"] / np.sqrt(BASE),
        "w3": rng.normal(size=(width, 1)) * std["readout"] / np.sqrt(BASE),
    }


def forward(p, x, scale):
    h1 = np.tanh(x @ p["w1"] + p["b1"])
    h2 = np.tanh(h1 @ p["w2"])
    return h1, h2, h2 @ p["w3"] * scale


def gradients(p, x, y, scale):
    h1, h2, out = forward(p, x, scale)
    d = (out - y) / len(x) * scale
    d2 = d @ p["w3"].T * (1 - h2**2)
    d1 = d2 @ p["w2"].T * (1 - h1**2)
    return {"w1": x.T @ d1, "b1": d1.sum(0), "w2": h1.T @ d2, "w3": h2.T @ d}


def trained(width, optimizer, *, multiplier, lr, steps=4, seed=0):
    """Return how far each layer's units moved (root mean square) in a few updates, and the gradients at the start."""
    data = np.random.default_rng(9)
    x = data.normal(size=(32, 8))
    y = np.sin(x[:, :1])
    p, m = net(width, seed, multiplier), width / BASE
    scale = 1 / m if multiplier else 1.0
    start = forward(p, x, scale)
    first = gradients(p, x, y, scale)
    mean, square = (dict.fromkeys(p, 0.0) for _ in range(2))
    for t in range(1, steps + 1):
        g = gradients(p, x, y, scale)
        for role, k in PARTS.items():
            factors = mup_factors(role, m, optimizer, output_multiplier=multiplier)
            if optimizer == "sgd":
                p[k] = p[k] - lr * factors.lr * g[k]
                continue
            mean[k] = 0.9 * mean[k] + 0.1 * g[k]
            square[k] = 0.99 * square[k] + 0.01 * g[k] ** 2
            root = np.sqrt(square[k] / (1 - 0.99**t))
            p[k] = p[k] - lr * factors.lr * mean[k] / (1 - 0.9**t) / (root + 1e-3 * factors.eps)
    end = forward(p, x, scale)
    return [float(np.sqrt(np.mean((b - a) ** 2))) for a, b in zip(start, end, strict=True)], first


@pytest.mark.parametrize("multiplier", [False, True])
@pytest.mark.parametrize(("optimizer", "lr"), [("adam", 0.01), ("sgd", 0.1)])
def test_units_move_by_as_much_at_every_width(optimizer, lr, multiplier):
    def moved(width):
        return np.mean([trained(width, optimizer, multiplier=multiplier, lr=lr, seed=s)[0] for s in range(3)], axis=0)

    # The logits' first movement still holds a random part that dies out as the width grows.
    ratio = moved(512) / moved(128)
    assert np.all(ratio > 0.75), ratio
    assert np.all(ratio < 1.33), ratio


def test_with_one_rate_for_all_they_would_not():
    def moved(width):
        return trained(width, "adam", multiplier=False, lr=0.01 * width / BASE)[0][1]

    assert moved(512) / moved(128) > 1.5


@pytest.mark.parametrize("multiplier", [False, True])
def test_the_eps_of_adam_follows_the_size_of_the_gradients(multiplier):
    def size(width, name):
        found = [trained(width, "adam", multiplier=multiplier, lr=0.01, steps=1, seed=s)[1][name] for s in range(4)]
        return float(np.sqrt(np.mean(np.square(found))))

    for role, name in PARTS.items():
        eps = [mup_factors(role, w / BASE, "adam", output_multiplier=multiplier).eps for w in (512, 128)]
        assert size(512, name) / size(128, name) == pytest.approx(eps[0] / eps[1], rel=0.35), role


@given(some.sampled_from(ROLES), some.floats(0.01, 100), some.floats(0.01, 100), some.sampled_from(["adam", "sgd"]))
def test_two_steps_in_width_are_one(role, m, n, optimizer):
    once = mup_factors(role, m * n, optimizer)
    twice = [a * b for a, b in zip(mup_factors(role, m, optimizer), mup_factors(role, n, optimizer), strict=True)]
    assert list(once) == pytest.approx(twice)


@given(some.sampled_from(ROLES), some.floats(0.01, 100), some.sampled_from(["adamw", "sgd", "lion"]), some.booleans())
def test_the_rate_times_the_weight_decay_stays(role, m, optimizer, multiplier):
    found = mup_factors(role, m, optimizer, output_multiplier=multiplier)
    assert found.lr * found.weight_decay == pytest.approx(1.0)


def test_nothing_changes_at_the_base_width():
    assert all(mup_factors(role, 1.0, o) == (1, 1, 1, 1) for role in ROLES for o in ("adam", "sgd"))


@pytest.mark.parametrize("m", [0, -2, float("nan"), float("inf"), None, "2", True])
def test_a_width_that_is_none_is_refused(m):
    with pytest.raises(sf.ArgumentError, match=r"m=.* must be a finite number > 0: the width over"):
        mup_factors("hidden", m, "adam")


def test_unknown_roles_and_optimizers_are_refused():
    with pytest.raises(sf.ArgumentError, match="role='bias' must be one of hidden"):
        mup_factors("bias", 2, "adam")
    with pytest.raises(sf.ArgumentError, match="optimizer='prodigy' has no laws"):
        mup_factors("hidden", 2, "prodigy")
    with pytest.raises(sf.ArgumentError, match="no muP table"):
        mup_factors("hidden", 2, "muon")


def test_depth_shrinks_the_branches_and_leaves_the_rate():
    assert completep_factors(8) == (1 / 8, 1.0, 1 / 8)
    assert completep_factors(4, 0.5) == (0.5, 0.5, 0.5)
    with pytest.raises(sf.ArgumentError, match="alpha=2"):
        completep_factors(8, 2)
    with pytest.raises(sf.ArgumentError, match="the depth over"):
        completep_factors(0)
