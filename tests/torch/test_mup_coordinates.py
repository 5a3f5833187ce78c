"""The coordinate check: the standard parametrisation fails it, muP passes, whatever the optimizer."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

import surefoot.torch as st
from surefoot.errors import ArgumentError, TaskError
from surefoot.svg import svg
from surefoot.tasks.charlm import Transformer
from surefoot.torch.groups import mup, mup_init_

WIDTHS = (32, 128, 512)
BASE = 32
SGD, ADAM = torch.optim.SGD, torch.optim.AdamW


def perceptron(width):
    return nn.Sequential(
        nn.Linear(8, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 3, bias=False)
    )


def points():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(32, 8, generator=generator), torch.randint(3, (32,), generator=generator)


def check(kind, optimizer, lr, **options):
    if kind == "standard":
        return st.coordinate_check(
            perceptron, WIDTHS, points(), cross_entropy, lambda m: optimizer(m.parameters(), lr), **options
        )
    with torch.random.fork_rng():
        torch.manual_seed(1)
        base = perceptron(BASE)
    name = optimizer.__name__
    return st.coordinate_check(
        lambda width: mup_init_(perceptron(width), base=base),
        WIDTHS,
        points(),
        cross_entropy,
        lambda m: optimizer(mup(m, lr, base=base, optimizer=name)),
        **options,
    )


@pytest.mark.parametrize(("optimizer", "lr"), [(ADAM, 3e-3), (SGD, 0.1)])
def test_the_standard_parametrisation_fails_and_mup_passes(optimizer, lr):
    standard, in_mup = check("standard", optimizer, lr), check("mup", optimizer, lr)
    assert not standard.flat
    assert "grows as width^" in standard.verdict
    assert in_mup.flat
    assert in_mup.verdict.startswith("Flat")
    assert max(abs(slope.change) for slope in in_mup.slopes) < 0.2
    assert max(slope.change for slope in standard.slopes) > 0.4


def test_logits_under_adam_grow_about_in_proportion_to_the_width():
    # Each of n inputs of the readout changes its logit by one rate, all in step: Tensor Programs V, section 5.
    logits = check("standard", ADAM, 1e-3).slopes[-1]
    assert 0.75 < logits.change < 1.2


def transformer(width, scale=None):
    return Transformer(11, context=8, width=width, depth=1, heads=2, scale=scale)


def test_the_built_in_transformer_in_mup_is_flat_and_without_it_is_not():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randint(11, (2, 8, 8), generator=generator)
    adam = lambda m: ADAM(m.parameters(), 3e-3)
    in_mup = lambda width: mup_init_(transformer(width, (16 * 2) ** 0.5 / width), base_width=16)
    widths = (16, 64, 256)
    flat = st.coordinate_check(
        in_mup, widths, (x, y), cross_entropy, lambda m: ADAM(mup(m, 3e-3, base_width=16)), seeds=2
    )
    assert flat.flat, flat.describe()
    assert not st.coordinate_check(transformer, widths, (x, y), cross_entropy, adam, seeds=2).flat


def test_rows_hold_every_layer_width_and_update_and_nothing_has_changed_before_the_first():
    found = check("mup", ADAM, 1e-3, steps=2, seeds=1)
    layers = [str(k) for k in range(5)]
    assert [(r.layer, r.width, r.step) for r in found.rows] == list(itertools.product(layers, WIDTHS, range(3)))
    assert all((row.change == 0.0) == (row.step == 0) for row in found.rows)


def test_slopes_are_those_of_a_straight_line_through_the_logarithms():
    found = check("standard", ADAM, 1e-3, steps=1, seeds=1)
    mine = [(np.log(row.width), np.log(row.change)) for row in found.rows if row.layer == "4" and row.step == 1]
    x, y = np.array(mine).T
    slope = ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
    assert found.slopes[-1].change == pytest.approx(slope)


def test_the_sizes_are_those_of_the_model_run_by_hand():
    found = check("standard", SGD, 0.1, steps=1, seeds=1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = perceptron(32)
    x, y = points()
    before = model(x)
    cross_entropy(before, y).backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.sub_(0.1 * parameter.grad)
        after = model(x)
    row = next(row for row in found.rows if (row.layer, row.width, row.step) == ("4", 32, 1))
    assert row.activation == pytest.approx(after.abs().mean().item(), rel=1e-5)
    assert row.change == pytest.approx((after - before).abs().mean().item(), rel=1e-3)


def test_a_layer_that_stops_learning_as_it_grows_is_a_fault():
    # All rates over the width squared: what a readout that is scaled down twice does to the layers below it.
    found = st.coordinate_check(
        perceptron, WIDTHS, points(), cross_entropy, lambda m: ADAM(m.parameters(), 10.0 / m[0].out_features ** 2)
    )
    assert not found.flat
    assert "stops learning" in found.slopes[0].fault


def test_the_generators_of_the_caller_are_left_alone_and_the_answer_repeats():
    torch.manual_seed(3)
    wanted = torch.rand(2)
    torch.manual_seed(3)
    first = check("mup", ADAM, 1e-3, seeds=1)
    assert torch.equal(torch.rand(2), wanted)
    assert check("mup", ADAM, 1e-3, seeds=1) == first


def test_the_picture_has_a_line_a_layer_and_marks_faults():
    found = check("standard", ADAM, 1e-3, seeds=1)
    chart = found.chart()
    assert (chart.x.log, chart.y.log) == (True, True)
    assert [series.tone == "bad" for series in chart.series] == [bool(slope.fault) for slope in found.slopes]
    assert all(series.x == tuple(map(float, WIDTHS)) for series in chart.series)
    assert found._repr_html_() == svg(chart)
    assert found.chart(quantity="activation").title == "Mean |activation| after 4 updates, by width"


def test_the_table_names_every_layer_and_ends_with_the_verdict():
    found = check("standard", ADAM, 1e-3, seeds=1)
    lines = str(found).splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == [str(k) for k in range(5)]
    assert lines[-1] == found.verdict


def sgd(model):
    return SGD(model.parameters(), 0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"widths": (8,)}, "at least two"),
        ({"widths": (8, 0)}, "widths=0 must be an int >= 1"),
        ({"steps": 0}, "steps=0 must be an int >= 1"),
        ({"seeds": 0}, "seeds=0 must be an int >= 1"),
        ({"tolerance": 0.0}, "tolerance=0.0 must be > 0"),
    ],
)
def test_bad_numbers_are_refused(options, message):
    options = {"widths": (8, 16)} | options
    with pytest.raises(ArgumentError, match=message):
        st.coordinate_check(perceptron, batch=points(), loss_fn=cross_entropy, optimizer_factory=sgd, **options)


def test_a_model_of_one_layer_has_no_layers_to_compare_and_a_wild_rate_is_said():
    with pytest.raises(ArgumentError, match="share no layer"):
        st.coordinate_check(lambda width: nn.Linear(8, width), (4, 8), points(), cross_entropy, sgd)
    with pytest.raises(TaskError, match="lower the rate"):
        st.coordinate_check(perceptron, (8, 16), points(), cross_entropy, lambda m: SGD(m.parameters(), 1e30))


def test_a_picture_of_something_else_is_refused():
    with pytest.raises(ArgumentError, match="quantity='loss' must be one of change, activation"):
        check("mup", ADAM, 1e-3, seeds=1, steps=1).chart(quantity="loss")
