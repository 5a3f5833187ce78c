"""Stability thresholds beside torch's own optimizers on a quadratic in one dimension, by bisection in float64."""

import pytest
import torch

import surefoot.torch as st
from surefoot.errors import ArgumentError
from surefoot.torch.preconditioning import preconditioner

SMALL = 1e-40  # gradients so small that sqrt(v) vanishes beside eps = 1: the preconditioner is frozen at 1
FROZEN = {"eps": 1.0}


def built(kind, lr, **options):
    weight = torch.nn.Parameter(torch.full((1,), SMALL, dtype=torch.float64))
    return weight, getattr(torch.optim, kind)([weight], lr=lr, **options)


def grows(kind, lr, options, steps=600):
    """Say whether the later half of a run on weight^2 / 2 reaches further than its middle."""
    weight, optimizer = built(kind, lr, **options)
    far = []
    for _ in range(steps):
        weight.grad = weight.detach().clone()
        optimizer.step()
        far.append(abs(weight.item()))
        if far[-1] > 1e-9:
            return True
    return max(far[-100:]) > max(far[-300:-200])


def edge(kind, options, low, high):
    for _ in range(13):
        middle = (low + high) / 2
        low, high = (low, middle) if grows(kind, middle, options) else (middle, high)
    return (low + high) / 2


CASES = [
    ("SGD", {}, 2.0),
    ("SGD", {"momentum": 0.5}, 3.0),
    ("SGD", {"momentum": 0.9}, 3.8),
    ("SGD", {"momentum": 0.9, "nesterov": True}, 3.8 / 2.8),
    ("SGD", {"momentum": 0.5, "nesterov": True}, 1.5),
    ("SGD", {"momentum": 0.9, "dampening": 0.9}, 38.0),
    ("SGD", {"momentum": 0.5, "dampening": 0.25}, 4.0),
    ("Adam", {"betas": (0.5, 0.999), **FROZEN}, 6.0),
    ("Adam", {"betas": (0.9, 0.999), "amsgrad": True, **FROZEN}, 38.0),
    ("AdamW", {"betas": (0.9, 0.999), "weight_decay": 0.0, **FROZEN}, 38.0),
    ("RMSprop", {**FROZEN}, 2.0),
    ("RMSprop", {"momentum": 0.9, **FROZEN}, 3.8),
    ("RMSprop", {"momentum": 0.5, "centered": True, **FROZEN}, 3.0),
    # Without momentum_decay its momentum stays at half of beta1; with a large one it is beta1 at once.
    ("NAdam", {"betas": (0.9, 0.999), "momentum_decay": 0.0, **FROZEN}, 3.8 / (1.9 - 0.81)),
    ("NAdam", {"betas": (0.9, 0.999), "momentum_decay": 1e3, **FROZEN}, 3.8 / (0.1 * 2.8)),
]


@pytest.mark.parametrize(("kind", "options", "known"), CASES)
def test_the_threshold_is_where_torchs_optimizer_leaves_the_quadratic(kind, options, known):
    _, optimizer = built(kind, 1.0, **options)
    said = st.stability_threshold(optimizer).value
    assert said == pytest.approx(known, rel=1e-9)
    assert edge(kind, options, 0.5 * known, 1.5 * known) == pytest.approx(said, rel=4e-3)


@pytest.mark.parametrize(
    ("kind", "options"),
    [("SGD", {"momentum": 0.9}), ("Adam", FROZEN), ("RMSprop", FROZEN), ("NAdam", {"momentum_decay": 1e3, **FROZEN})],
)
def test_coupled_decay_adds_to_the_curvature(kind, options):
    decay = 0.5
    options = {**options, "weight_decay": decay}
    lr = edge(kind, options, 0.5, 40.0)
    _, optimizer = built(kind, lr, **options)
    # A run of which only a few steps are known has not warmed its first moment: late, eta is the rate itself.
    optimizer.state[optimizer.param_groups[0]["params"][0]]["step"] = torch.tensor(10_000.0)
    assert st.stability_threshold(optimizer).ratio(1.0) == pytest.approx(1.0, rel=5e-3)


@pytest.mark.parametrize(
    ("kind", "options"), [("AdamW", FROZEN), ("NAdam", {"decoupled_weight_decay": True, **FROZEN})]
)
def test_decoupled_decay_lowers_it_by_half_of_eta_wd(kind, options):
    options = {**options, "weight_decay": 0.01}
    options |= {"momentum_decay": 1e3} if kind == "NAdam" else {}
    lr = edge(kind, options, 1.0, 40.0)
    _, optimizer = built(kind, lr, **options)
    assert st.stability_threshold(optimizer).value == pytest.approx(lr, rel=5e-3)


def test_early_in_adam_the_rate_is_that_of_the_corrected_mean():
    weight, adam = built("Adam", 0.01)
    assert st.stability_threshold(adam).rate == pytest.approx(0.01 / 0.1)
    for _ in range(3):
        weight.grad = weight.detach().clone()
        adam.step()
    assert st.stability_threshold(adam).rate == pytest.approx(0.01 / (1 - 0.9**3))


def test_of_several_groups_the_lowest_counts_unless_one_is_named():
    one, other = (torch.nn.Parameter(torch.ones(1)) for _ in range(2))
    sgd = torch.optim.SGD([{"params": [one], "momentum": 0.9}, {"params": [other]}], lr=0.1)
    assert st.stability_threshold(sgd).value == 2.0
    assert st.stability_threshold(sgd, 0).value == 3.8
    with pytest.raises(ArgumentError, match=r"group=2 must be in 0\.\.1"):
        st.stability_threshold(sgd, 2)


class Lion(torch.optim.Optimizer):
    def __init__(self, params):
        super().__init__(params, {"lr": 1e-4})


def test_an_optimizer_without_a_threshold_says_why():
    weight = [torch.nn.Parameter(torch.ones(1))]
    for optimizer, word in (
        (torch.optim.Adagrad(weight), "sum"),
        (Lion(weight), "sign"),
        (torch.optim.ASGD(weight), "ASGD"),
    ):
        said = st.stability_threshold(optimizer)
        assert said.value is None
        assert said.ratio(1.0) is None
        assert word in said.why
    climbing = st.stability_threshold(torch.optim.SGD(weight, lr=0.1, maximize=True))
    assert climbing.value is None
    assert "climbs" in climbing.why
    assert st.stability_threshold(torch.optim.SGD(weight, momentum=0.9, dampening=1.0)).value is None


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("Adam", {"amsgrad": True}),
        ("AdamW", {}),
        ("RMSprop", {}),
        ("RMSprop", {"centered": True}),
        ("Adagrad", {}),
        ("Adamax", {}),
        ("RAdam", {"betas": (0.9, 0.99)}),
    ],
)
@pytest.mark.parametrize("steps", [1, 4, 40])
def test_the_preconditioner_is_what_the_step_was_divided_by(kind, options, steps):
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.zeros(3, dtype=torch.float64))
    lr = 0.5
    # With beta1 = 0 the update is eta g / P.
    betas = {"betas": (0.0, options.get("betas", (0, 0.99))[1])} if kind.startswith(("Ada", "RAdam")) else {}
    betas = {} if kind == "Adagrad" else betas
    decay = {"weight_decay": 0.0} if kind == "AdamW" else {}
    optimizer = getattr(torch.optim, kind)([weight], lr=lr, **{**options, **betas, **decay})
    for _ in range(steps):
        weight.grad = torch.randn(3, dtype=torch.float64)
        before = weight.detach().clone()
        optimizer.step()
    made = before - weight.detach()
    assert torch.allclose(lr * weight.grad / preconditioner(optimizer)[weight], made, rtol=1e-6)


def test_sgd_and_strangers_have_no_preconditioner_nor_has_what_was_never_updated():
    weight = torch.nn.Parameter(torch.ones(2))
    assert preconditioner(torch.optim.SGD([weight], lr=0.1)) == {}
    assert preconditioner(Lion([weight])) == {}
    assert preconditioner(torch.optim.Adam([weight])) == {}
