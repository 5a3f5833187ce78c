"""set_lr: one rate by hand, in place, the groups' ratios kept."""

import pytest
import torch

import surefoot.torch as st
from surefoot.errors import ArgumentError


def sgd(*rates, kind=float):
    groups = [
        {"params": [torch.nn.Parameter(torch.ones(2))], "lr": rate if kind is float else torch.tensor(rate)}
        for rate in rates
    ]
    return torch.optim.SGD(groups, lr=1.0)


def rates(optimizer):
    return [float(group["lr"]) for group in optimizer.param_groups]


@pytest.mark.parametrize("kind", [float, torch.Tensor])
def test_the_largest_group_gets_the_rate_and_the_others_their_share(kind):
    optimizer = sgd(0.2, 0.1, 0.05, kind=kind)
    held = [group["lr"] for group in optimizer.param_groups]
    for lr in (0.4, 0.0, 0.4, 1e-3):
        st.set_lr(optimizer, lr)
        assert rates(optimizer) == pytest.approx([lr, lr / 2, lr / 4], rel=1e-6)
    if kind is torch.Tensor:
        assert all(group["lr"] is tensor for group, tensor in zip(optimizer.param_groups, held, strict=True))


def test_one_group_is_set_exactly():
    optimizer = sgd(0.2)
    st.set_lr(optimizer, 0.3)
    assert optimizer.param_groups[0]["lr"] == 0.3
    assert "initial_lr" not in optimizer.param_groups[0]


def test_the_ratio_survives_a_checkpoint_at_rate_0():
    optimizer, again = sgd(0.2, 0.1), sgd(0.2, 0.1)
    st.set_lr(optimizer, 0.0)
    again.load_state_dict(optimizer.state_dict())
    st.set_lr(again, 0.5)
    assert rates(again) == pytest.approx([0.5, 0.25])


# torch has Muon since 2.9
@pytest.mark.parametrize("kind", [name for name in ("Adagrad", "Muon") if hasattr(torch.optim, name)])
def test_several_optimizers_are_one_set_of_groups(kind):
    first = getattr(torch.optim, kind)([torch.nn.Parameter(torch.eye(2))], lr=0.02)
    adamw = torch.optim.AdamW([torch.nn.Parameter(torch.ones(2))], lr=0.01)
    st.set_lr([first, adamw], 0.1)
    assert rates(first) + rates(adamw) == pytest.approx([0.1, 0.05])


def test_groups_that_were_all_at_0_get_the_rate():
    optimizer = sgd(0.0, 0.0)
    st.set_lr(optimizer, 0.1)
    assert rates(optimizer) == [0.1, 0.1]


@pytest.mark.parametrize("lr", [-1.0, float("nan"), float("inf"), "fast", None])
def test_a_bad_rate_is_refused_and_nothing_is_written(lr):
    optimizer = sgd(0.2, 0.1)
    with pytest.raises(ArgumentError, match="lr="):
        st.set_lr(optimizer, lr)
    assert rates(optimizer) == [0.2, 0.1]


@pytest.mark.parametrize("optimizer", [[], torch.nn.Linear(1, 1)])
def test_what_holds_no_optimizer_is_refused(optimizer):
    with pytest.raises(ArgumentError, match="optimizer="):
        st.set_lr(optimizer, 0.1)
