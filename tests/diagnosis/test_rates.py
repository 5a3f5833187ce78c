import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import surefoot as sf
from surefoot.diagnosis.rates import rate_phases
from surefoot.diagnosis.trace import Trace, updated


def phases(rates, steps=None, name="lr"):
    rates = np.asarray(rates, dtype=float)
    steps = np.arange(len(rates)) if steps is None else steps
    columns = {"step": steps, "loss": np.ones(len(rates)), name: rates}
    return rate_phases(updated(Trace(), sf.History(columns)))


def of(plan, every=1):
    steps = np.arange(0, plan.total, every)
    return phases(plan.array()[::every], steps)


@pytest.mark.parametrize("every", [1, 10])
def test_a_cosine_after_a_warmup_is_read_off_its_rates(every):
    found = of(sf.cosine(3e-4, total=5000, warmup=500), every)
    assert found.known
    assert found.peak == pytest.approx(3e-4)
    assert found.warmup_end == pytest.approx(500, abs=20)
    assert found.decay_start == pytest.approx(500, abs=150)
    assert found.rises == ()
    assert found.end_factor < 1e-4


def test_the_decay_of_a_wsd_begins_where_its_hold_ends():
    found = of(sf.wsd(1e-3, total=1000, warmup=100, decay=0.2))
    assert found.decay_start == pytest.approx(800, abs=2)
    assert found.floor_start is None


def test_every_restart_is_a_rise_at_its_own_step():
    found = of(sf.restarts(1e-2, total=400, period=100, growth=1.0))
    assert found.rises == (100.0, 200.0, 300.0)
    assert found.decay_start == pytest.approx(300, abs=5)


def test_a_cycle_rises_where_it_leaves_its_base():
    found = of(sf.cyclic(1e-2, total=400, rise=50, floor=0.1))
    assert [round(step) for step in found.rises] == [101, 201, 301]
    assert found.warmup_end == pytest.approx(50, abs=2)


def test_a_constant_rate_has_no_phase():
    found = phases(np.full(100, 1e-3))
    assert (found.warmup_end, found.rises, found.decay_start, found.floor_start) == (None, (), None, None)
    assert found.end_factor == 1.0


def test_a_run_that_still_warms_up_has_no_end_of_it():
    assert phases(np.linspace(0, 1, 50)).warmup_end is None


def test_a_floor_is_seen_where_the_rate_stops_to_change():
    rates = np.concatenate([np.linspace(1, 0.1, 100), np.full(100, 0.1)])
    assert phases(rates).floor_start == pytest.approx(99, abs=1)


def test_a_long_log_keeps_its_beginning_and_its_end_exact():
    plan = sf.wsd(1e-3, total=200_000, warmup=2000, decay=0.1)
    found = of(plan)
    assert found.warmup_end == pytest.approx(2000, abs=150)
    assert found.decay_start == pytest.approx(180_000, abs=150)
    assert found.end_factor == plan(199_999) / 1e-3


def test_rounded_and_repeated_rates_are_no_rises():
    rates = np.round(np.repeat(sf.cosine(1.0, total=60, warmup=5).array(), 7), 3)
    assert phases(rates).rises == ()


def test_applied_rates_go_before_logged_ones():
    columns = {"step": np.arange(9), "loss": np.ones(9), "lr": np.ones(9), "applied_lr": np.full(9, 0.5)}
    assert rate_phases(updated(Trace(), sf.History(columns))).peak == 0.5


@pytest.mark.parametrize("rates", [[], [0.1], [0.0, 0.0, 0.0], [np.nan] * 5, [-1.0, -2.0]])
def test_what_holds_no_schedule_is_not_known(rates):
    assert not phases(rates).known


@given(st.lists(st.floats(0, 1e6) | st.just(float("nan")), max_size=60))
def test_any_column_of_rates_is_read_without_an_error(rates):
    found = phases(rates)
    if found.known:
        assert 0 <= found.end_factor <= 1
        assert list(found.rises) == sorted(found.rises)
