"""The planner: rankings by a law and by theory, ties, and what it refuses."""

import math

import numpy as np
import pytest

import surefoot as sf
from surefoot.errors import ArgumentError
from surefoot.forecasting.bound import bound, relative_peak
from surefoot.forecasting.planner import compare
from surefoot.forecasting.planner_nouns import Expected

WSD = sf.wsd(1e-3, total=1000, warmup=30, shape="linear")


def law(schedules, width=0.0):
    return [one(schedule, width) for schedule in schedules]


def one(schedule, width=0.0):
    """A loss that falls with the summed rate and with how far the rate has come down, as loss-curve laws have it."""
    rates = schedule.array() / schedule.peak
    loss = 3.0 + rates.sum() ** -0.5 - 0.1 * (1.0 - rates[-1]) * min(1.0, (rates < 1.0).sum() / 200)
    return Expected(loss, loss - width, loss + width)


def history(schedule, rows=None):
    count = schedule.total if rows is None else rows
    return sf.History.of(sf.Reading(t, 2.0, lr=schedule(t)) for t in range(count))


def test_a_law_ranks_by_its_loss():
    found = compare(total=1000, peak=1e-3, predict=law)
    losses = [prospect.expected.loss for prospect in found.prospects]
    assert losses == sorted(losses)
    assert [prospect.rank for prospect in found.prospects] == list(range(1, len(losses) + 1))
    assert found.basis == "law"
    assert found.best.expected == one(found.best.candidate.schedule)


def test_what_lies_within_the_noise_of_repeats_or_the_intervals_is_a_tie():
    sharp, blurred = (compare(total=1000, peak=1e-3, predict=lambda s, w=w: law(s, w)) for w in (0.0, 10.0))
    best = sharp.best.expected.loss
    assert [p.tied for p in sharp.prospects] == [p.expected.loss <= best + 0.002 for p in sharp.prospects]
    assert not all(p.tied for p in sharp.prospects)
    assert all(p.tied for p in blurred.prospects)


def test_theory_ranks_fresh_runs_by_their_best_bound():
    found = compare(total=1000, peak=1e-3)
    values = np.array([bound(p.candidate.schedule).best for p in found.prospects])
    assert values.tolist() == sorted(values.tolist())
    assert [p.bound for p in found.prospects] == pytest.approx(values / values[0])
    assert {p.expected for p in found.prospects} == {None}
    assert found.best.candidate.name == "linear to 0"


def test_theory_gives_each_fresh_run_the_peak_that_suits_it():
    schedules = {p.candidate.name: p.candidate.schedule for p in compare(total=1000, peak=1e-3).prospects}
    linear, wsd = schedules["linear to 0"], schedules["WSD, 20 % linear"]
    assert linear.peak == pytest.approx(1e-3)
    assert wsd.peak / linear.peak == pytest.approx(relative_peak(wsd, linear))


def test_the_peak_can_have_been_tuned_for_another_shape():
    tuned = sf.wsd(1e-3, total=1000, shape="linear")
    found = compare(total=1000, peak=1e-3, tuned_for=tuned)
    same = next(p.candidate.schedule for p in found.prospects if p.candidate.name == "WSD, 20 % linear")
    assert same.peak == pytest.approx(1e-3)
    assert "the schedule it was tuned for" in found.why


def test_theory_leaves_the_rate_of_a_run_alone():
    for prospect in compare(WSD, total=2000).prospects:
        if prospect.candidate.start:
            assert prospect.candidate.schedule.peak == WSD.peak


def test_the_choice_among_ties_costs_least_and_does_not_raise_the_rate_again():
    found = compare(WSD, total=2000)
    tied = [prospect.candidate for prospect in found.prospects if prospect.tied]
    choice = found.choice.candidate
    assert choice in tied
    assert not choice.rises
    assert choice.cost == min(candidate.cost for candidate in tied if not candidate.rises)
    assert any(candidate.rises for candidate in tied)


def test_a_history_is_read_as_the_plan_it_follows():
    assert compare(history(WSD), total=2000, theory=True) == compare(WSD, total=2000)


def test_a_run_under_way_goes_on_from_where_it_stands():
    found = compare(history(WSD, rows=601), total=1000, theory=True)
    assert {prospect.candidate.start for prospect in found.prospects} == {0, 600}


def test_the_schedule_of_a_run_can_be_told_where_the_log_has_no_rates():
    bare = sf.History.of(sf.Reading(t, 2.0) for t in range(1000))
    assert compare(bare, total=2000, ran=WSD, theory=True) == compare(WSD, total=2000)


def test_a_history_is_fitted_by_a_law_that_expects_a_loss_of_each_candidate():
    plan = sf.wsd(1e-3, total=3000, warmup=100, decay=0.3)
    steps = np.arange(0, 3001, 50)
    rates = plan.array(0, 3001)
    losses = 2.5 + 2 * (rates.cumsum()[steps] + 0.02) ** -0.4 - 100 * (1e-3 - rates[steps])
    run = sf.History({"step": steps, "loss": losses, "lr": rates[steps]})
    found = compare([run, run], total=4000)
    plans = [prospect.candidate.schedule for prospect in found.prospects]
    told = sf.forecast([run, run], plans)
    assert found.basis == "law"
    assert [p.expected for p in found.prospects] == [(one.loss, one.low, one.high, one.tied) for one in told]
    assert {prospect.candidate.schedule.peak for prospect in found.prospects} == {1e-3}


def test_where_theory_would_rather_run_something_else_than_one_run_says_the_reason_says_so():
    def backwards(schedules):
        return [Expected(3.0 + (1.0 if s(s.total - 1) < 0.5 * s.peak else 0.0), 0.0, 0.0, False) for s in schedules]

    run = history(WSD)
    assert "would rather run" in compare(run, total=2000, predict=backwards).why
    assert "would rather run" not in compare([run, run], total=2000, predict=backwards).why
    assert "would rather run" not in compare(run, total=2000, predict=lambda many: law(many, 10.0)).why


def test_a_run_that_has_reached_the_total_is_only_compared_with_fresh_ones():
    assert {p.candidate.start for p in compare(WSD, total=1000).prospects} == {0}


def test_fresh_runs_take_the_peak_and_warmup_of_the_run():
    found = compare(WSD, total=2000, predict=law)
    linear = next(p.candidate.schedule for p in found.prospects if p.candidate.name == "linear to 0")
    assert linear == sf.linear(1e-3, total=2000, warmup=30)


def test_an_open_plan_stands_where_it_is_said_to():
    found = compare(sf.constant(1e-3, warmup=30), at=700, total=1000)
    assert {prospect.candidate.start for prospect in found.prospects} == {0, 700}


def test_a_prospect_prints_as_one_line_with_its_tie():
    text = str(compare(total=1000, peak=1e-3))
    assert text.splitlines()[0] == "1. linear to 0 at 0.001: bound x1.000"
    assert "tied with the best" in text.splitlines()[1]
    assert "theory" in text.splitlines()[-1]
    assert " (" in str(compare(WSD, total=2000, predict=law).best)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({}, "peak=None"),
        ({"peak": 0.0}, "peak=0.0"),
        ({"peak": 1e-3, "total": 1}, "total=1"),
        ({"peak": 1e-3, "total": 10.0}, "total=10.0"),
        ({"peak": 1e-3, "warmup": 1000}, "warmup=1000"),
        ({"peak": 1e-3, "at": 5}, "need a run"),
        ({"run": WSD, "peak": 2e-3}, "never choose it"),
        ({"run": sf.constant(1e-3)}, "at=None"),
        ({"run": 3}, "run must be"),
        ({"run": []}, "run must be"),
        ({"peak": 1e-3, "ran": WSD}, "need a run"),
        ({"run": sf.History.of([sf.Reading(0, 1.0)])}, "no column lr"),
        ({"run": history(WSD)}, "progress"),
        ({"run": sf.History.of([sf.Reading(0, 1.0, lr=math.nan), sf.Reading(1, 1.0)])}, "no learning rate"),
        ({"peak": 1e-3, "predict": lambda many: [Expected(math.nan, 0.0, 0.0)] * len(many)}, "no finite loss"),
    ],
)
def test_what_does_not_fit_together_is_refused_by_name(wrong, word):
    with pytest.raises(ArgumentError, match=word):
        compare(**{"total": 1000, **wrong})
