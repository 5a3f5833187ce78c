import math

import numpy as np
import pytest

from surefoot import ArgumentError, Reading


def test_a_reading_holds_what_was_said_and_nothing_else():
    reading = Reading(3, 0.5, lr=0.1, grad_norm=2.0, accuracy=0.9)
    assert reading.row() == {"step": 3, "loss": 0.5, "lr": 0.1, "grad_norm": 2.0, "accuracy": 0.9}
    assert reading == Reading(3, 0.5, lr=0.1, grad_norm=2.0, accuracy=0.9)
    assert repr(reading) == "Reading(3, 0.5, lr=0.1, grad_norm=2.0, accuracy=0.9)"


def test_a_lazy_validation_loss_is_called_only_when_judged():
    calls = []
    reading = Reading(0, 1.0, val_loss=lambda: calls.append(1) or 0.25)
    assert calls == []
    assert reading.judged().val_loss == 0.25
    assert calls == [1]
    assert reading.judged().judged().val_loss == 0.25


def test_a_judged_reading_is_itself():
    reading = Reading(0, 1.0, val_loss=0.5, tokens=10)
    assert reading.judged() is reading


def test_a_nan_loss_is_a_loss():
    assert math.isnan(Reading(0, float("nan")).loss)


@pytest.mark.parametrize("step", [-1, 1.0, True, "3", None])
def test_a_step_that_is_no_count_is_refused(step):
    with pytest.raises(ArgumentError, match=r"step=.*must be an int >= 0"):
        Reading(step, 1.0)


@pytest.mark.parametrize("field", ["lr", "val_loss", "grad_norm", "tokens", "accuracy"])
def test_a_field_that_is_no_number_is_refused(field):
    with pytest.raises(ArgumentError, match=rf"{field}='high' must be a number"):
        Reading(0, 1.0, **{field: "high"})


def test_a_loss_that_is_no_number_is_refused():
    with pytest.raises(ArgumentError, match=r"loss=\[1\.0\] must be a number.*\.item\(\)"):
        Reading(0, [1.0])


def test_a_step_counted_by_numpy_is_a_step():
    reading = Reading(np.int64(3), 0.5)
    assert reading == Reading(3, 0.5)
    assert type(reading.step) is int
