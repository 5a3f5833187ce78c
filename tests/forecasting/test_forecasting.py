"""sf.forecast: expected losses with intervals, ranked; and what it refuses to do."""

import json
from dataclasses import replace

import numpy as np
import pytest
from tests.forecasting.made import final, run

import surefoot as sf
from surefoot.forecasting.foresight import foresight
from surefoot.forecasting.multipower import MULTIPOWER

TOTAL = 4000
WSD = sf.wsd(1e-3, total=TOTAL, warmup=200, decay=0.2, shape="linear")
COSINE = sf.cosine(1e-3, total=TOTAL, warmup=200, floor=0.1)
HOLD = sf.constant(1e-3, total=TOTAL, warmup=200)
RUNS = (run(WSD), run(COSINE, seed=1))

OTHERS = {
    "linear": sf.linear(1e-3, total=TOTAL, warmup=200),
    "1-sqrt": sf.wsd(1e-3, total=TOTAL, warmup=200, decay=0.4),
    "exponential": sf.exponential(1e-3, total=TOTAL, warmup=200),
    "step": sf.step_decay(1e-3, total=TOTAL, warmup=200),
    "two stages": sf.Schedule(1e-3, (sf.ramp(0, 1, 200), sf.hold(2000), sf.hold(1000, 0.5), sf.ramp(0.5, 0, 800))),
    "extension": WSD.extend(3000),
    "no decay": HOLD,
    "short": sf.wsd(1e-3, total=2000, warmup=200, decay=0.3),
    "another warmup": sf.wsd(1e-3, total=TOTAL, warmup=500, decay=0.3),
}


@pytest.fixture(scope="module")
def found():
    return sf.forecast(RUNS, OTHERS)


@pytest.mark.parametrize("name", OTHERS)
def test_shapes_and_totals_that_were_not_run_are_foretold(found, name):
    one = next(one for one in found if one.name == name)
    truth = final(OTHERS[name])
    assert one.loss == pytest.approx(truth, abs=0.02)
    assert one.low <= truth <= one.high


def test_the_ranking_is_by_loss_and_the_pick_is_near_the_best(found):
    assert [one.rank for one in found.ranking] == list(range(1, len(OTHERS) + 1))
    assert [one.loss for one in found.ranking] == sorted(one.loss for one in found)
    assert found.best is found.ranking[0]
    assert final(found.best.schedule) - min(map(final, OTHERS.values())) < 0.002


def test_predictions_come_in_the_order_they_were_asked_for(found):
    assert [one.name for one in found] == list(OTHERS)
    assert found[0].schedule == OTHERS["linear"]
    assert len(found) == len(OTHERS)


def test_a_schedule_ties_with_one_that_hardly_differs():
    near = sf.wsd(1e-3, total=TOTAL, warmup=200, decay=0.21, shape="linear")
    made = sf.forecast(RUNS, [WSD, near, HOLD])
    assert [one.tied for one in made] == [True, True, False]


def test_the_curve_ends_at_the_loss_and_follows_the_law(found):
    one = found[1]
    assert one.steps[-1] == TOTAL
    assert one.losses[-1] == one.loss
    assert len(one.steps) <= 120
    assert list(one.steps) == sorted(set(one.steps))


def test_the_elbow_of_a_cooldown(found):
    by_name = {one.name: one.elbow for one in found}
    assert by_name["linear"] is None
    assert by_name["no decay"] is None
    elbow = by_name["1-sqrt"]
    assert elbow.step == 2400
    assert elbow.step < elbow.middle < TOTAL
    assert elbow.depth == pytest.approx(final(HOLD) - final(OTHERS["1-sqrt"]), abs=0.02)
    assert elbow.low < elbow.depth < elbow.high


def test_one_run_is_enough_and_says_what_it_cannot_tell():
    made = sf.forecast(run(COSINE), [WSD, COSINE])
    assert made[1].loss == pytest.approx(final(COSINE), abs=0.004)
    assert made[0].low <= final(WSD) <= made[0].high
    assert "cannot tell what the decay did from what the time did" in made.notes[0]


def test_a_constant_run_borrows_what_a_decay_is_worth_and_says_so():
    made = sf.forecast(run(HOLD), [WSD, HOLD])
    decay, hold = made
    assert "not from your runs but from published ones" in made.notes[0]
    assert made.constants["B"].weak
    assert decay.high - decay.low > 3 * (hold.high - hold.low)
    assert decay.low <= final(WSD) <= decay.high


def test_zero_rates_at_the_end_do_not_help():
    longer = sf.Schedule(1e-3, (*WSD.phases, sf.hold(2000, 0.0)))
    for law in ("multi-power", "tissue"):
        one, other = sf.forecast(RUNS, [WSD, longer], law=law)
        assert other.loss == pytest.approx(one.loss, abs=1e-4)
        assert "change nothing" in other.notes[0]


def test_a_peak_is_never_chosen():
    with pytest.raises(sf.ArgumentError, match=r"high peaks at 0.002, the runs at 0.001: .* never choose it"):
        sf.forecast(RUNS, {"high": WSD.with_peak(2e-3)})
    with pytest.raises(sf.ArgumentError, match=r"history has peaks from 0.001 to 0.002: .* one peak"):
        sf.forecast([run(WSD), run(WSD.with_peak(2e-3))], WSD)


def test_without_a_logged_rate_the_schedule_says_it():
    bare = [run(WSD, lr=False), run(COSINE, lr=False, seed=1)]
    with pytest.raises(sf.ArgumentError, match="pass the schedule that it ran under with ran="):
        sf.forecast(bare, WSD)
    said = sf.forecast(bare, OTHERS["linear"], ran=[WSD, COSINE])
    assert said[0].loss == pytest.approx(sf.forecast(RUNS, OTHERS["linear"])[0].loss, abs=1e-3)


@pytest.mark.parametrize("every", [7, 50, 150])
def test_the_spacing_of_the_rows_hardly_matters(every):
    made = sf.forecast([run(WSD, every=every), run(COSINE, every=every, seed=1)], OTHERS["linear"])
    assert made[0].loss == pytest.approx(final(OTHERS["linear"]), abs=0.012)


def test_a_noisy_training_loss_will_do():
    noisy = [run(plan, every=1, noise=0.02, seed=k, column="loss") for k, plan in enumerate((WSD, COSINE))]
    made = sf.forecast(noisy, OTHERS["1-sqrt"])
    assert made.column == "loss"
    assert made[0].low <= final(OTHERS["1-sqrt"]) <= made[0].high
    assert made[0].loss == pytest.approx(final(OTHERS["1-sqrt"]), abs=0.02)


def test_the_column_can_be_chosen():
    assert sf.forecast(RUNS, WSD).column == "val_loss"
    train = sf.forecast(RUNS, WSD, loss="loss")
    assert train[0].loss == pytest.approx(1.01 * final(WSD), abs=0.005)


def test_a_run_that_is_not_done_is_carried_on():
    made = sf.forecast([run(WSD, end=3000), run(COSINE, seed=1)], WSD)
    assert made[0].low <= final(WSD) <= made[0].high


def test_an_unknown_warmup_is_found():
    late = [
        run(plan, start=400, seed=k)
        for k, plan in enumerate(
            (
                sf.wsd(1e-3, total=TOTAL, warmup=400, decay=0.2, shape="linear"),
                sf.constant(1e-3, total=TOTAL, warmup=400),
            )
        )
    ]
    made = sf.forecast(late, OTHERS["linear"])
    assert made[0].loss == pytest.approx(final(OTHERS["linear"]), abs=0.02)
    assert "warmup of" in made.notes[0]


def test_far_horizons_are_doubted():
    near, far = sf.forecast(RUNS, [WSD, sf.wsd(1e-3, total=40_000, warmup=200)])
    assert near.notes == ()
    assert "10 times as long as the longest run" in far.notes[0]
    assert (far.high - far.low) / far.loss > (near.high - near.low) / near.loss


def test_everything_becomes_json(found):
    data = json.loads(found.to_json())
    assert data["best"] == found.best.name
    assert data["law"] == "multi-power"
    assert "2503.12811" in data["source"]
    assert data["confidence_in_words"] == "read in the official code"
    assert set(data["constants"]) == {"L0", "A", "alpha", "B", "C", "beta", "gamma"}
    one = data["predictions"][1]
    assert sf.Schedule.from_json(json.dumps(one["schedule"])) == OTHERS["1-sqrt"]
    assert one["low"] < one["loss"] < one["high"]
    assert one["elbow"]["step"] == 2400


def test_it_prints_and_draws(found):
    assert str(found).startswith("multi-power at peak 0.001, val_loss:\n1. ")
    assert found._repr_html_().startswith("<svg")
    chart = found.chart
    assert [s.kind for s in chart.series] == ["points", "points", "band", *["line"] * 5]
    assert chart.series[3].y[-1] == found.best.loss
    assert chart.series[2].y[0] == found.best.low


def test_the_other_law_by_name_or_as_an_object():
    assert sf.forecast(RUNS, WSD, law="tissue").law == "tissue"
    assert sf.forecast(RUNS, WSD, law="mpl").law == "multi-power"
    assert sf.forecast(RUNS, WSD, law=replace(MULTIPOWER, name="mine")).law == "mine"


def test_schedules_without_names_get_some():
    made = sf.forecast(RUNS, [WSD, WSD, COSINE, HOLD])
    assert [one.name for one in made] == [
        "linear over the last 800 of 4000",
        "linear over the last 800 of 4000 (2)",
        "cosine over 4000 to 0.1 of the peak",
        "no decay, 4000 updates",
    ]


def test_a_fit_predicts_one_schedule_at_a_time():
    fitted = foresight(RUNS)
    assert fitted.predict(WSD).loss == sf.forecast(RUNS, WSD)[0].loss
    assert fitted.warmup == 200
    assert fitted.peak == 1e-3


def test_forecasts_from_runs_of_another_scale_of_loss_are_as_good():
    small = [sf.History({**one.columns, "val_loss": one["val_loss"] / 10, "loss": one["loss"] / 10}) for one in RUNS]
    made = sf.forecast(small, OTHERS["linear"])
    assert made[0].loss == pytest.approx(sf.forecast(RUNS, OTHERS["linear"])[0].loss / 10, rel=2e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((), WSD), "history="),
        (("run.jsonl", WSD), "history="),
        ((RUNS, ()), "schedules="),
        ((RUNS, [WSD, 3]), "schedules="),
        ((RUNS, sf.constant(1e-3, warmup=200)), "is open"),
        ((RUNS, {"mine": sf.constant(1e-3)}), "mine is open"),
    ],
)
def test_other_things_than_runs_and_schedules_are_refused(arguments, message):
    with pytest.raises(sf.ArgumentError, match=message):
        sf.forecast(*arguments)


def test_bad_options_are_refused():
    with pytest.raises(sf.ArgumentError, match="law='chinchilla' must be one of multi-power, tissue"):
        sf.forecast(RUNS, WSD, law="chinchilla")
    with pytest.raises(sf.ArgumentError, match="ran="):
        sf.forecast(RUNS, WSD, ran=[WSD])
    with pytest.raises(sf.ArgumentError, match="column='perplexity'"):
        sf.forecast(RUNS, WSD, loss="perplexity")


def test_runs_that_are_not_alike_are_doubted():
    other = sf.History({**RUNS[1].columns, "val_loss": RUNS[1]["val_loss"] * np.linspace(1.1, 1.0, len(RUNS[1]))})
    assert "The law misses these runs" in sf.forecast([RUNS[0], other], WSD).notes[0]


def test_a_sparse_log_that_misses_its_highest_rate_is_of_the_same_peak():
    linear = OTHERS["linear"]
    sparse = run(linear, every=130)
    assert sparse["lr"].max() < 0.995e-3
    made = sf.forecast([sparse, RUNS[0]], linear)
    assert made.peak == 1e-3
    assert made[0].loss == pytest.approx(final(linear), abs=0.01)


@pytest.mark.parametrize("seed", range(4))
def test_few_and_very_noisy_rows_make_wide_intervals(seed):
    noisy = [run(plan, every=100, noise=0.05, seed=10 * seed + k) for k, plan in enumerate((WSD, COSINE, HOLD))]
    made = sf.forecast(noisy, [OTHERS["linear"], OTHERS["1-sqrt"]])
    for one in made:
        assert one.low <= final(one.schedule) <= one.high
