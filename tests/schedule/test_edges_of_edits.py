"""Edits at places where a plain reading of them would ruin a run."""

from __future__ import annotations

import numpy as np
import pytest

import surefoot as sf


@pytest.mark.parametrize("at", [0, 1, 50, 99])
def test_continuing_within_the_warmup_finishes_the_warmup(at):
    schedule = sf.linear(1e-3, total=1000, warmup=100)
    longer = schedule.extend(500, at=at, policy="continue")
    assert longer == sf.linear(1e-3, total=1500, warmup=100)
    assert np.array_equal(longer.array(0, 101), schedule.array(0, 101))


def test_a_floor_is_kept_by_cycles_that_begin_after_a_warmup():
    cycles = sf.cyclic(0.1, total=50, rise=4, fall=6, floor=0.1, warmup=3)
    raised = cycles.with_floor(0.5)
    assert raised.array(3, 50).min() == pytest.approx(0.05)
    assert raised.array(3, 50).max() == pytest.approx(0.1)


def test_holding_the_nothing_that_a_warmup_begins_with_is_refused():
    schedule = sf.cosine(1e-3, total=1000, warmup=100)
    with pytest.raises(sf.ArgumentError, match=r"policy='hold' at=0 would hold the rate 0, .* use 'continue'"):
        schedule.extend(500, at=0, policy="hold")
    assert schedule.extend(500, at=1, policy="hold")(1400) == schedule(1)
    with pytest.raises(sf.ArgumentError, match="continue") as refusal:
        schedule.extend(500, at=0)
    assert "'hold'" not in str(refusal.value)
