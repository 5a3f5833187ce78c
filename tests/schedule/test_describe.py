"""describe: one line that a person can check against what was meant."""

import pytest

from surefoot.schedule.core import Schedule
from surefoot.schedule.describe import text
from surefoot.schedule.phase import hold, ramp


@pytest.mark.parametrize(
    ("schedule", "line"),
    [
        (
            Schedule(3e-4, (ramp(0, 1, 500), hold(7_500), ramp(1, 0, 2_000, "1-sqrt"))),
            "warmup 500 steps to 3e-4, hold 7500, 1-sqrt decay over 2000 to 0; 10000 updates, the last at 7.5e-8",
        ),
        (
            Schedule(0.1, (ramp(0.1, 1, 5, "cosine"), ramp(1, 0.1, 95, "cosine"))),
            "cosine warmup 5 steps from 0.01 to 0.1, cosine decay over 95 to 0.01; 100 updates, the last at 0.01",
        ),
        (Schedule(0.1, (hold(1),)), "hold 1 at 0.1; 1 update, the last at 0.1"),
        (Schedule(0.1, (hold(None),)), "hold for ever at 0.1; open, no last update"),
        (
            Schedule(1.0, (hold(30), hold(30, 0.1))),
            "hold 30 at 1, hold 30 at 0.1; 60 updates, the last at 0.1",
        ),
        (
            Schedule(1.0, (ramp(0, 1, 10), ramp(1, 0, None, "inverse-sqrt", timescale=10))),
            "warmup 10 steps to 1, inverse-sqrt for ever; open, no last update",
        ),
        (
            Schedule(1.0, (ramp(1, 0, 100).part(20, 60),)),
            "linear decay from 0.8 over 40 to 0.4, part of 100; 40 updates, the last at 0.41",
        ),
    ],
)
def test_a_schedule_in_one_line(schedule, line):
    assert schedule.describe() == line


def test_many_phases_are_counted():
    line = Schedule(1.0, (ramp(1, 0, 10, "cosine"),)).repeat(20).describe()
    assert "15 more phases" in line
    assert len(line) < 250


@pytest.mark.parametrize(
    ("rate", "written"), [(3e-4, "3e-4"), (0.02, "0.02"), (0.0, "0"), (1.234e-7, "1.23e-7"), (6e4, "6e4"), (1.0, "1")]
)
def test_rates_are_written_as_people_write_them(rate, written):
    assert text(rate) == written
