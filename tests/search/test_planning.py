import numpy as np
import pytest

from surefoot.curve import Peak
from surefoot.errors import ArgumentError
from surefoot.history.columns import History
from surefoot.schedule.recipes.decays import constant, linear
from surefoot.search.planning import choose, plan

PEAK = Peak(1e-3, 5e-4, 2e-3, 0.1, "tune", 0.8, 100, "because.", 1000)


def test_a_fixed_run_decays_to_zero():
    choice = choose(PEAK, total=1000)
    assert choice.schedule.peak == 1e-3
    assert choice.schedule.total == 1000
    assert choice.schedule(0) == 0.0
    assert choice.schedule(999) < 2e-6
    assert "linear to zero" in choice.reason


def test_a_run_that_may_be_extended_holds_and_can_be_lengthened():
    schedule = plan(PEAK, total=1000, extendable=True)
    assert schedule.total == 1000
    assert schedule.array(50, 800) == pytest.approx(np.full(750, 1e-3))
    assert "extended" in choose(PEAK, total=1000, extendable=True).reason


def test_a_run_of_unknown_length_is_open():
    choice = choose(PEAK, total=None)
    assert choice.schedule.total is None
    assert choice.schedule(10**9) == 1e-3
    assert "schedule-free" in choice.reason


def test_an_edge_close_to_the_peak_doubles_the_warmup():
    close = Peak(1e-3, 5e-4, 2e-3, 2e-3, "tune", 0.8, 100, "because.", 1000)
    assert choose(PEAK, total=1000).warmup == 50
    assert choose(close, total=1000).warmup == 100
    assert "only 2.0x the peak" in choose(close, total=1000).notes[0]


def test_folklore_is_called_so():
    assert all("folklore" in note for note in choose(1e-3, total=1000).notes)


@pytest.mark.parametrize("total", [1, 2, 3, 5, 20, 10_000])
@pytest.mark.parametrize("extendable", [True, False])
def test_any_total_is_met(total, extendable):
    assert plan(0.1, total=total, extendable=extendable).total == total


def test_a_history_gives_its_highest_rate_and_its_gradient_norms():
    columns = {"step": np.arange(40.0), "loss": np.ones(40), "lr": np.linspace(0, 0.02, 40)}
    choice = choose(History(columns | {"grad_norm": np.full(40, 10.0)}), total=100)
    assert choice.schedule.peak == 0.02
    assert choice.clip == 20.0
    assert choose(History(columns), total=100).clip == 1.0


def test_a_peak_that_served_another_shape_is_said_to_be_another_peak():
    steps = np.arange(1000.0)
    notes = {
        name: choose(History({"step": steps, "loss": np.ones(1000), "lr": ran.array()}), total=2000).notes
        for name, ran in (("hold", constant(0.1, total=1000, warmup=50)), ("linear", linear(0.1, total=1000)))
    }
    assert "wants 2.8 times that" in notes["hold"][-1]
    assert not any("times that" in note for note in notes["linear"])


def test_without_a_rate_the_plan_is_in_factors():
    choice = choose(total=100)
    assert choice.schedule.peak == 1.0
    assert "No rate is known" in choice.notes[-1]


@pytest.mark.parametrize(("total", "extendable"), [(1000, False), (1000, True), (None, False)])
def test_the_code_writes_the_schedule_again(total, extendable):
    import surefoot as sf  # noqa: PLC0415  the code is run as a user would run it

    choice = choose(PEAK, total=total, extendable=extendable)
    scope = {"sf": sf}
    exec(choice.code, scope)  # noqa: S102  running it is the test
    assert scope["schedule"] == choice.schedule
    assert str(choice).startswith(choice.code)


@pytest.mark.parametrize(
    ("source", "total", "sentence"),
    [
        (Peak(None, None, None, None, "tune", 0.0, 0, "the loss never fell."), 100, "has no answer"),
        (History({"step": [0.0], "loss": [1.0]}), 100, "holds no learning rate"),
        ("1e-3", 100, "holds no learning rate"),
        (0.0, 100, "peak=0.0 must be a finite rate > 0"),
        (0.1, 0, "total=0 must be an int >= 1"),
    ],
)
def test_bad_input(source, total, sentence):
    with pytest.raises(ArgumentError, match=sentence):
        plan(source, total=total)
