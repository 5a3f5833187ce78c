"""Small hand-made evidence, the same for every renderer."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from surefoot.curve import Curve, Peak
from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import hold, ramp
from surefoot.trial import Trial

SCHEDULE = Schedule(4e-3, (ramp(0, 1, 100), hold(700), ramp(1, 0.1, 200, "cosine")))


def trial(lr: float, loss: float, status: str = "done", stage: str = "probe", steps: int = 50) -> Trial:
    losses = tuple(2.3 - (2.3 - loss) * k / steps for k in range(steps)) if math.isfinite(loss) else (2.3, 9.0)
    points = tuple(range(len(losses)))
    return Trial(lr, 0, steps, steps, loss, status, True, stage, points, losses, 1.5)  # type: ignore[arg-type]  # a status in a variable


TRIALS = (
    trial(1e-3, 0.9),
    trial(3e-3, 0.6),
    trial(1e-2, 0.7),
    trial(0.1, math.nan, "diverged"),
    trial(4e-3, 0.5, stage="verify", steps=200),
)
RATES = tuple(1e-5 * 10 ** (4 * k / 50) for k in range(50))
CURVE = Curve(TRIALS, 2.3, RATES, tuple(2.3 - 20 * lr if lr < 0.06 else 50.0 for lr in RATES))
PEAK = Peak(4e-3, 2e-3, 7e-3, 0.1, "short runs", 0.8, 800, "Five short runs agree on 4e-3.", 1000, 12.5, CURVE)
NOTHING = Peak(None, None, None, None, "short runs", 0.0, 120, "Every rate diverged <at once>.", 1000, 1.0, Curve())


@pytest.fixture(scope="session")
def examples() -> SimpleNamespace:
    return SimpleNamespace(schedule=SCHEDULE, trials=TRIALS, curve=CURVE, peak=PEAK, nothing=NOTHING)
