import functools
import random
import sys
from contextlib import closing

import numpy as np
import pytest

from surefoot.errors import ArgumentError, TaskError
from surefoot.history.reading import Reading
from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import hold
from surefoot.task import (
    check_picklable,
    checked,
    driven,
    kept_generators,
    knob_names,
    name_of,
    source_digest,
)

TEN = Schedule(0.1, (hold(10),))


def plain(schedule):
    for step in range(schedule.total):
        yield 1.0 / (step + 1)


def run(task, **options):
    with closing(driven(task, TEN, **options)) as stream:
        return list(stream)


def test_yields_the_losses_of_the_task():
    assert run(plain) == [1.0 / (step + 1) for step in range(10)]


@pytest.mark.parametrize(
    "value",
    [2, np.float32(2.0), np.array(2.0), np.array([2.0]), True + 1],
    ids=["int", "float32", "0-d", "one element", "sum"],
)
def test_scalars_become_floats(value):
    [loss] = run(lambda _schedule: iter([value]))
    assert type(loss) is float
    assert loss == 2.0


def test_readings_pass_through():
    reading = Reading(0, 1.5, val_loss=2.5)
    assert run(lambda _schedule: iter([reading])) == [reading]


@pytest.mark.parametrize("value", ["2.0", None, (1.0, 2.0), np.zeros(3), {"loss": 1.0}])
def test_what_is_no_loss_is_named(value):
    with pytest.raises(TaskError, match="which is no loss: yield a number"):
        run(lambda _schedule: iter([value]))


def test_a_generator_instead_of_its_function():
    with pytest.raises(ArgumentError, match="runs only once: pass the function"):
        checked(plain(TEN))


@pytest.mark.parametrize("task", [None, 3, "task"])
def test_what_is_no_function(task):
    with pytest.raises(ArgumentError, match="must be a function of a schedule"):
        checked(task)


@pytest.mark.parametrize("returned", [None, 1.0, "losses"])
def test_a_task_that_returns_no_iterator(returned):
    with pytest.raises(TaskError, match="instead of an iterator of losses"):
        run(lambda _schedule: returned)


def test_a_list_of_losses_will_do():
    assert run(lambda _schedule: [3, 2, 1]) == [3.0, 2.0, 1.0]


def test_raising_is_chained_and_names_step_and_rate():
    def breaks(schedule):
        yield schedule(0)
        raise KeyError("weights")

    with pytest.raises(
        TaskError, match=r"breaks raised KeyError \('weights'\) at update 1 of a run with peak 0.1"
    ) as e:
        run(breaks)
    assert isinstance(e.value.__cause__, KeyError)


@pytest.mark.parametrize("updates", [0, 1])
def test_leaving_by_sys_exit_is_a_task_error_too(updates):
    def leaves(schedule):
        yield from [schedule(0)] * updates
        raise SystemExit(7)

    with pytest.raises(TaskError, match=rf"leaves raised SystemExit \(7\) at update {updates}"):
        run(leaves)


def test_raising_before_the_first_yield():
    def breaks(schedule, missing):
        yield schedule(missing)

    with pytest.raises(TaskError, match="missing 1 required positional argument"):
        run(breaks)


@pytest.mark.parametrize(
    "error",
    [
        OverflowError("math range error"),
        np.linalg.LinAlgError("Singular matrix"),
        ValueError("Input contains NaN."),
        RuntimeError("loss is inf at step 3"),
        FloatingPointError("overflow encountered"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_arithmetic_that_breaks_after_an_update_is_left_to_the_search(error):
    def breaks(schedule):
        yield schedule(0)
        raise error

    with pytest.raises(ArithmeticError):
        run(breaks)


def test_arithmetic_that_breaks_before_any_update_is_the_tasks_own_fault():
    def breaks(schedule):
        yield schedule.total / 0

    with pytest.raises(TaskError, match="ZeroDivisionError"):
        run(breaks)


def test_words_that_contain_nan_are_no_nan():
    def breaks(schedule):
        yield schedule(0)
        raise ValueError("finance information is missing")

    with pytest.raises(TaskError, match="finance"):
        run(breaks)


def test_the_generator_is_closed_when_it_is_left_early():
    closed = []

    def task(schedule):
        try:
            while True:
                yield schedule(0)
        finally:
            closed.append(True)

    with closing(driven(task, TEN)) as stream:
        next(stream)
        assert not closed
    assert closed


def seeded(schedule, seed=0, *, width=8):
    yield schedule.total + width + seed


def anything(schedule, **knobs):
    yield schedule.total + len(knobs)


@pytest.mark.parametrize(
    ("task", "names"),
    [
        (plain, frozenset()),
        (seeded, frozenset({"seed", "width"})),
        (anything, None),
        (functools.partial(seeded, width=3), frozenset({"width", "seed"})),
    ],
)
def test_knobs_are_those_the_signature_names(task, names):
    assert knob_names(task) == names


def test_a_knob_the_task_does_not_have_is_refused():
    with pytest.raises(ArgumentError, match="names 'width', which plain does not take: its knobs are none"):
        checked(plain, {"width": 3})


def test_knobs_and_seed_are_passed():
    assert run(seeded, seed=5, knobs={"width": 100}) == [115.0]


def noisy(schedule):
    for _ in range(schedule.total):
        yield random.random() + np.random.rand()  # noqa: NPY002  the global generator is the subject


def test_the_global_generators_are_seeded_and_given_back():
    random.seed(7)
    np.random.seed(7)  # noqa: NPY002  same
    expected = random.Random(7).random(), np.random.RandomState(7).rand()
    first, again, other = run(noisy, seed=1), run(noisy, seed=1), run(noisy, seed=2)
    assert first == again != other
    assert (random.random(), np.random.rand()) == expected  # noqa: NPY002  same


def test_the_generators_are_given_back_after_an_error():
    def breaks(schedule):
        random.random()
        yield schedule(0)
        raise KeyError

    before = random.getstate()
    with pytest.raises(TaskError):
        run(breaks)
    assert random.getstate() == before


def test_torch_is_never_imported():
    loaded = "torch" in sys.modules
    with kept_generators(0):
        pass
    assert ("torch" in sys.modules) is loaded


def test_names():
    class Callable:
        def __call__(self, schedule):
            return iter([schedule(0)])

    assert name_of(plain) == "plain"
    assert name_of(functools.partial(plain)) == "plain"
    assert name_of(Callable()).endswith("Callable")


def test_the_digest_tells_sources_apart():
    assert source_digest(plain) == source_digest(functools.partial(plain)) != source_digest(noisy)
    assert not source_digest(len)


def test_what_can_not_be_sent_to_a_process_is_told_how_to_be():
    with pytest.raises(TaskError, match=r"can't be sent to another process .* top level of a module"):
        check_picklable(lambda _schedule: iter([]))


def test_a_generator_that_was_started_before_is_refused():
    shared = plain(TEN)
    run(lambda _schedule: shared)
    with pytest.raises(TaskError, match="make a fresh run on every call"):
        run(lambda _schedule: shared)


def test_an_iterator_that_a_run_before_used_is_refused_where_it_was_kept():
    shared, kept = iter([3.0, 2.0, 1.0]), []
    run(lambda _schedule: shared, before=kept)
    with pytest.raises(TaskError, match="make a fresh run on every call"):
        run(lambda _schedule: shared, before=kept)
    run(lambda _schedule: iter([1.0]), before=kept)
    assert run(lambda _schedule: [2.0], before=kept) == [2.0]


def test_a_run_that_goes_on_breaks_as_a_run_does_after_its_first_update():
    def again(schedule):
        yield schedule.total / 0

    def fresh(schedule):
        raise AssertionError(schedule)

    for done, error in ((4, ArithmeticError), (0, TaskError)):
        with closing(driven(fresh, TEN, again=again, done=done)) as stream, pytest.raises(error):
            next(stream)
