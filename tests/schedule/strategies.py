"""Schedules of all kinds for property tests: phases of every shape, cut, sped up and scaled."""

from hypothesis import strategies as st

from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import Phase, hold, ramp
from surefoot.schedule.shapes import SHAPES

PARAMETERS = {
    "polynomial": st.fixed_dictionaries({"power": st.floats(0.25, 4)}),
    "1-power": st.fixed_dictionaries({"power": st.floats(0.25, 4)}),
    "exponential": st.fixed_dictionaries({"base": st.floats(0.01, 0.9)}),
    "step": st.fixed_dictionaries({"every": st.integers(1, 20), "factor": st.floats(0.1, 1)}),
    "geometric": st.fixed_dictionaries({"every": st.integers(1, 20), "factor": st.floats(0.1, 1)}),
    "inverse-sqrt": st.fixed_dictionaries({"timescale": st.integers(1, 50)}),
    "inverse-time": st.fixed_dictionaries({"timescale": st.integers(1, 50)}),
    "power-law": st.fixed_dictionaries({"knee": st.integers(1, 50), "exponent": st.floats(-2, -0.1)}),
    "cyclic": st.fixed_dictionaries(
        {
            "rise": st.integers(1, 9),
            "fall": st.integers(1, 9),
            "mode": st.sampled_from(["triangular", "triangular2", "exp_range"]),
            "gamma": st.floats(0.5, 1),
        }
    ),
    "points": st.sampled_from(["linear", "cosine", "step"]).map(
        lambda way: {"at": (0, 3, 5, 40), "factors": (0.0, 1.0, 0.25, 0.5), "interpolation": way}
    ),
    "untuned-linear": st.fixed_dictionaries({"beta2": st.floats(0.7, 0.999)}),
    "untuned-exponential": st.fixed_dictionaries({"beta2": st.floats(0.7, 0.999)}),
    "radam": st.fixed_dictionaries({"beta2": st.floats(0.7, 0.999)}),
}
NAMES = sorted(set(SHAPES) - {"call"})
factors = st.floats(0, 1, allow_subnormal=False) | st.sampled_from([0.0, 0.1, 1.0])
peaks = st.floats(1e-8, 10) | st.just(3e-4)


@st.composite
def phases(draw, max_length=60):
    name = draw(st.sampled_from(NAMES))
    length = draw(st.integers(1, max_length))
    a, b = draw(factors), draw(factors)
    if name in {"cyclic", "untuned-linear", "untuned-exponential", "radam"}:
        a, b = min(a, b), max(a, b)
    if name in {"step", "geometric", "inverse-sqrt", "inverse-time", "power-law"}:
        a, b = max(a, b), min(a, b)
    phase = (
        hold(length, a) if name == "constant" else ramp(a, b, length, name, **draw(PARAMETERS.get(name, st.just({}))))
    )
    return draw(changed(phase))


@st.composite
def changed(draw, phase: Phase):
    for change in draw(st.lists(st.sampled_from(["part", "sped", "times"]), max_size=3)):
        n = phase.steps
        if change == "part":
            first = draw(st.integers(0, n - 1))
            phase = phase.part(first, draw(st.integers(first + 1, n)))
        elif change == "sped":
            phase = phase.sped(draw(st.integers(1, 80)))
        else:
            phase = phase.times(draw(factors))
    return phase


@st.composite
def schedules(draw, max_phases=5):
    plan = draw(st.lists(phases(), min_size=1, max_size=max_phases))
    return Schedule(draw(peaks), tuple(plan))
