import numpy as np
import pytest

import surefoot as sf
from surefoot.diagnosis.ending import finished, resumes, spacing
from surefoot.diagnosis.trace import Trace, updated


def trace(steps, **facts):
    columns = {"step": np.asarray(steps, dtype=float), "loss": np.ones(len(steps))}
    return updated(Trace(), sf.History(columns, origin=sf.Origin("", facts=facts)))


@pytest.mark.parametrize(
    ("steps", "facts", "over"),
    [
        (range(1000), {"total": 1000.0}, True),
        (range(0, 1000, 100), {"total": 1000.0}, True),
        (range(600), {"total": 1000.0}, False),
        (range(1000), {}, False),
        (range(1000), {"total": 1000.0, "unit": "row"}, False),
        (range(1, 11), {"total": 10.0, "unit": "epoch"}, True),
        ([], {"total": 10.0}, False),
        (range(10), {"total": 0.0}, False),
    ],
)
def test_a_run_is_over_when_its_rows_reach_the_total(steps, facts, over):
    assert finished(trace(steps, **facts)) == over


def test_the_spacing_is_that_of_the_last_rows():
    assert spacing(trace([*range(100), *range(100, 100_000, 500)])) == 500
    assert spacing(trace([5])) == 1.0


def test_resumes_are_numbers_or_none():
    assert resumes(trace([1], resumes=(10.0, float("nan")))) == (10.0,)
    assert resumes(trace([1], resumes=3.0)) == ()
    assert resumes(trace([1])) == ()
