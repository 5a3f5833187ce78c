"""Phases made from NumPy's numbers are the phases made from Python's."""

from __future__ import annotations

import json

import numpy as np
import pytest

import surefoot as sf

SAME = {
    "polynomial": (lambda kind: sf.polynomial(1.0, total=10, power=kind(2.0)), np.float32),
    "step": (lambda kind: sf.step_decay(1.0, total=10, every=kind(2), factor=0.5), np.int64),
    "geometric": (lambda kind: sf.exponential(1.0, total=10, factor=kind(0.5)), np.float64),
    "cyclic": (lambda kind: sf.cyclic(1.0, rise=2, mode="exp_range", gamma=kind(0.5)), np.float32),
    "inverse time": (lambda kind: sf.inverse_time(1.0, c=kind(0.5)), np.float32),
    "power": (lambda kind: sf.power(0.02, b=kind(-0.5)), np.float64),
    "untuned warmup": (lambda kind: sf.cosine(1.0, total=99, warmup=sf.untuned_warmup(kind(0.75))), np.float32),
    "restarts": (lambda kind: sf.restarts(1.0, total=10, cycles=kind(2)), np.int64),
    "part": (lambda kind: sf.Schedule(1.0, (sf.ramp(1, 0, 8).part(kind(2), kind(6)),)), np.int64),
    "extend": (lambda kind: sf.linear(1.0, total=10).extend(kind(5), at=kind(3), policy="stretch"), np.int64),
    "rewarm": (lambda kind: sf.linear(1.0, total=10).rewarm(kind(5), kind(2)), np.int32),
}


@pytest.mark.parametrize(("make", "kind"), SAME.values(), ids=SAME)
def test_numpy_numbers_make_the_same_schedule_and_the_same_text(make, kind):
    plain, found = make(lambda x: x), make(kind)
    assert found == plain
    assert repr(found) == repr(plain)
    assert sf.Schedule.from_json(found.to_json()) == plain
    assert json.loads(found.to_json()) == json.loads(plain.to_json())


def test_a_table_may_be_numpy_columns():
    table = sf.ramp(1.0, 0.5, 4, "points", at=np.arange(2.0) * 4, factors=np.array([1.0, 0.5]))
    assert table == sf.ramp(1.0, 0.5, 4, "points", at=(0.0, 4.0), factors=(1.0, 0.5))
