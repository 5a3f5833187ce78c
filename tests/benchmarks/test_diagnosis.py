"""The arithmetic of benchmarks/diagnosis: how runs are labelled, logged, judged and counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import surefoot as sf

FOLDER = Path(__file__).parents[2] / "benchmarks" / "diagnosis"
NAMES = (
    *("labels", "problems", "training", "logger", "outcomes", "plan", "made"),
    *("logs", "curves", "peers", "judging", "table"),
)


def history(loss, **columns):
    return sf.History({"step": np.arange(len(loss)), "loss": loss, **columns})


def test_the_interval_of_a_share_is_wilsons(bench):
    assert bench.table.wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert bench.table.wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert bench.table.shown(10, 10) == "10/10 = 100 % (72-100)"


def test_diverged_and_collapsed_are_one_answer_and_a_high_plateau_is_that_too(bench):
    run = bench.labels.Labelled("", history([1.0]), "diverged")
    assert run.agrees("SF102")
    assert run.agrees("SF103")
    assert not run.agrees("SF201")
    slow = replace(run, label="plateau/too-slow")
    assert slow.agrees("SF201")
    assert not slow.agrees("SF206")
    assert replace(slow, cause="flat").agrees("SF206")
    high = replace(slow, cause="lr_too_high")
    assert high.agrees("SF103")
    assert not high.agrees("SF201")


def test_a_remedy_raises_the_rate_by_its_edit_or_by_its_words(bench):
    def raises(*remedies):
        finding = sf.Finding("SF102", "divergence", 1, "error", 1.0, "", remedies=remedies)
        return bench.judging.Judged(None, (finding,)).raises

    assert raises(sf.Remedy(1, "", "", sf.Edit("scaled", {"k": 3.0})))
    assert raises(sf.Remedy(1, "Try a higher peak.", "", topic="rate"))
    assert not raises(sf.Remedy(1, "Lower the peak.", "", sf.Edit("scaled", {"k": 0.1}), "rate"))
    assert not raises(sf.Remedy(1, "Raise the batch size.", "", topic="batch"))


def test_the_hidden_nan_is_the_one_that_trainer_wrote(bench):
    loss = np.array([2.0, 4.0, np.nan, np.nan])
    hidden, every = bench.logger.HIDDEN[1], bench.logger.HIDDEN[0]
    # 2, 6, 6 + 6/3, 8 + 8/4: over four updates that is 2.5.
    found = replace(hidden, every=4, names=()).logged({"step": np.arange(4.0), "loss": loss})
    assert found["loss"].tolist() == [2.5]
    assert found["step"].tolist() == [3.0]
    assert replace(every, names=()).logged({"step": np.arange(4.0), "loss": loss})["loss"].tolist() == [2, 4, 0, 0]
    written = sf.read(FOLDER.parent / "results" / "diagnosis" / "frameworks" / "trainer_nan_hidden_every_step")
    assert written["loss"][-20:].max() == 0.0


def test_a_logger_keeps_the_last_validation_of_its_window_and_the_mean_of_its_losses(bench):
    run = {"step": np.arange(6.0), "loss": np.arange(6.0), "val_loss": np.array([9, 8, np.nan, np.nan, 7, np.nan])}
    found = bench.logger.Logger(3, mean=True, names=("val_loss",)).logged(run)
    assert {name: values.tolist() for name, values in found.items()} == {
        "step": [2.0, 5.0],
        "loss": [1.0, 4.0],
        "val_loss": [8.0, 7.0],
    }


@pytest.fixture
def well(bench):
    return bench.outcomes.Facts(
        *(2.3, 0.1, 0.1, 2.3, 0.2, 0.15, 0.1, 2.3, 0.01, 0.1), bad=0, turns=0.5, swing=0.5, jump=1.0, noise=0.1,
        chance=2.3,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "done", "label"),
    [
        ({}, ("none", 1.0), "healthy"),
        ({}, ("none", 10.0), "unclear"),
        ({"bad": 5, "tail": np.nan}, ("none", 1.0), "nan"),
        ({"bad": 1}, ("none", 1.0), "unclear"),
        ({"tail": 2.6, "end": 2.6}, ("none", 100.0), "diverged"),
        ({"tail": 2.3, "end": 2.3}, ("none", 30.0), "collapsed"),
        ({"tail": 2.3, "end": 2.3, "first": 4.6}, ("none", 30.0), "stuck_high"),
        ({"tail": 2.3, "end": 2.3, "first": 4.6, "top": 6.0}, ("none", 30.0), "collapsed"),
        ({"tail": 2.25, "end": 2.25}, ("none", 0.01), "plateau/too-slow"),
        ({"end": 0.2}, ("small", 1.0), "unclear"),
        ({"end": 0.3, "then": 0.5}, ("small", 1.0), "overfitting"),
        ({"end": 0.13, "then": 0.5}, ("small", 1.0), "unclear"),
        ({"jump": 3.0}, ("batch", 1.0), "spikes_recovered"),
        ({"jump": 1.1}, ("batch", 1.0), "healthy"),
        ({"jump": 1.5}, ("batch", 1.0), "unclear"),
        ({"tail": 2.3, "end": 2.3}, ("frozen", 1.0), "not_training"),
        ({"turns": 0.9}, ("full", 10.0), "oscillating"),
    ],
)
def test_a_label_follows_from_fault_and_outcome(bench, well, changed, done, label):
    kind, multiple = done
    run = replace(well, **changed)
    assert bench.outcomes.label(run, bench.training.Fault(kind), multiple, 0.1)[0] == label


@pytest.mark.parametrize(
    ("val", "rate", "label"),
    [
        (np.linspace(0.7, 0.4, 51), 1e-3, "healthy"),
        (np.full(51, 0.7), 1e-7, "plateau/too-slow"),
        (np.full(51, 0.7), 1e-3, "unclear"),
        (np.r_[0.7, 5.0, np.full(49, 0.693)], 1.0, "collapsed"),
        (np.r_[0.7, np.full(50, 4.0)], 1.0, "diverged"),
        (np.r_[0.7, np.nan, np.full(49, np.nan)], 1.0, "nan"),
    ],
)
def test_a_published_curve_is_labelled_by_what_is_in_it(bench, val, rate, label):
    assert bench.curves.taskset({"loss": val, "val_loss": val}, rate)[0] == label


def test_an_overfitting_curve_falls_on_in_training(bench):
    val = np.r_[np.linspace(0.7, 0.4, 26), np.linspace(0.4, 0.5, 25)]
    assert bench.curves.taskset({"loss": np.linspace(0.7, 0.1, 51), "val_loss": val}, 1e-3)[0] == "overfitting"
    assert bench.curves.taskset({"loss": val, "val_loss": val}, 1e-3)[0] == "unclear"


def test_peers_fire_where_their_authors_say(bench):
    quiet = 1.0 + 0.01 * np.sin(np.arange(300.0))
    spike, explosion, lost = (quiet.copy() for _ in range(3))
    spike[200], explosion[200], lost[200] = 1.2, 11.0, np.nan
    peers = bench.peers
    assert [peers.six_sigma(history(one)) for one in (quiet, spike, explosion)] == [False, True, True]
    assert [peers.ten_fold(history(one)) for one in (quiet, spike, explosion, lost)] == [False, False, True, False]
    assert [peers.nan_check(history(one)) for one in (quiet, lost)] == [False, True]
    assert [peers.exploding(history(one)) for one in (quiet, lost, 1e4 * quiet)] == [False, True, True]
    assert peers.ten_fold(history(quiet[:100])) is None
    assert peers.six_sigma(history(quiet[:60])) is None
    rates = [peers.rate_out_of_range(history([1.0], lr=[rate])) for rate in (1e-3, 0.1, 1e-8)]
    assert rates == [False, True, True]
    assert peers.overfits(history([3.0, 2.0, 1.0], val_loss=[1.0, 2.0, 1.0])) is True
    assert peers.overfits(history([3.0, 2.0, 1.0], val_loss=[3.0, 2.0, 1.0])) is False


def test_a_fault_does_what_it_says(bench):
    problem = replace(bench.problems.PROBLEMS["digits_sgd"], total=30)

    def run(kind, size=1.0, at=0.5):
        fault = bench.training.Fault(kind, size, at)
        return bench.training.recorded(problem, sf.constant(0.1, total=30), fault, 0)

    plain, frozen, broken, fast = run("none"), run("frozen"), run("nan"), run("rate", 10.0)
    assert plain["val_loss"][-1] < 0.9 * plain["val_loss"][0]
    assert frozen["val_loss"][-1] == frozen["val_loss"][0]
    assert np.flatnonzero(np.isnan(broken["loss"])).tolist() == list(range(16, 30))
    assert np.isnan(broken["grad_norm"][15])
    assert fast["lr"].max() == pytest.approx(1.0)
    assert np.array_equal(fast["loss"][:16], plain["loss"][:16])
    assert fast["loss"][16] != plain["loss"][16]


def test_a_spike_is_measured_where_the_log_shows_it(bench):
    loss = [1.0, 1.1, 0.9, 1.0, 5.0, 1.0, 1.0, 1.0, 1.0, 9.0]
    found = bench.made.seen({"step": np.arange(9, 100, 10), "loss": loss}, bench.training.Fault("batch", at=0.47))
    assert (found["jump"], found["level"]) == (5.0, 1.0)
    assert found["noise"] == pytest.approx(1.4826 * 0.05)


def test_a_log_without_validation_cannot_show_overfitting(bench, well):
    run, fault = replace(well, end=0.5, then=0.5), bench.training.Fault("small")
    assert bench.outcomes.label(run, fault, 1.0, 0.1, validated=True)[0] == "overfitting"
    assert bench.outcomes.label(run, fault, 1.0, 0.1, validated=False)[0] == "unclear"


def test_every_run_of_the_plan_has_a_name_of_its_own(bench):
    names = [spec.name for spec in bench.plan.plan()]
    assert len(names) == len(set(names)) > 400


def test_what_was_recorded_is_read_back_with_its_labels(bench, tmp_path, well):
    columns = {"step": np.arange(3.0), "loss": [2.3, np.nan, 0.1], "val_loss": [np.nan, np.nan, 0.1]}
    record = {"name": "a", "group": "g", "rate": 0.5, "fault": {"kind": "none"}, "facts": well.row()}
    path = tmp_path / "runs.jsonl.gz"
    worse = {**well.row(), "end": 2.0, "low": 2.0, "tail": 2.2}
    slow = {**record, "name": "b", "rate": 0.005, "facts": worse, "columns": bench.made.packed(columns)}
    bench.made.write([record | {"columns": bench.made.packed(columns)}, slow], path)
    first, second = bench.made.made(path)
    assert (first.label, second.label) == ("healthy", "plateau/too-slow")
    assert first.history.said("loss").tolist() == [True, True, True]
    assert first.history.said("val_loss").tolist() == [False, False, True]
