"""A task whose runs can be branched pays less, and nothing else is different but a rate moved a little."""

import functools
import itertools
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from surefoot.schedule.recipes.decays import constant, cosine
from surefoot.search import branching
from surefoot.search.branching import KEPT, SNAP, grafted, kept, steady, trunks
from surefoot.search.finding import find
from surefoot.search.rungs import probe
from surefoot.search.running import Request, run_trial
from surefoot.search.tuning import tune
from surefoot.trial import Trial

TOTAL = 600


@pytest.fixture
def far(monkeypatch):
    """Let trials be moved so far that some always go on from others, wherever the search places them."""
    monkeypatch.setattr(branching, "SNAP", 3.0)


def steadily(peak, total):
    return constant(peak, total=total)


def judgements(peak):
    return sum(trial.validated for trial in peak.curve.trials) + 1


def told(peak):
    return peak.lr, peak.low, peak.high, peak.edge, peak.confidence, peak.cost_steps, peak.why


def trials(peak):
    return [replace(trial, seconds=0.0) for trial in peak.curve.trials]


def ask(task, lr, steps, **options):
    return Request(task, probe(lr, steps), lr, steps, **options)


@pytest.mark.parametrize("recipe", [None, steadily])
@pytest.mark.parametrize("budget", [0.25, 0.5, 1.0, 1.5, 3.0, 6.0])
@pytest.mark.parametrize("total", [200, TOTAL])
def test_the_cost_counted_from_outside_is_what_is_said_and_within_the_budget(bowls, total, budget, recipe):
    task = bowls.Forked()
    peak = tune(task, total=total, budget=budget, recipe=recipe)
    assert task.updates == peak.cost_steps == peak.curve.cost_steps
    assert task.updates + 3 * judgements(peak) <= budget * total
    assert task.most <= 2 * KEPT
    assert not task.alive


def test_at_three_runs_a_steady_recipe_costs_less_and_the_rate_is_hardly_moved(bowls):
    saved = 0
    for total in (200, 400, TOTAL, 1000):
        plain = tune(bowls.noisy_bowl, total=total, budget=3, recipe=steadily)
        peak = tune(bowls.Forked(), total=total, budget=3, recipe=steadily)
        saved += plain.cost_steps - peak.cost_steps
        assert abs(math.log2(peak.lr / plain.lr)) < 1.0
    assert saved > 0


@pytest.mark.parametrize("budget", [0.5, 3.0])
@pytest.mark.usefixtures("far")
def test_a_continued_trial_is_the_whole_run_to_the_last_bit(bowls, budget):
    peak = tune(bowls.Forked(), total=TOTAL, budget=budget, recipe=steadily)
    grown = [trial for trial in peak.curve.trials if trial.since]
    assert grown
    for trial in grown:
        whole = "run" in trial.stage
        schedule = steadily(trial.lr, trial.total) if whole else probe(trial.lr, trial.total)
        fresh = run_trial(Request(bowls.Forked(), schedule, trial.lr, trial.total, stage=trial.stage))
        assert trial.steps + trial.since == fresh.steps == trial.total
        assert trial.message == f"continued from update {trial.since} of a shorter trial"
        alike = {"steps": trial.steps, "since": trial.since, "trunk": trial.trunk, "message": trial.message}
        assert replace(fresh, seconds=trial.seconds, **alike) == trial
        assert any((t.lr, t.trunk) == (trial.lr, trial.since) for t in peak.curve.trials)


@pytest.mark.parametrize("verb", [find, tune])
@pytest.mark.parametrize("budget", [0.25, 1.0, 3.0])
def test_a_generator_or_a_task_that_is_hidden_starts_afresh(bowls, verb, budget):
    ask_of = functools.partial(verb, total=TOTAL, budget=budget, recipe=steadily)
    task = bowls.Forked()
    plain, hidden = ask_of(bowls.noisy_bowl), ask_of(bowls.counted(bowls.noisy_bowl, {"updates": 0}))
    wrapped = ask_of(functools.partial(task))
    assert told(plain) == told(hidden) == told(wrapped)
    assert trials(plain) == trials(hidden) == trials(wrapped)
    assert not any(trial.since or trial.trunk or "continued" in trial.message for trial in plain.curve.trials)
    assert task.taken == 0


@pytest.mark.parametrize(("budget", "recipe"), [(0.08, steadily), (0.25, steadily), (1.0, None)])
def test_no_copy_is_made_where_no_trial_could_go_on_from_it(bowls, budget, recipe):
    """One rung has none after it; two rates are not moved; cold probes of T/32 are no beginning of warm ones of T/4."""
    task = bowls.Forked()
    tune(task, total=TOTAL, budget=budget, recipe=recipe)
    assert task.taken == 0


def test_an_executor_pays_for_every_trial(bowls):
    task = bowls.Forked()
    with ThreadPoolExecutor(2) as executor:
        peak = tune(task, total=TOTAL, budget=1.5, recipe=steadily, executor=executor)
    assert told(peak) == told(tune(bowls.noisy_bowl, total=TOTAL, budget=1.5, recipe=steadily))
    assert task.taken == 0


def test_where_there_is_no_memory_for_a_copy_every_trial_starts_afresh(bowls):
    task = bowls.Forked(full=True)
    peak = tune(task, total=TOTAL, budget=3, recipe=steadily)
    assert told(peak) == told(tune(bowls.noisy_bowl, total=TOTAL, budget=3, recipe=steadily))
    assert task.updates == peak.cost_steps


@pytest.mark.usefixtures("far")
def test_killed_after_any_trial_and_resumed_the_answer_is_the_same(bowls, tmp_path):
    path = tmp_path / "j"
    ask_of = functools.partial(tune, total=TOTAL, budget=3, recipe=steadily, journal=path)
    whole = ask_of(bowls.Forked())
    lines = path.read_bytes().splitlines(keepends=True)
    repeated = 0
    for k in range(1, len(lines) + 1):
        path.write_bytes(b"".join(lines[:k]))
        task = bowls.Forked()
        peak = ask_of(task)
        assert told(peak) == told(whole)
        assert trials(peak) == trials(whole)
        more = task.updates - sum(trial.steps for trial in [whole_test(whole), *whole.curve.trials][k - 1 :])
        assert 0 <= more <= max(trial.trunk for trial in whole.curve.trials) * KEPT
        repeated += more > 0
    assert repeated, "no kill lost a copy that was needed"


def whole_test(peak):
    steps = len(peak.curve.test_lrs)
    return Trial(1.0, 0, steps, steps, 1.0)


def test_a_journal_of_an_executor_goes_on_within_the_budget(bowls, tmp_path):
    """The trials of the executor left no copy, so those that follow here must be planned as fresh ones."""
    path = tmp_path / "j"
    ask_of = functools.partial(tune, total=TOTAL, budget=3, recipe=steadily, journal=path)
    with ThreadPoolExecutor(1) as executor:
        ask_of(bowls.Forked(), executor=executor)
    lines = path.read_bytes().splitlines(keepends=True)
    for k in (5, 8):
        path.write_bytes(b"".join(lines[:k]))
        task = bowls.Forked()
        peak = ask_of(task)
        before = [whole_test(peak), *peak.curve.trials][: k - 1]
        assert task.updates + sum(trial.steps for trial in before) == peak.cost_steps


@pytest.mark.usefixtures("far")
def test_ctrl_c_in_the_middle_of_a_continued_trial_drops_every_copy_and_can_be_resumed(bowls, tmp_path):
    ask_of = functools.partial(tune, total=TOTAL, budget=3, recipe=steadily)
    whole = ask_of(bowls.Forked())
    costs = [whole_test(whole).steps, *(trial.steps for trial in whole.curve.trials)]
    ends = list(itertools.accumulate(costs))
    grown = [k for k, trial in enumerate(whole.curve.trials, 1) if trial.since]
    assert grown
    for k in grown:
        path = tmp_path / f"{k}"
        task = bowls.Forked(stop=ends[k - 1] + costs[k] // 2)
        peak = ask_of(task, journal=path)
        assert "interrupted" in peak.why
        assert trials(peak) == trials(whole)[: k - 1]
        assert not task.alive
        assert told(ask_of(bowls.Forked(), journal=path)) == told(whole)


@pytest.mark.usefixtures("far")
def test_progress_counts_what_is_spent(bowls):
    seen = []
    peak = tune(bowls.Forked(), total=TOTAL, budget=3, recipe=steadily, progress=seen.append)
    spent = [progress.spent for progress in seen]
    assert (spent, spent[-1], max(spent) <= 3 * TOTAL) == (sorted(spent), peak.cost_steps, True)
    assert all(progress.trial_step <= progress.trial_total for progress in seen)
    ended = [progress for progress in seen if progress.finished and progress.finished.since]
    assert ended
    assert all(p.trial_step == p.trial_total == p.finished.total - p.finished.since for p in ended)


@pytest.mark.usefixtures("far")
def test_a_first_update_after_a_branch_that_overflows_is_a_run_that_diverged(bowls):
    class Breaking(bowls.Forked):
        def resume(self, branch, schedule):
            yield schedule.total / (branch.step - branch.step)

    task, left = Breaking(), []
    peak = tune(task, total=TOTAL, budget=3, recipe=steadily, progress=left.append)
    broken = [trial for trial in peak.curve.trials if trial.since]
    assert broken
    assert {(trial.status, trial.steps) for trial in broken} == {("diverged", 0)}
    assert "shorter trial; ZeroDivisionError" in broken[0].message


def test_the_steady_part_of_a_schedule_ends_where_its_rate_first_differs(bowls):
    assert steady(ask(bowls.bowl, 0.3, 100)) == 81
    assert steady(Request(bowls.bowl, constant(0.3, total=50), 0.3, 50)) == 50
    assert steady(Request(bowls.bowl, cosine(0.3, total=50, warmup=5), 0.3, 50)) == 0


def test_a_run_is_kept_only_for_a_longer_one_that_begins_the_same(bowls):
    short = ask(bowls.bowl, 0.3, 20)
    assert kept(short, ask(bowls.bowl, 0.3, 80)).keep == 17
    warm = replace(short, schedule=probe(0.3, 80, warm=True), steps=80)
    same, shorter = replace(short, schedule=constant(0.3, total=20)), ask(bowls.bowl, 0.3, 10)
    assert [kept(short, later).keep for later in (None, warm, shorter)] == [0, 0, 0]
    assert kept(same, ask(bowls.bowl, 0.3, 80)).keep == 0


def test_the_best_that_did_not_fail_are_gone_on_from():
    found = [
        Trial(0.1, 0, 20, 20, 1.0, trunk=17),
        Trial(0.2, 0, 20, 20, 0.5, trunk=17),
        Trial(0.3, 0, 20, 20, 0.7, trunk=17),
        Trial(0.4, 0, 20, 20, 0.1),
        Trial(0.5, 0, 20, 20, math.inf, "diverged", trunk=17),
    ]
    assert [trial.lr for trial in trunks(found)] == [0.2, 0.3]


def test_a_rate_is_moved_to_one_that_is_near_and_each_is_gone_on_from_once(bowls):
    old = [Trial(1.0, 0, 20, 20, 1.0, trunk=17), Trial(16.0, 0, 20, 20, 1.0, trunk=17)]
    octaves = [0.2, 0.1, 4.0 + 2 * SNAP + 0.01, 4.0 - 2 * SNAP + 0.01]
    moved = [(1.0, 17), (2.0**0.1, 0), (2.0 ** octaves[2], 0), (16.0, 17)]
    requests = grafted(octaves, 2.0, lambda rate: ask(bowls.bowl, rate, 80), old)
    assert [(request.lr, request.since) for request in requests] == moved


def test_a_run_no_longer_than_the_trunk_starts_afresh(bowls):
    old = [Trial(1.0, 0, 20, 20, 1.0, trunk=17)]
    for steps, since in ((17, 0), (30, 17)):
        (request,) = grafted([0.0], 1.0, lambda rate, n=steps: ask(bowls.bowl, rate, n), old)
        assert (request.lr, request.since) == (1.0, since)
