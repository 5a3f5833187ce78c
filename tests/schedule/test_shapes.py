"""Every shape against its formula, and the laws that all shapes obey."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest

from surefoot.errors import ArgumentError
from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import Phase, ramp
from surefoot.schedule.shapes import SHAPES

# Shapes of i/n: f at u = 0.25, 0.5, 0.75, 0.9 to four digits, computed by hand from the formula.
FALLS = {
    "linear": (0.75, 0.5, 0.25, 0.1),
    "cosine": (0.8536, 0.5, 0.1464, 0.0245),
    "polynomial": (0.5625, 0.25, 0.0625, 0.01),
    "root": (0.8660, 0.7071, 0.5, 0.3162),
    "1-sqrt": (0.5, 0.2929, 0.1340, 0.0513),
    "1-square": (0.9375, 0.75, 0.4375, 0.19),
    "1-power": (0.75, 0.5, 0.25, 0.1),
    "mirror-cosine": (0.6464, 0.5, 0.3536, 0.1755),
    "rex": (0.8571, 0.6667, 0.4, 0.1818),
    "half-life": (0.6818, 0.4142, 0.1892, 0.0718),
    "exponential": (0.5137, 0.2403, 0.0865, 0.0288),
}
COUNTED = {
    "constant": {},
    "step": {"every": 7, "factor": 0.3},
    "geometric": {"every": 7, "factor": 0.3},
    "inverse-sqrt": {"timescale": 13.0},
    "inverse-time": {"timescale": 2.5},
    "power-law": {"knee": 5.5, "exponent": -0.51, "origin": 3.0},
    "points": {"at": (0.0, 3.5, 99.0), "factors": (1.0, 0.3, 0.5), "interpolation": "cosine"},
    "call": {"function": "math:exp2"},
}
RISING = {
    "cyclic": {"rise": 7, "fall": 5, "mode": "exp_range", "gamma": 0.99},
    "untuned-linear": {"beta2": 0.95},
    "untuned-exponential": {"beta2": 0.95},
    "radam": {"beta2": 0.95},
}
PURE = [name for name in SHAPES if name != "call"]
LENGTHS = (1, 2, 3, 7, 10, 97, 1000, 4999, 5000)
ENDS = ((1.0, 0.0), (1.0, 0.1), (0.7, 0.3), (1.0, 0.9999999), (0.0, 1.0), (0.04, 1.0), (0.3, 0.7))


def phases(name):
    """Every phase of the shape that is tried: each length with each pair of ends that the shape takes."""
    own = COUNTED.get(name, RISING.get(name, {}))
    for start, stop in ENDS:
        if (start < stop) == (name in RISING) or name in FALLS:
            yield from (ramp(start, stop, n, name, **own) for n in LENGTHS)


def test_the_tables_here_name_every_shape():
    assert {*FALLS, *COUNTED, *RISING} == set(SHAPES)


@pytest.mark.parametrize("name", FALLS)
def test_a_fall_has_the_values_of_its_formula(name):
    phase = ramp(1.0, 0.0, 100, name)
    assert [round(float(phase.at(i)), 4) for i in (25.0, 50.0, 75.0, 90.0)] == list(FALLS[name])
    assert (phase.at(0.0), phase.at(100.0)) == (1.0, 0.0)


@pytest.mark.parametrize("name", sorted(set(FALLS) - {"exponential"}))
def test_a_fall_to_a_floor_and_a_rise_are_affine_in_the_fall(name):
    f = ramp(1.0, 0.0, 37, name).at(np.arange(38.0))
    np.testing.assert_allclose(ramp(1.0, 0.1, 37, name).at(np.arange(38.0)), 0.1 + 0.9 * f, rtol=0, atol=1e-15)
    np.testing.assert_allclose(ramp(0.2, 0.9, 37, name).at(np.arange(38.0)), 0.2 + 0.7 * (1 - f), rtol=0, atol=1e-15)


def test_exponential_is_geometric_between_positive_ends_and_the_same_backwards():
    u = np.arange(5.0) / 4
    np.testing.assert_allclose(ramp(1, 0.1, 4, "exponential").at(4 * u), 0.1**u, rtol=1e-15)
    np.testing.assert_allclose(ramp(0.1, 1, 4, "exponential").at(4 * u), 0.1 ** (1 - u), rtol=1e-15)
    up, down = ramp(0, 1, 8, "exponential"), ramp(1, 0, 8, "exponential")
    np.testing.assert_allclose(up.at(np.arange(9.0)), down.at(np.arange(8.0, -1.0, -1.0)), rtol=1e-15)


@pytest.mark.parametrize("name", PURE)
def test_an_array_equals_the_loop_bit_for_bit(name):
    for phase in phases(name):
        schedule = Schedule(3e-4, (phase,))
        assert schedule.array().tolist() == [schedule(t) for t in range(phase.steps)], phase


@pytest.mark.parametrize("name", PURE)
def test_no_rounding_leaves_the_range_of_the_phase(name):
    for phase in phases(name):
        values = phase.at(np.arange(phase.steps + 1, dtype=np.float64))
        low = min(phase.start, phase.stop) if name != "points" else 0.0
        high = max(phase.start, phase.stop) if name != "points" else 1.0
        assert low <= values.min(), phase
        assert values.max() <= high, phase


@pytest.mark.parametrize("name", FALLS)
def test_both_ends_are_exact_and_the_way_is_monotone(name):
    for phase in phases(name):
        values = phase.at(np.arange(phase.steps + 1, dtype=np.float64))
        assert (values[0], values[-1]) == (phase.start, phase.stop), phase
        assert (np.diff(values) * (phase.stop - phase.start) >= 0).all(), phase


@pytest.mark.parametrize(
    ("phase", "values"),
    [
        (ramp(1, 0, 5, "step", every=2, factor=0.1), (1, 1, 0.1, 0.1, 0.01)),
        (ramp(1, 0.05, 5, "step", every=2, factor=0.1), (1, 1, 0.1, 0.1, 0.05)),
        (ramp(1, 0, 3, "geometric", every=1, factor=0.9), (1, 0.9, 0.81)),
        (ramp(1, 0, 3, "inverse-time", timescale=1.0), (1, 0.5, 1 / 3)),
        (ramp(1, 0, 4, "inverse-sqrt", timescale=4.0), (1, 0.8**0.5, (4 / 6) ** 0.5, (4 / 7) ** 0.5)),
        (ramp(1, 0, 4, "power-law", knee=2.0, exponent=-0.5), (1, 1, 1, 1.5**-0.5)),
        (ramp(0.1, 1, 7, "cyclic", rise=2, fall=2), (0.1, 0.55, 1, 0.55, 0.1, 0.55, 1)),
        (ramp(0, 1, 4, "points", at=(0, 4), factors=(0, 1), interpolation="linear"), (0, 0.25, 0.5, 0.75)),
        (ramp(1, 0.01, 4, "points", at=(0, 4), factors=(1, 0.01), interpolation="log"), (1, 10**-0.5, 0.1, 10**-1.5)),
        (ramp(1, 0, 4, "points", at=(0, 1, 3), factors=(1, 0.5, 0), interpolation="step"), (1, 0.5, 0.5, 0)),
        (ramp(1, 0, 4, "points", at=(0,), factors=(0.5,)), (0.5, 0.5, 0.5, 0.5)),
    ],
    ids=str,
)
def test_a_shape_that_counts_updates_has_the_values_of_its_formula(phase, values):
    np.testing.assert_allclose(phase.at(np.arange(float(phase.steps))), values, rtol=1e-15)


@pytest.mark.parametrize(
    ("beta2", "n", "factor"),
    [(0.9, 5, 0.1561), (0.95, 5, 0.1181), (0.99, 5, 0.0545), (0.999, 5, 0.0173), (0.999, 6, 0.0258),
     (0.999, 7, 0.0327), (0.999, 100, 0.2153), (0.999, 1000, 0.6453), (0.999, 5000, 0.9829), (0.999, 4, 0.0)],
)  # fmt: skip
def test_radam_counts_from_one(beta2, n, factor):
    assert round(float(ramp(0, 1, 9999, "radam", beta2=beta2).at(n - 1.0)), 4) == factor


@pytest.mark.parametrize(
    ("name", "n", "factor"),
    [("untuned-linear", 1, 0.0005), ("untuned-exponential", 1, 0.0010), ("untuned-linear", 2000, 1.0),
     ("untuned-exponential", 1000, 0.6321), ("untuned-exponential", 2000, 0.8647)],
)  # fmt: skip
def test_untuned_warmups_count_from_one(name, n, factor):
    assert round(float(ramp(0, 1, 9999, name).at(n - 1.0)), 4) == factor


@pytest.mark.parametrize(
    ("shape", "parameters", "sentence"),
    [
        ("sqrt", {}, 'write "1-sqrt" or "root"'),
        ("cosin", {}, "is unknown"),
        ("cosine", {"power": 2}, "not \\['power'\\]"),
        ("step", {"every": 3}, "needs the parameters \\['factor'\\]"),
        ("step", {"every": 0, "factor": 0.1}, "every=0 must be a finite number > 0"),
        ("step", {"every": 3, "factor": -1}, "factor=-1 must be a factor in \\(0, 1\\]"),
        ("step", {"every": 3, "factor": math.nan}, "factor=nan must be"),
        ("geometric", {"every": 1, "factor": 1.1}, "factor=1.1 must be"),
        ("inverse-sqrt", {"timescale": 0}, "timescale=0 must be"),
        ("polynomial", {"power": -1}, "power=-1 must be"),
        ("polynomial", {"power": "two"}, "power='two' must be"),
        ("exponential", {"base": 1.0}, "1 - base=0.0 must be"),
        ("power-law", {"knee": 1.0, "exponent": 0.5}, "-exponent=-0.5 must be"),
        ("power-law", {"knee": 1.0, "exponent": -0.5, "origin": -1}, "origin=-1 must be"),
        ("cyclic", {"rise": 2, "fall": 2}, "is above its top"),
        ("radam", {"beta2": 0.5}, "beta2=0.5 must lie in \\(0.6, 1\\)"),
        ("untuned-linear", {"beta2": 0.9}, "a warmup rises"),
        ("points", {"at": (0, 2, 1), "factors": (1, 1, 1)}, "must rise from 0"),
        ("points", {"at": (1, 2), "factors": (1, 1)}, "must rise from 0"),
        ("points", {"at": (0, 1), "factors": (1,)}, "2 steps but 1 values"),
        ("points", {"at": (0, 1), "factors": (1, 2)}, "must lie in \\[0, 1\\]"),
        ("points", {"at": (0, 1), "factors": (1, 0), "interpolation": "log"}, "needs values > 0"),
        ("points", {"at": (0, 1), "factors": (1, 0), "interpolation": "spline"}, "interpolation='spline' is unknown"),
        ("call", {"function": "math.cos"}, "module:function"),
    ],
)
def test_a_bad_parameter_is_refused_when_the_phase_is_made(shape, parameters, sentence):
    with pytest.raises(ArgumentError, match=sentence):
        Phase(10, 1.0, 0.0, shape, tuple(parameters.items()))


def test_a_floor_above_the_start_is_refused():
    with pytest.raises(ArgumentError, match=r"stop=0.5 is a floor and lies above start=0.1"):
        ramp(0.1, 0.5, 10, "step", every=2, factor=0.5)


def test_a_bad_mode_of_a_cycle_is_refused():
    with pytest.raises(ArgumentError, match="mode='square' is unknown"):
        ramp(0, 1, 10, "cyclic", rise=2, fall=2, mode="square")


def test_a_shape_without_an_end_of_its_own_may_be_open_and_the_others_not():
    opened = {name for name, shape in SHAPES.items() if shape.open}
    assert opened == {
        "constant", "step", "geometric", "inverse-sqrt", "inverse-time", "power-law", "cyclic", "call",
    }  # fmt: skip
    with pytest.raises(ArgumentError, match="needs a length"):
        ramp(1, 0, None, "cosine")


def test_a_schedule_that_names_a_function_imports_it_only_to_evaluate():
    code = (
        "import sys, json; from surefoot.schedule.phase import ramp\n"
        "phase = ramp(1, 0, 3, 'call', function='colorsys:nothing'); before = 'colorsys' in sys.modules\n"
        "try: phase.at(0.0)\n"
        "except ValueError as error: print(json.dumps([before, 'colorsys' in sys.modules, str(error)]))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    before, after, sentence = json.loads(out)
    assert (before, after) == (False, True)
    assert "cannot be imported" in sentence
