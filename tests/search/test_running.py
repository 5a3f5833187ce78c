import math
import tracemalloc

import numpy as np
import pytest

from surefoot.errors import TaskError
from surefoot.history.reading import Reading
from surefoot.search.rungs import probe
from surefoot.search.running import KEPT, Request, run_trial


def ask(task, lr=0.1, steps=50, **options):
    return Request(task, probe(lr, steps), lr, steps, **options)


@pytest.mark.parametrize(("lr", "stable"), [(0.49, True), (0.3, True), (1e-4, True), (0.7, False), (5.0, False)])
def test_a_bowl_is_stable_below_two_over_its_curvature(bowls, lr, stable):
    trial = run_trial(ask(bowls.bowl, lr, 200))
    assert (trial.status == "done") is stable
    assert trial.failed is not stable
    assert trial.steps == 200 if stable else trial.steps < 200


def test_training_loss_is_the_mean_of_the_last_tenth():
    trial = run_trial(ask(lambda s: iter(np.linspace(10, 1, s.total))))
    assert trial.loss == pytest.approx(np.linspace(10, 1, 50)[-5:].mean())
    assert not trial.validated
    assert trial.start == 10.0


def test_validation_is_called_once_at_the_last_update_before_the_generator_moves_on():
    calls = []

    def task(schedule):
        for step in range(10 * schedule.total):
            yield Reading(step, 5.0, val_loss=lambda at=step: calls.append(at) or float(at))
            assert step < schedule.total - 1, "the generator moved on"

    trial = run_trial(ask(task))
    assert calls == [49]
    assert (trial.loss, trial.validated) == (49.0, True)


def test_validation_of_the_start_where_it_is_asked_for():
    def task(schedule):
        for step in range(schedule.total):
            yield Reading(step, 5.0, val_loss=lambda at=step: 3.0 - at / 100)

    trial = run_trial(ask(task, judge_start=True))
    assert (trial.start, trial.judged_start, trial.loss) == (3.0, True, 3.0 - 0.49)


@pytest.mark.parametrize("every", [2, 7, 10])
def test_validation_that_is_offered_now_and_then(every):
    calls = []

    def task(schedule):
        for step in range(schedule.total):
            offer = (lambda at=step: calls.append(at) or float(at)) if step % every == 0 else None
            yield Reading(step, 5.0, val_loss=offer)

    trial = run_trial(ask(task))
    assert calls == [max(step for step in range(50) if step % every == 0)]
    assert (trial.loss, trial.validated) == (calls[0], True)


def test_validation_long_ago_does_not_judge_the_end():
    def task(schedule):
        for step in range(schedule.total):
            yield Reading(step, 5.0, val_loss=1.0 if step == 10 else None)

    assert not run_trial(ask(task)).validated


def test_validation_leaves_the_global_generator_alone():
    def task(schedule):
        for step in range(schedule.total):
            yield Reading(step, float(np.random.rand()), val_loss=np.random.rand)  # noqa: NPY002  it is the subject

    plain, judged = run_trial(ask(task, judge_end=False)), run_trial(ask(task, judge_start=True))
    assert plain.losses == judged.losses


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_ends_the_trial(bad):
    trial = run_trial(ask(lambda _s: iter([1.0, 0.9, bad, 0.8])))
    assert (trial.status, trial.steps, trial.loss) == ("diverged", 3, math.inf)
    assert "at update 2" in trial.message


def test_a_spike_that_comes_back_is_no_divergence():
    losses = [1.0] * 10 + [60.0] + [0.5] * 39
    assert run_trial(ask(lambda _s: iter(losses))).status == "done"


@pytest.mark.parametrize("offset", [-100.0, 0.0, 100.0])
def test_divergence_needs_no_loss_near_zero(offset):
    losses = [offset + 1.05 ** (3 * step) * 50 for step in range(50)]
    assert run_trial(ask(lambda _s: iter(losses))).status == "diverged"


def test_a_loss_that_did_not_fall_is_stuck():
    assert run_trial(ask(lambda s: iter([2.0] * s.total))).status == "stuck"


def test_arithmetic_that_breaks_is_divergence():
    def task(schedule):
        yield schedule(0)
        raise OverflowError("math range error")

    trial = run_trial(ask(task))
    assert trial.status == "diverged"
    assert trial.message == "OverflowError: math range error"


@pytest.mark.parametrize(
    ("losses", "sentence"),
    [
        ([], "yields nothing: it must yield a loss after every update"),
        ([1.0, 0.9], "ended after 2 updates where 50 were asked for"),
    ],
)
def test_a_task_that_ends_early(losses, sentence):
    with pytest.raises(TaskError, match=sentence):
        run_trial(ask(lambda _s: iter(losses)))


def test_nan_at_once_at_a_rate_that_can_not_matter():
    with pytest.raises(TaskError, match="yields nan at its first update, at rate 1e-06: no rate can help"):
        run_trial(ask(lambda _s: iter([math.nan]), lr=1e-6))


def test_no_update_more_than_was_asked_for(bowls):
    counts = {"updates": 0}
    task = bowls.counted(bowls.bowl, counts)
    trial = run_trial(Request(task, probe(0.1, 1000), 0.1, 30))
    assert counts["updates"] == trial.steps == 30


def test_losses_are_thinned_and_end_with_the_last(bowls):
    trial = run_trial(ask(bowls.bowl, 0.1, 1000))
    whole = run_trial(ask(bowls.bowl, 0.1, 1000, keep_all=True))
    assert len(trial.losses) == KEPT
    assert [whole.losses[at] for at in trial.points] == list(trial.losses)
    assert (trial.points[0], trial.points[-1]) == (0, 999)


def test_a_long_trial_keeps_few_losses_alive():
    tracemalloc.start()
    trial = run_trial(ask(lambda s: (1.0 / (1 + k) for k in range(s.total)), steps=20_000))
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert trial.steps == 20_000
    assert kept < 200_000


def test_every_update_is_watched(bowls):
    seen = []
    run_trial(ask(bowls.bowl, 0.1, 20), lambda step, loss, lr: seen.append((step, loss, lr)))
    assert [step for step, _, _ in seen] == list(range(20))
    assert seen[0][1:] == (2.0, 0.1)
