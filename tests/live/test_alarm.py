import math

import numpy as np
import pytest

from surefoot.live.alarm import Alarm


def alarms(losses):
    alarm = Alarm()
    return [k for k, loss in enumerate(losses) if alarm.raised({"step": k, "loss": loss})]


def noisy(rows, seed=0):
    rng = np.random.default_rng(seed)
    return 2.0 * np.exp(-np.arange(rows) / 300) + 0.5 + 0.05 * rng.normal(size=rows)


def test_a_run_that_falls_with_noise_raises_next_to_none():
    assert len(alarms(noisy(5000).tolist())) <= 5


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e200])
def test_a_loss_that_is_not_finite_raises_at_once(bad):
    assert alarms([1.0, bad, 1.0]) == [1]


def test_a_loss_far_above_its_band_raises_and_goes_on_raising_while_the_run_leaves():
    losses = noisy(200).tolist()
    losses += [losses[-1] * 1.3**k for k in range(1, 20)]
    found = alarms(losses)
    assert any(200 <= k <= 206 for k in found)
    assert len([k for k in found if k >= 200]) >= 8


def test_one_wild_value_does_not_widen_the_band():
    losses = noisy(200).tolist()
    assert {100, 130} <= set(alarms([*losses[:100], 50.0, *losses[100:129], 50.0, *losses[129:]]))


def test_an_evaluation_and_a_gradient_norm_that_is_not_finite_raise():
    alarm = Alarm()
    assert alarm.raised({"step": 0, "loss": 1.0, "val_loss": 1.0})
    assert alarm.raised({"step": 1, "val_loss": 1.0})
    assert alarm.raised({"step": 2, "loss": 1.0, "grad_norm": math.inf})
    assert not alarm.raised({"step": 3, "loss": 1.0, "grad_norm": 1.0})
