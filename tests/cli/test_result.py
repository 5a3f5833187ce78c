from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import surefoot.cli.result as made
from surefoot.curve import Curve, Peak
from surefoot.search.planning import choose
from surefoot.trial import Trial

TRIALS = (Trial(1e-3, 0, 9, 9, 0.5, losses=(1.0, 0.5), points=(0, 8)), Trial(1.0, 0, 2, 9, math.inf, "diverged"))
CURVE = Curve(TRIALS, math.nan, (1e-6, 1.0), (2.0, math.nan))
PEAK = Peak(1e-3, 5e-4, 2e-3, 1.0, "tune", 0.7, 40, "Because.", 100, 60.0, CURVE)


def documented():
    rows = [line for line in made.__doc__.splitlines() if line.startswith("``")]
    names = {name for row in rows for name in re.findall(r"``(\w+)``", row[:22])}
    return names | {"python", "cost_steps"}


def test_every_field_is_documented_and_every_documented_field_is_there():
    assert set(made.peak_result("tune", "digits", PEAK, choose(PEAK, total=100))) == documented() - {"sensitivity"}


def test_a_sweep_has_the_same_fields_but_for_what_it_does_not_know():
    lacks = {"knobs", "evidence", "race", "confidence", "why", "method", "schedule", "python", "advice"}
    assert set(made.sweep_result("digits", CURVE, 9, 1.0)) == documented() - lacks


def test_the_text_is_strict_json_without_nan():
    for result in (made.peak_result("find", "t", PEAK, None), made.sweep_result("t", CURVE, 9, 1.0)):
        read = json.loads(made.text(result), parse_constant=lambda name: [name])
        assert read["start_loss"] is None
        assert read["range_test"] == {"lrs": [1e-6, 1.0], "losses": [2.0, None]}
        assert [trial["loss"] for trial in read["trials"]] == [0.5, "inf"]
        assert "losses" not in read["trials"][0]


def test_what_was_measured_beside_the_runs_is_in_it():
    peak = replace(PEAK, evidence={"curvature_edge": 0.01})
    assert made.peak_result("find", "t", peak, None)["evidence"] == {"curvature_edge": 0.01}


def test_the_cost_is_said_in_every_unit():
    cost = made.peak_result("tune", "t", PEAK, None)["cost"]
    assert cost == {"updates": 40, "runs": 0.4, "trials": 2, "seconds": 60.0, "minutes": 1.0}
