from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import surefoot as sf
from surefoot.diagnosis.ledger import Tried
from surefoot.diagnosis.nouns import Edit, Finding, Remedy
from surefoot.diagnosis.prescribing import logged_plan, prescribed
from surefoot.diagnosis.remedies import DIVERGED, LOWER, WARM_UP, ranked
from surefoot.diagnosis.summing import diagnosed
from surefoot.diagnosis.working import course, shown, understood
from surefoot.history.columns import History
from surefoot.history.origin import Origin
from surefoot.report.diagnosis import diagnosis_sections

PLAN = sf.cosine(3e-3, total=4000, warmup=100)
TYPED = (2.5, 2.4, 2.6, 3.1, 4.2, math.nan)


def run(losses, lr=None, **origin):
    columns = {"step": np.arange(len(losses)), "loss": np.array(losses)}
    return History(columns if lr is None else {**columns, "lr": lr}, origin=Origin(**origin))


def diverging(rows=3000):
    rng = np.random.default_rng(0)
    loss = 2 + 4 * np.exp(-np.arange(rows) / 300) + rng.normal(0, 0.05, rows)
    loss[2200:] += np.minimum((np.arange(rows - 2200) / 60) ** 1.2, 5)
    return run(loss, PLAN.array(0, rows), facts={"weight_decay": 0.1})


def test_the_plan_is_read_off_the_logged_rates():
    found = diagnosed(diverging())
    assert found.plan == PLAN
    assert "read off the logged rates" in found.plan_said


def test_each_remedy_that_is_an_edit_brings_the_edited_plan():
    found = diagnosed(diverging())
    by_topic = {one.remedy.topic: one for one in found.prescriptions(found.findings[0])}
    assert by_topic["rate"].schedule == PLAN.with_peak(3e-4)
    assert by_topic["warmup"].schedule(150) == pytest.approx(3e-3 * 0.75, rel=0.01)
    assert by_topic["clip"].schedule is None
    assert by_topic["clip"].note == ""


def test_a_healthy_run_needs_no_plan():
    rows = 100
    assert diagnosed(run(2 + 1 / np.arange(1, rows + 1), PLAN.array(0, rows)), ()).plan is None


def test_a_given_plan_comes_before_the_logged_one():
    given = sf.constant(1.0, total=10)
    found = diagnosed(diverging(), plan=given)
    assert (found.plan, found.plan_said) == (given, "as given")


def test_the_notes_say_what_a_lower_rate_changes_besides():
    found = diagnosed(diverging())
    assert "3,333 updates now and over 33,333 then" in found.notes[0]
    assert diagnosed(run(1 / np.arange(1, 100))).notes == ()


def test_findings_that_are_given_are_taken():
    mine = (Finding("SF301", "overfitting", 3, "warning", 0.5, "Up."),)
    found = diagnosed(run([1.0, 0.5, 0.2]), mine)
    assert found.findings == mine
    assert found.verdict.text == "overfitting"


def test_what_was_tried_reaches_the_advice():
    found = diagnosed(run(TYPED), tried=(Tried("rate"), Tried("rate")))
    assert found.findings[0].remedies[0].topic == "initialisation"
    assert found.notes == ()


def test_what_was_tried_under_a_name_that_nothing_has_is_said():
    (note,) = diagnosed(run(TYPED), tried=(Tried("clp"), Tried("clp"), Tried("rate"), Tried("lower-rate"))).notes
    assert note.startswith("'clp' was tried, but no remedy here turns it: they turn initialisation, data, precision")
    assert diagnosed(run((3.0, 2.0)), (), tried=(Tried("clp"),)).notes == ()


def test_the_exercise_of_the_sources_is_answered_with_its_working():
    found = diagnosed(run(TYPED))
    assert found.verdict.headline == "diverging to NaN: the rate is too high"
    assert found.findings[0].remedies[0].text == "Lower the peak learning rate by 10x."
    assert course(found.history) == (
        "loss 2.5 at step 0, lowest 2.4 at step 1, 4.2 at step 4 (1.75x the lowest), not finite from step 5 on"
    )


def test_the_row_is_strict_json_with_the_keys_of_the_contract():
    evidence = {"nan": math.nan, "far": math.inf, "whole": np.int64(3), "part": np.float32(0.5), "yes": np.bool_(1)}
    mine = (Finding("SF102", "divergence", np.int64(3), "error", 0.5, "Up.", evidence, ranked(DIVERGED)),)
    row = json.loads(json.dumps(diagnosed(run(TYPED), mine).row(), allow_nan=False))
    assert {"verdict", "healthy", "findings"} <= set(row)
    (one,) = row["findings"]
    assert {"code", "name", "severity", "step", "message", "remedies"} <= set(one)
    assert one["evidence"] == {"nan": None, "far": None, "whole": 3, "part": 0.5, "yes": True}
    assert one["step"] == 3
    assert one["remedies"][0]["edit"] == {"op": "scaled", "arguments": {"k": 0.1}}


def test_an_edited_schedule_in_the_row_can_be_read_back():
    row = diagnosed(diverging()).row()
    first = row["findings"][0]["remedies"][0]
    assert sf.Schedule.from_json(json.dumps(first["schedule"])) == PLAN.with_peak(3e-4)


def test_a_warmup_that_is_long_already_is_doubled_and_not_cut():
    plan = sf.cosine(1.0, total=1000, warmup=100)
    (found,) = prescribed([WARM_UP], plan)
    assert found.remedy.text == "Warm up over 200 updates, twice as long as now."
    assert sf.applied(found.remedy.edit, plan) == found.schedule
    (kept,) = prescribed([WARM_UP], sf.cosine(1.0, total=1000, warmup=20))
    assert kept.remedy.text == WARM_UP.text
    assert kept.schedule(50) == sf.cosine(1.0, total=1000, warmup=20)(50)


def test_an_edit_without_a_plan_or_that_does_not_fit_says_so():
    (bare,) = prescribed([LOWER], None)
    assert bare.note == "as an edit: scaled(k=0.1)"
    (refused,) = prescribed([WARM_UP], sf.constant(1.0))
    assert refused.schedule is None
    assert "cannot be changed so" in refused.note
    same = Remedy(1, "Floor.", "w", Edit("scaled", {"k": 1.0}))
    assert prescribed([same], PLAN)[0].note == "the schedule has it already"


def test_rates_that_follow_no_recipe_are_no_plan():
    rng = np.random.default_rng(1)
    assert logged_plan(run(np.ones(30), rng.uniform(1, 2, 30))) is None
    assert logged_plan(run(np.ones(3))) is None
    assert logged_plan(run(np.ones(3), np.array([math.nan, 1.0, math.nan]))) is None
    assert logged_plan(run(np.ones(4), np.zeros(4))) is None


def test_a_plan_is_found_in_rows_that_repeat_and_in_long_logs():
    step = np.array([0, 1, 2, 2, 1, 3, 4, 5, 6])
    history = History({"step": step, "loss": np.ones(9), "lr": np.full(9, 0.1)})
    assert logged_plan(history).recipe == "constant"
    long = sf.cosine(1e-3, total=30_000, warmup=3000)
    found = logged_plan(run(np.ones(30_000), long.array()))
    assert found.schedule.array() == pytest.approx(long.array(), rel=1e-3, abs=1e-9)


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ((3.0, 2.0, 1.0), "loss 3 at step 0, 1 at step 2"),
        ((3.0, 2.0, 2.1), "loss 3 at step 0, lowest 2 at step 1, 2.1 at step 2"),
        ((3.0, math.nan, 1.0), "loss 3 at step 0, 1 at step 2, not finite in 1 of 3 rows"),
        ((math.nan, math.inf), "no finite loss"),
        ((7.0,), "loss 7 at step 0"),
    ],
)
def test_the_course_of_a_run_in_a_line(losses, said):
    assert course(run(losses)) == said


def test_the_course_of_a_run_that_logged_only_validation():
    history = History({"step": [0, 5], "loss": [math.nan] * 2, "val_loss": [2.0, 1.0]}, blank={"loss": [True, True]})
    assert course(history) == "validation loss 2 at step 0, 1 at step 5"
    empty = History({"step": [0], "loss": [math.nan]}, blank={"loss": [True]})
    assert course(empty) == "no loss"


def test_evidence_is_shown_in_words():
    evidence = {"lost_rows": 12_000, "level": 0.123456, "rose": True, "of": "loss", "none": None, "far": math.inf}
    told = dict(shown(Finding("SF102", "divergence", 3, "error", 0.5, "Up.", evidence)))
    assert told == {"lost rows": "12,000", "level": "0.1235", "rose": "yes", "of": "loss", "none": "-", "far": "inf"}


def test_a_column_under_its_own_name_needs_no_words():
    origin = {"format": "CSV", "roles": {"loss": "loss", "lr": "rate"}, "ignored": ("time",), "notes": ("Two runs.",)}
    assert understood(run([1.0], **origin)) == ("read as CSV", "taken: lr from rate", "not used: time", "Two runs")


def test_of_many_fields_that_were_not_used_the_first_are_named():
    (told,) = understood(run([1.0], ignored=tuple(f"field{k}" for k in range(30))))
    assert told == "not used: field0, field1, field2, field3, field4, field5 and 24 more"


COLUMN = st.lists(st.one_of(st.floats(), st.floats(0, 10), st.sampled_from([0.0, 1e-3, 2.5])), min_size=6, max_size=6)


@settings(max_examples=60)
@given(
    COLUMN,
    COLUMN,
    st.dictionaries(st.sampled_from(["lr", "val_loss", "grad_norm", "headroom", "update_ratio"]), COLUMN),
)
def test_any_numbers_at_all_are_diagnosed_drawn_and_written(steps, loss, more):
    found = diagnosed(History({"step": np.array(steps), "loss": np.array(loss), **more}))
    json.dumps(found.row(), allow_nan=False)
    assert "".join(diagnosis_sections(found))
