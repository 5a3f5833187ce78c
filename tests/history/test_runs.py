"""Runs in a log: split, taken up again, merged by step, and what counts as the step."""

import io
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import surefoot as sf

NAN = math.nan


def log(*rows):
    return io.BytesIO("".join(json.dumps(row) + "\n" for row in rows).encode())


def train(steps, **more):
    return [{"step": step, "loss": 3 - step / 1000, **more} for step in steps]


def steps(history):
    return history["step"].tolist()


def test_a_step_that_starts_over_begins_a_new_run():
    first, second = sf.read_runs(log(*train(range(0, 100, 10)), *train(range(0, 50, 10))))
    assert steps(first) == list(range(0, 100, 10))
    assert steps(second) == list(range(0, 50, 10))


def test_the_last_run_is_read_and_how_to_read_another_is_said():
    rows = [*train(range(50)), *train(range(20))]
    history = sf.read(log(*rows))
    assert len(history) == 20
    assert history.origin.notes[-1] == "Run 1 of 0 to 1 was read, the last that is no stub: name another with run."
    assert len(sf.read(log(*rows), run=0)) == 50
    assert len(sf.read(log(*rows), run=-2)) == 50


def test_a_last_run_that_is_a_stub_gives_way_to_the_longest():
    assert len(sf.read(log(*train(range(50)), *train(range(3))))) == 50


def test_a_run_that_is_not_there_is_said():
    with pytest.raises(sf.ArgumentError, match="run=2 is not in this log: it has 2, from 0 to 1"):
        sf.read(log(*train(range(5)), *train(range(5))), run=2)


def test_a_step_that_goes_back_a_little_is_a_resume_whose_later_rows_count():
    rows = [*train(range(0, 1000, 10)), *train(range(800, 1500, 10), lr=0.5)]
    history = sf.read(log(*rows))
    assert steps(history) == list(range(0, 1500, 10))
    assert history.origin.facts["resumes"] == (800.0,)
    assert np.flatnonzero(history.said("lr"))[0] == 80
    assert "taken up again at step 800: 20 rows" in " ".join(history.origin.notes)


def test_two_resumes_keep_the_last_word_on_each_step():
    rows = [*train(range(100), lr=1.0), *train(range(70, 120), lr=2.0), *train(range(60, 130), lr=3.0)]
    history = sf.read(log(*rows))
    assert steps(history) == list(range(130))
    assert history["lr"].tolist() == [1.0] * 60 + [3.0] * 70


def test_a_resume_without_an_overlap_leaves_no_trace():
    history = sf.read(log(*train(range(50)), *train(range(50, 90))))
    assert steps(history) == list(range(90))
    assert "resumes" not in history.origin.facts


def test_an_evaluation_that_was_written_late_is_put_in_its_place():
    rows = train(range(10))
    rows.insert(8, {"step": 5, "eval_loss": 2.5})
    history = sf.read(log(*rows))
    assert steps(history) == list(range(10))
    assert np.flatnonzero(history.said("val_loss")).tolist() == [5]
    assert history.said("loss").all()


def test_an_evaluation_before_the_first_update_belongs_to_its_run():
    run = [{"step": 0, "eval_loss": 5.0}, *train(range(1, 20))]
    first, second = sf.read_runs(log(*run, *run))
    assert steps(first) == steps(second) == list(range(20))


def test_sparse_rows_of_one_step_are_one_row():
    rows = [{"step": 9, "loss": 2.0}, {"step": 9, "lr": 0.1}, {"step": 9, "val_loss": NAN}, {"step": 19, "loss": 1.0}]
    history = sf.read(log(*rows))
    assert steps(history) == [9, 19]
    assert [history[name][0] for name in ("loss", "lr")] == [2.0, 0.1]
    assert history.said("val_loss").tolist() == [True, False]


def test_of_a_step_that_was_said_twice_the_last_counts():
    history = sf.read(log(*train(range(10)), {"step": 9, "loss": 0.5}))
    assert history["loss"][-1] == 0.5
    assert "1 rows repeat a step: the last of each was taken." in history.origin.notes


def test_rows_in_no_order_are_sorted_and_that_is_said():
    rows = train(range(200))
    np.random.default_rng(0).shuffle(rows)
    rows = [{"step": 0, "loss": 3.0}, *[row for row in rows if row["step"] > 10]]
    history = sf.read(log(*rows))
    assert steps(history) == [0, *range(11, 200)]
    assert "out of order" in " ".join(history.origin.notes)


def test_epochs_stand_for_steps_where_there_are_none():
    history = sf.read(log(*({"epoch": k, "loss": 1.0, "val_loss": 2.0} for k in range(3))))
    assert (steps(history), history.origin.facts["unit"]) == ([0, 1, 2], "epoch")


def test_rows_are_counted_where_the_epoch_does_not_tell_them_apart():
    history = sf.read(log(*({"epoch": k // 10, "loss": 1.0} for k in range(30))))
    assert (steps(history), history.origin.facts["unit"]) == (list(range(30)), "row")


def test_a_fractional_epoch_is_no_step():
    history = sf.read(log(*({"epoch": k / 10, "loss": 1.0} for k in range(30))))
    assert history.origin.facts["unit"] == "row"


def test_a_step_within_the_epoch_is_added_up():
    history = sf.read(log(*({"epoch": e, "step": s, "loss": 1.0} for e in range(3) for s in range(0, 40, 10))))
    assert steps(history) == list(range(0, 120, 10))


def test_a_step_within_epochs_that_nobody_names_is_told_by_the_loss_that_goes_on():
    falling = [{"batch": s, "loss": 3 - 0.05 * (10 * e + s)} for e in range(5) for s in range(10)]
    history = sf.read(log(*falling))
    assert steps(history) == list(range(50))
    assert "starts over with each epoch" in " ".join(history.origin.notes)


def test_runs_that_were_repeated_begin_with_their_first_loss_again():
    assert len(sf.read_runs(log(*(row for _ in range(5) for row in train(range(10)))))) == 5


def test_a_step_that_starts_over_thousands_of_times_is_none():
    history = sf.read(log(*({"step": k % 2, "loss": 2.5} for k in range(5_000))))
    assert (len(history), history.origin.facts["unit"]) == (5_000, "row")


def test_a_row_without_its_step_belongs_to_the_row_before():
    history = sf.read(log(*({"loss": 1.0, "step": k} for k in range(5)), {"test_loss": 2.0}))
    assert steps(history) == list(range(5))
    assert history["val_loss"][-1] == 2.0


@given(
    losses=st.lists(st.floats(allow_infinity=True), min_size=1, max_size=30),
    spacing=st.integers(1, 100),
    norms=st.lists(st.none() | st.floats(), min_size=30, max_size=30),
)
def test_a_history_that_is_written_and_read_is_the_same(tmp_path_factory, losses, spacing, norms):
    path = tmp_path_factory.mktemp("runs") / "run.jsonl"
    norms[0] = 0.5
    extra = [{} if norm is None else {"grad_norm": norm, "val_accuracy": 0.5} for norm in norms]
    rows = [sf.Reading(k * spacing, loss, **extra[k]) for k, loss in enumerate(losses)]
    with sf.Log(path) as file:
        for row in rows:
            file.write(row)
    history, written = sf.read(path), sf.History.of(rows)
    assert set(history.names) == set(written.names)
    for name in history.names:
        np.testing.assert_array_equal(history[name], written[name])
        np.testing.assert_array_equal(history.said(name), written.said(name))


@given(lengths=st.lists(st.integers(2, 30), min_size=1, max_size=5))
def test_runs_that_were_appended_are_found_again(lengths):
    runs = sf.read_runs(log(*(row for length in lengths for row in train(range(length)))))
    assert [len(run) for run in runs] == lengths
