import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot import ArgumentError, History, Reading

numbers = st.floats(allow_nan=False, width=64)
readings = st.lists(
    st.builds(
        lambda step, loss, extra: Reading(step, loss, **extra),
        st.integers(0, 2**40),
        st.floats(),
        st.dictionaries(st.sampled_from(["lr", "val_loss", "grad_norm", "tokens", "accuracy"]), numbers),
    ),
    max_size=20,
)


@given(readings)
def test_rows_in_are_rows_out(rows):
    back = list(History.of(rows))
    assert [row.row().keys() for row in back] == [row.row().keys() for row in rows]
    for row, again in zip(rows, back, strict=True):
        np.testing.assert_equal(again.row(), row.row())


@given(readings)
def test_a_history_of_its_own_rows_is_itself(rows):
    history = History.of(rows)
    assert History.of(history) == history


def test_a_row_that_did_not_say_is_nan():
    history = History.of([Reading(0, 1.0), Reading(1, 0.5, lr=0.1)])
    assert math.isnan(history["lr"][0])
    assert history["lr"][1] == 0.1


def test_lazy_validation_losses_are_called():
    assert History.of([Reading(0, 1.0, val_loss=lambda: 0.75)])["val_loss"].tolist() == [0.75]


def test_columns_cannot_be_written():
    history = History.of([Reading(0, 1.0)])
    with pytest.raises(ValueError, match="read-only"):
        history["loss"][0] = 2.0
    with pytest.raises(TypeError):
        history.columns["loss"] = history["step"]


def test_the_arrays_given_stay_the_callers():
    steps, losses = np.arange(2.0), np.ones(2)
    History({"step": steps, "loss": losses})
    losses[0] = 5.0
    assert losses.tolist() == [5.0, 1.0]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"loss": [1.0]}, "lacks \\['step'\\]"),
        ({"step": [0], "loss": [1.0, 2.0]}, "different lengths"),
        ({"step": [0], "loss": ["low"]}, "'loss' holds something that is not a number"),
        ({"step": [[0]], "loss": [1.0]}, "one axis"),
    ],
)
def test_columns_that_are_no_history_are_refused(columns, message):
    with pytest.raises(ArgumentError, match=message):
        History(columns)


def test_an_absent_column_is_named_with_what_there_is():
    with pytest.raises(ArgumentError, match="column='lr' is not in this history: it has step, loss"):
        History.of([Reading(0, 1.0)])["lr"]


def test_a_history_says_what_it_holds():
    assert repr(History.of([Reading(0, 1.0, lr=0.1)])) == "History(1 rows: step, loss, lr)"


def test_a_nan_that_every_row_says_was_said():
    history = History.of([Reading(0, 0.0, grad_norm=float("nan")), Reading(1, 0.0, grad_norm=1.0)])
    assert history.said("grad_norm").tolist() == [True, True]
    assert History.of([Reading(0, 0.0, grad_norm=float("nan"))]).said("grad_norm").tolist() == [True]
