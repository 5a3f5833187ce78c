"""The planner and the elbow on published 124M runs at one peak, whose hold was run to the end as well."""

import csv
import gzip
from collections import defaultdict
from pathlib import Path

import pytest

import surefoot as sf
from surefoot.forecasting.planner import compare
from surefoot.forecasting.planner_elbow import elbow_check

CURVES = Path(__file__).parents[1] / "curves"
PEAK, TRUNK = 1e-3, "const-lr0.001-T50k-main"
NAMES = {
    "WSD, 10 % linear": "lin0.1",
    "WSD, 20 % linear": "lin0.2",
    "WSD, 20 % 1-sqrt": "1-sqrt0.2",
    "WSD, 40 % linear": "lin0.4",
    "WSD, 60 % linear": "lin0.6",
    "WSD, 80 % linear": "lin0.8",
    "cosine to 0": "cos0",
    "cosine to a tenth": "cos10",
}


def full(short, total="50k"):
    return f"{short}-lr0.001-T{total}-main"


@pytest.fixture(scope="module")
def losses():
    """Step and validation loss by run; a branch has the past of the run it left."""
    rows = defaultdict(dict)
    with gzip.open(CURVES / "schaipp_124m.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            if row["val_loss"]:
                rows[row["run_id"]][int(row["step"])] = float(row["val_loss"])
    trunk = rows[TRUNK]
    return {name: {step: loss for step, loss in trunk.items() if step < min(run)} | run for name, run in rows.items()}


def history(losses, name, schedule):
    rows = [sf.Reading(step, loss, lr=schedule(step)) for step, loss in sorted(losses[name].items())]
    return sf.History.of(rows, source=name)


def cooled(share, total, shape="linear"):
    return sf.wsd(PEAK, total=total, warmup=300, decay=share, shape=shape)


@pytest.mark.parametrize(("name", "share", "shape"), [("lin", 0.1, "linear"), ("lin", 0.2, "linear"),
                                                      ("lin", 0.4, "linear"), ("1-sqrt", 0.2, "1-sqrt")])  # fmt: skip
def test_the_depth_of_a_cooldown_is_what_the_run_that_held_on_shows(losses, name, share, shape):
    run, schedule = full(f"{name}{share}"), cooled(share, 50_000, shape)
    truth = losses[TRUNK][50_000] - losses[run][50_000]
    found = elbow_check(history(losses, run, schedule), schedule)
    assert found.found
    assert found.low <= truth <= found.high
    assert found.depth == pytest.approx(truth, rel=0.04)


def test_what_the_planner_puts_first_is_within_the_noise_of_the_best_at_twice_the_horizon(losses):
    runs = [history(losses, full(f"lin{share}", "25k"), cooled(share, 25_000)) for share in (0.1, 0.4, 0.9)]
    found = compare(runs, total=50_000, ran=cooled(0.9, 25_000))
    measured = {
        prospect.candidate.name: losses[full(NAMES[prospect.candidate.name])][50_000]
        for prospect in found.prospects
        if prospect.candidate.name in NAMES
    }
    first = next(iter(measured))
    assert measured[first] <= min(measured.values()) + 0.002


def test_theory_and_what_was_measured_put_the_same_schedules_first(losses):
    found = compare(total=50_000, peak=PEAK, warmup=300, tuned_for=cooled(0.4, 50_000))
    tied = [prospect.candidate.name for prospect in found.prospects if prospect.tied]
    measured = {name: losses[full(short)][50_000] for name, short in NAMES.items()}
    assert min(measured, key=measured.__getitem__) in tied
    assert max(measured, key=measured.__getitem__) not in tied
