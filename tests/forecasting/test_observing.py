"""What a fit sees of a run: the right column, the right rows, noise averaged, last evaluations understood."""

import numpy as np
import pytest
from tests.forecasting.made import losses, run

import surefoot as sf
from surefoot.forecasting.observing import LEAST, POINTS, observed, shifted

PLAN = sf.wsd(1e-3, total=4000, warmup=200, decay=0.25, shape="linear")


def seen(history, ran=None, loss=None):
    (one,), column, notes = observed([history], [ran], loss)
    return one, column, notes


def with_column(history, name, values):
    return sf.History({**history.columns, name: values}, origin=history.origin)


def test_the_validation_loss_is_taken_where_there_is_enough_of_it():
    assert seen(run(PLAN))[1] == "val_loss"
    assert seen(run(PLAN, column="loss"))[1] == "loss"
    assert seen(run(PLAN), loss="loss")[1] == "loss"
    few = np.where(np.arange(len(run(PLAN))) % 50 == 0, 3.0, np.nan)
    assert seen(with_column(run(PLAN, column="loss"), "val_loss", few))[1] == "loss"


def test_the_warmup_and_the_first_tenth_are_left_out():
    one, _, _ = seen(run(PLAN))
    assert one.steps[0] >= 400
    assert one.steps[-1] == 4000
    assert LEAST <= len(one.steps) <= POINTS


def test_noisy_rows_are_averaged_to_near_the_curve():
    one, _, _ = seen(run(PLAN, every=1, noise=0.02, column="loss"))
    off = np.abs(one.losses / losses(PLAN, one.steps) - 1)
    assert np.median(off) < 0.004
    assert one.noise == pytest.approx(0.02 * 3.1, rel=0.3)
    assert one.error[-1] < one.noise / 5


def test_quiet_rows_are_taken_as_they_are():
    history = run(PLAN, noise=0.0)
    one, _, _ = seen(history)
    assert set(one.losses) <= set(history["val_loss"])


def test_a_step_that_was_logged_twice_counts_as_it_was_logged_last():
    history = run(PLAN, noise=0.0)
    twice = {
        name: np.concatenate((values[:120] * (2.0 if "loss" in name else 1.0), values))
        for name, values in history.columns.items()
    }
    one, _, _ = seen(sf.History(twice))
    np.testing.assert_allclose(one.losses, losses(PLAN, one.steps), rtol=1e-6)


@pytest.mark.parametrize("up", [0.04, -0.03])
def test_a_last_evaluation_on_other_data_is_understood(up):
    history = run(PLAN, every=40, noise=1e-4)
    values = history["val_loss"].copy()
    values[-1] += up
    one, _, notes = seen(with_column(history, "val_loss", values))
    assert one.shift == pytest.approx(up, abs=0.003)
    assert one.losses[-1] == values[-1]
    np.testing.assert_allclose(one.losses[:-1], losses(PLAN, one.steps[:-1]) + up, atol=0.005)
    assert f"{'above' if up > 0 else 'below'} its curve" in notes[-1]


def test_noise_and_a_steep_cooldown_are_no_shift():
    short = sf.wsd(1e-3, total=4000, warmup=200, decay=0.02, shape="linear")
    for seed in range(20):
        for plan in (PLAN, short):
            assert seen(run(plan, noise=3e-3, seed=seed))[0].shift == 0


def test_all_curves_must_jump_alike():
    flat, line = np.linspace(3.1, 3.0, 30), np.append(np.linspace(3.1, 3.0, 30), 3.05)
    assert shifted([line, line]) > 0.04
    assert shifted([line, flat]) == 0
    assert shifted([line, np.append(flat, 3.2)]) == 0


def test_too_few_losses_are_refused():
    with pytest.raises(sf.ArgumentError, match=r"history has 10 values of 'loss' after its warmup .* at least 12"):
        seen(run(PLAN, every=400))


def test_a_loss_that_is_not_above_0_is_refused():
    with pytest.raises(sf.ArgumentError, match=r"the laws are of losses > 0"):
        seen(with_column(run(PLAN), "val_loss", run(PLAN)["val_loss"] - 3.3))


def test_a_run_that_does_not_learn_is_refused():
    with pytest.raises(sf.ArgumentError, match=r"ends no lower than it was after its warmup"):
        seen(with_column(run(PLAN), "val_loss", np.linspace(3, 4, len(run(PLAN)))))


def test_a_column_that_is_not_there_is_refused():
    with pytest.raises(sf.ArgumentError, match="column='accuracy'"):
        seen(run(PLAN), loss="accuracy")
