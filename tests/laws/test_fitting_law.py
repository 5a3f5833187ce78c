"""FittedLaw: what it predicts, how transfer uses it, how it is stored and drawn."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

import surefoot as sf
from surefoot.laws.fitting_line import fitted_line

S = sf.Scale


def sweep(best):
    trials = (sf.Trial(2.0**k, 0, 10, 10, 2 * math.exp(0.05 * math.log(2.0**k / best) ** 2)) for k in range(-16, 1))
    return sf.Curve(tuple(trials))


@pytest.fixture(scope="module")
def law():
    sizes = [(w, t) for w in (64, 128, 256) for t in (1e8, 4e8)]
    return sf.fit_law({S(width=w, tokens=t, optimizer="adamw"): sweep(6.4 / w * (t / 1e8) ** -0.25) for w, t in sizes})


def test_it_predicts_the_rate_with_an_interval(law):
    lr, low, high = law.predict(S(width=512, tokens=1.6e9))
    assert lr == pytest.approx(6.4 / 512 / 2, rel=1e-4)
    assert low < lr < high
    assert law.error == pytest.approx(1.0, abs=1e-5)
    with pytest.raises(sf.ArgumentError, match="tokens is missing in the scale"):
        law.predict(S(width=512))
    with pytest.raises(sf.ArgumentError, match="must be in tokens"):
        law.predict(S(width=512, samples=100))


def test_transfer_prefers_it_for_what_it_covers_and_leaves_the_rest_to_published_laws(law):
    factor = sf.transfer(
        S(width=64, tokens=1e8, batch=32, lr=0.08), S(width=128, tokens=4e8, batch=128), optimizer="adamw", law=law
    )
    own, batch = factor.parts
    assert (own.law, own.quantity, own.confidence) == ("own", "horizon + width", "fit")
    assert own.lr == pytest.approx(0.5 * 4**-0.25, rel=1e-4)
    assert own.low < own.lr < own.high
    assert own.optimum == pytest.approx(0.05 * 4**-0.25, rel=1e-4)
    assert "preferred to published laws" in own.why
    assert batch.law == "adam-sde"
    assert own.holds
    json.loads(factor.to_json())


def test_far_scales_are_said_to_be_outside_with_the_factor_and_the_bend(law):
    factor = law.factor(S(width=64), S(width=2560))
    assert "width=2560 is a factor 10 beyond the sweeps (64 to 256)" in factor.outside
    assert "2606.29158" in factor.outside
    assert factor.optimum is None
    near = law.factor(S(width=64), S(width=512)).outside
    assert "a factor 2 beyond" in near
    assert "2606.29158" not in near
    assert law.factor(S(width=64), S(width=256)).outside == ""


def test_what_it_was_not_fitted_for_is_refused(law):
    with pytest.raises(sf.ArgumentError, match="fitted with adamw, not with sgd"):
        law.factor(S(width=64, optimizer="sgd"), S(width=128, optimizer="sgd"))
    with pytest.raises(sf.ArgumentError, match="horizon must be given in both"):
        law.factor(S(width=64), S(width=128, tokens=1e8))
    with pytest.raises(sf.ArgumentError, match="of which nothing changes"):
        sf.transfer(S(batch=64), S(batch=128), optimizer="adamw", law=law)


def test_json_brings_back_an_equal_law(law):
    again = sf.FittedLaw.from_json(law.to_json())
    assert again == law
    assert again.predict(S(width=99, tokens=1e9)) == law.predict(S(width=99, tokens=1e9))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "surefoot fitted law 1"}', '{"format": "another"}'])
def test_other_text_is_no_law(text):
    with pytest.raises(sf.FormatError, match="no law that surefoot wrote"):
        sf.FittedLaw.from_json(text)


def test_the_chart_shows_each_optimum_on_the_line_of_its_quantity(law):
    chart = law.chart("width")
    points = next(one for one in chart.series if one.kind == "points")
    drawn = next(one for one in chart.series if one.label.startswith("law"))
    assert len(points.x) == 6
    for x, y in zip(points.x, points.y, strict=True):
        near = min(range(len(drawn.x)), key=lambda k: abs(math.log(drawn.x[k] / x)))
        assert y == pytest.approx(drawn.y[near] * drawn.x[near] / x, rel=1e-3)
    assert law._repr_html_().startswith("<svg")
    assert chart.x.low == 32
    with pytest.raises(sf.ArgumentError, match="must be one of the law"):
        law.chart("depth")


def test_text_holds_the_formula_the_exponents_and_the_rivals(law):
    text = str(law)
    assert text.startswith("lr = ")
    assert "tokens^-0.250 width^-1.000" in text
    assert "lr ~ width^-1.000 (90 %:" in text
    assert "own (left out): regret" in text


def test_scatter_between_scales_widens_the_line_and_leaving_out_is_refitting():
    import numpy as np  # noqa: PLC0415  only this test looks at the arithmetic

    rng = np.random.default_rng(0)
    x = np.log([1.0, 2.0, 4.0, 8.0, 16.0])[:, None]
    y = 0.5 * x[:, 0] + np.array([0.1, -0.1, 0.15, -0.12, 0.05])
    tight = y + 1e-3 * rng.standard_normal((400, 5))
    fit = fitted_line(("width",), x, y, tight, np.zeros(400), rng=np.random.default_rng(1))
    line = fitted_line(("width",), x, 0.5 * x[:, 0], tight - y + 0.5 * x[:, 0], np.zeros(400), rng=rng)
    low, high = fit.line.interval("width")
    assert low < 0.5 < high
    assert high - low > 20 * (line.line.interval("width")[1] - line.line.interval("width")[0])
    for k in range(5):
        rest = [j for j in range(5) if j != k]
        slope, start = np.polyfit(x[rest, 0], y[rest], 1)
        assert fit.left_out[k] == pytest.approx(y[k] - start - slope * x[k, 0], rel=2e-3)


def test_the_block_of_the_documentation_runs_and_says_what_its_comments_say():
    text = (Path(__file__).parents[2] / "docs" / "transfer.md").read_text()
    block = text.partition("## Your own law")[2].partition("```python")[2].partition("```")[0]
    names = {"sf": sf}
    exec(block, names)  # noqa: S102  the documentation's own block
    (one,) = names["law"].exponents
    assert (one.of, one.quantity, round(one.value, 1)) == ("lr", "width", -1.0)
    assert names["law"].beyond(S(width=2048))[0] == "width=2048 is a factor 4 beyond the sweeps (64 to 512)"
