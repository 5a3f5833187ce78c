"""Methods against optax, update by update, where the two are the same method; run by test_optax.py."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch

from surefoot.torch.optim import DAdaptAdam, DoG, DoWG, Mechanic, MoMoAdam, MoMoSGD, Prodigy


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda ps: DoG(ps, reps_rel=1e-4), lambda: optax.contrib.dog(init_step=("heuristic", 1e-4))),
        (DoWG, optax.contrib.dowg),
    ],
)
def test_distance_over_gradients_agrees(hills, ours, theirs):
    with jax.enable_x64(True):
        method, xs = theirs(), [jnp.array(x) for x in hills.START]
        state, update = method.init(xs), jax.jit(method.update)
        parameters = hills.parameters()
        optimizer = ours(parameters)
        for t, found in enumerate(hills.walk(optimizer, parameters, 200)):
            gs = [jnp.array(g) for g in hills.gradient([np.array(x) for x in xs], t)]
            change, state = update(gs, state, xs)
            xs = optax.apply_updates(xs, change)
            assert hills.apart(found, [np.array(x) for x in xs]) < 1e-10


@pytest.mark.parametrize("adapts", [False, True])
@pytest.mark.parametrize("adam", [False, True])
def test_momo_agrees_where_nothing_decays(hills, adapts, adam):
    # Without weight decay: there optax leaves the step undivided, which is neither the paper's nor the authors' code.
    given = {"lower_bound": 0.1, "adapt_lower_bound": adapts}
    kind, theirs = (MoMoAdam, optax.contrib.momo_adam) if adam else (MoMoSGD, optax.contrib.momo)
    with jax.enable_x64(True):
        method, xs = theirs(3.0, **given), [jnp.array(x) for x in hills.START]
        state, update = method.init(xs), jax.jit(method.update)
        parameters = hills.parameters()
        optimizer = kind(parameters, lr=3.0, **given)
        for t, found in enumerate(hills.walk(optimizer, parameters, 100, told=True)):
            here = [np.array(x) for x in xs]
            gs = [jnp.array(g) for g in hills.gradient(here, t)]
            change, state = update(gs, state, xs, value=jnp.array(hills.loss(here, t)))
            xs = optax.apply_updates(xs, change)
            assert hills.apart(found, [np.array(x) for x in xs]) < 1e-7
            assert optimizer.lower_bound == pytest.approx(float(state.lb), abs=1e-8)


def test_mechanic_that_clips_agrees(hills):
    # optax begins with the first scale where the paper has 0, and computes the displacement from the weights.
    with jax.enable_x64(True):
        method = optax.contrib.mechanize(optax.sgd(0.3), s_init=1e-7, eps=1e-15)
        xs = [jnp.array(x) for x in hills.START]
        state = method.init(xs)
        update = jax.jit(method.update)
        parameters = hills.parameters()
        optimizer = Mechanic(torch.optim.SGD(parameters, lr=0.3), s_init=1e-7, eps=1e-15, clip=True)
        for t, _ in enumerate(hills.walk(optimizer, parameters, 150)):
            gs = [jnp.array(g) for g in hills.gradient([np.array(x) for x in xs], t)]
            change, state = update(gs, state, xs)
            xs = optax.apply_updates(xs, change)
            assert optimizer.d == pytest.approx(float(jnp.sum(state.s)), rel=1e-3, abs=1.01e-7)
        assert optimizer.d > 1e-3
        assert hills.apart(hills.values(parameters), [np.array(x) for x in xs]) < 1e-3


def test_d_adaptation_finds_the_same_d():
    start, slope = np.array([1.0, -2.0, 0.5]), np.array([1.0, 10.0, 3.0])
    w = torch.nn.Parameter(torch.tensor(start))
    # Its correction of bias can't be turned off, and it decays as AdamW does.
    ours = DAdaptAdam([w], use_bias_correction=True, decouple=True, weight_decay=0.1)
    with jax.enable_x64(True):
        theirs = optax.contrib.dadapt_adamw(weight_decay=0.1)
        x = jnp.array(start)
        state, update = theirs.init(x), jax.jit(theirs.update)
        for _ in range(60):
            w.grad = torch.tensor(slope) * w.detach()
            ours.step()
            move, state = update(jnp.array(slope) * x, state, x)
            x = optax.apply_updates(x, move)
            assert ours.d == pytest.approx(float(state.estim_lr), rel=1e-6)
        assert w.tolist() == pytest.approx(np.asarray(x).tolist(), rel=1e-5)
    assert ours.d > 1e-3


def test_prodigy_finds_the_same_d():
    start, slope = np.array([1.0, -2.0, 0.5]), np.array([1.0, 10.0, 3.0])
    w = torch.nn.Parameter(torch.tensor(start))
    # Its correction of bias can't be turned off.
    ours = Prodigy([w], use_bias_correction=True, safeguard_warmup=True, weight_decay=0.1)
    with jax.enable_x64(True):
        theirs = optax.contrib.prodigy(weight_decay=0.1, safeguard_warmup=True)
        x = jnp.array(start)
        state, update = theirs.init(x), jax.jit(theirs.update)
        for _ in range(100):
            w.grad = torch.tensor(slope) * w.detach()
            ours.step()
            move, state = update(jnp.array(slope) * x, state, x)
            x = optax.apply_updates(x, move)
            assert ours.d == pytest.approx(float(state.estim_lr), rel=1e-4)
        assert w.tolist() == pytest.approx(np.asarray(x).tolist(), rel=1e-3)
    assert ours.d > 1e-3
