"""st.noise_scale: the noise of a gradient is what is known of problems made for it, and told with its uncertainty."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from torch import nn

import surefoot.torch as st
from surefoot.errors import ArgumentError, TaskError

MSE = nn.MSELoss()


class Along(nn.Module):
    """A loss whose gradient for one example is that example: its noise is that of the data."""

    def __init__(self, size):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(size, dtype=torch.float64))

    def forward(self, x):
        return (x @ self.weight).mean()


def drawn(sizes, mean, deviations, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [
        mean + deviations * torch.randn(size, len(mean), generator=generator, dtype=torch.float64) for size in sizes
    ]


def known():
    mean = torch.tensor([0.5, -0.2, 0.0, 0.3] * 5, dtype=torch.float64)
    deviations = torch.linspace(0.5, 2.0, 20, dtype=torch.float64)
    return mean, deviations, ((deviations**2).sum() / (mean**2).sum()).item()


def test_linear_regression_has_the_noise_of_its_two_batch_sizes():
    torch.manual_seed(0)
    model = nn.Linear(5, 1).double()
    x = torch.randn(48, 5, dtype=torch.float64)
    y = x @ torch.ones(5, 1, dtype=torch.float64) + torch.randn(48, 1, dtype=torch.float64)
    said = st.noise_scale(model, MSE, list(zip(x.split(8), y.split(8), strict=True)))

    def square(a, b):
        grads = torch.autograd.grad(MSE(model(a), b), list(model.parameters()))
        return sum(g.square().sum().item() for g in grads)

    small = np.mean([square(a, b) for a, b in zip(x.split(8), y.split(8), strict=True)])
    big = square(x, y)
    assert said.signal == pytest.approx((48 * big - 8 * small) / 40)
    assert said.noise == pytest.approx((small - big) / (1 / 8 - 1 / 48))
    assert said.value == pytest.approx(said.noise / said.signal)
    assert said.value == pytest.approx(
        st.NoiseScale(beta=0.0).updated(n_small=small, n_big=big, small=8, big=48).value.item(), rel=1e-6
    )
    assert (said.sizes, said.gradients) == ((8, 8), 6)


@pytest.mark.parametrize("sizes", [[16] * 200, [3, 8, 40] * 100])
def test_the_noise_of_a_known_covariance_is_found(sizes):
    mean, deviations, scale = known()
    said = st.noise_scale(Along(20), lambda out, _: out, drawn(sizes, mean, deviations))
    assert said.noise == pytest.approx((deviations**2).sum().item(), rel=0.08)
    assert said.signal == pytest.approx((mean**2).sum().item(), rel=0.08)
    assert said.low < scale < said.high
    assert said.error < 0.1 * scale
    assert abs(said.value - scale) < 3 * said.error


@settings(max_examples=25, deadline=None)
@given(sizes=some.lists(some.integers(1, 9), min_size=3, max_size=8), seed=some.integers(0, 9))
def test_the_error_is_that_of_a_jackknife_written_out(sizes, seed):
    mean, deviations, _ = known()
    batches = drawn(sizes, mean, deviations, seed)
    said = st.noise_scale(Along(20), lambda out, _: out, batches)

    def parts(those):
        each, b = np.array([one.mean(0).numpy() for one in those]), np.array([len(one) for one in those])
        whole = b @ each / b.sum()
        noise = (b * ((each - whole) ** 2).sum(1)).sum() / (len(b) - 1)
        return np.array([(whole**2).sum() - noise / b.sum(), noise])

    assert [said.signal, said.noise] == pytest.approx(parts(batches), rel=1e-5, abs=1e-6)
    left = np.array([parts(batches[:k] + batches[k + 1 :]) for k in range(len(batches))])
    covariance = np.cov(left.T, bias=True) * (len(batches) - 1)
    if said.signal <= 0:
        assert math.isinf(said.value)
        assert math.isnan(said.error)
        assert math.isinf(said.high)
        return
    slope = np.array([-said.value, 1.0]) / said.signal
    assert said.error == pytest.approx(math.sqrt(slope @ covariance @ slope), rel=1e-3)

    def deviation(ratio):
        toward = np.array([-ratio, 1.0])
        return abs(said.noise - ratio * said.signal) / math.sqrt(toward @ covariance @ toward)

    # An end of the interval that is none of the axis lies two standard errors away.
    for end in (said.low, said.high):
        assert end in {0.0, math.inf} or deviation(end) == pytest.approx(2.0, rel=1e-2)


def test_the_interval_holds_the_known_scale_about_as_often_as_it_says():
    mean, deviations, scale = known()
    model = Along(20)
    said = [st.noise_scale(model, lambda out, _: out, drawn([16] * 8, mean, deviations, seed)) for seed in range(100)]
    assert 86 <= sum(one.low <= scale <= one.high for one in said) <= 100
    spread = np.std([one.value for one in said])
    assert np.median([one.error for one in said]) == pytest.approx(spread, rel=0.4)


def test_more_micro_batches_than_are_held_give_the_same_scale_and_a_like_error():
    mean, deviations, scale = known()
    batches = drawn([16] * 64, mean, deviations, 3)
    said = st.noise_scale(Along(20), lambda out, _: out, batches)
    each = torch.stack([one.mean(0) for one in batches])
    noise = 16 * each.var(0).sum().item()
    assert said.noise == pytest.approx(noise, rel=1e-6)
    assert said.signal == pytest.approx(each.mean(0).square().sum().item() - noise / (16 * 64), rel=1e-6)
    # Over draws of 64 micro-batches the scale varies by this much.
    spread = np.std(
        [st.noise_scale(Along(20), lambda out, _: out, drawn([16] * 64, mean, deviations, s)).value for s in range(40)]
    )
    assert said.error == pytest.approx(spread, rel=0.6)
    assert said.low < scale < said.high


def test_a_summed_loss_of_equal_micro_batches_has_the_same_scale():
    torch.manual_seed(1)
    model, x = nn.Linear(4, 1), torch.randn(32, 4)
    batches = [(part, part.sum(1, keepdim=True)) for part in x.split(8)]
    mean, summed = (st.noise_scale(model, nn.MSELoss(reduction=kind), batches) for kind in ("mean", "sum"))
    assert summed.value == pytest.approx(mean.value, rel=1e-4)
    assert summed.error == pytest.approx(mean.error, rel=1e-3)


def test_what_cannot_be_told_is_said_and_not_guessed():
    mean, deviations, _ = known()
    two = st.noise_scale(Along(20), lambda out, _: out, drawn([16, 16], mean, deviations))
    assert math.isfinite(two.value)
    assert math.isnan(two.error)
    assert "two cannot tell" in str(two)
    batches = [torch.tensor([[sign]], dtype=torch.float64) for sign in (1.0, -1.0, 1.0, -1.0)]
    none = st.noise_scale(Along(1), lambda out, _: out, batches)
    assert none.value == math.inf
    assert "no common gradient to be seen under the noise" in str(none)
    lost = st.noise_scale(Along(1), lambda out, _: out * math.nan, batches)
    assert math.isnan(lost.value)
    assert "not finite" in str(lost)
    same = st.noise_scale(Along(2), lambda out, _: out, [torch.ones(4, 2, dtype=torch.float64)] * 4)
    assert (same.value, same.low, same.high) == pytest.approx((0.0, 0.0, 0.0), abs=1e-12)
    assert str(same).endswith("from 4 micro-batches of 4, 4 gradients.")


def test_a_batch_may_be_what_a_task_makes_of_one():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 1)

        def forward(self, x, labels):
            return {"loss": MSE(self.layer(x), labels)}

    torch.manual_seed(0)
    own = Own()
    batches = [{"x": torch.randn(size, 3), "labels": torch.randn(size, 1)} for size in (6, 6, 2)]
    said = st.noise_scale(own, None, batches)
    plain = st.noise_scale(own.layer, MSE, [(one["x"], one["labels"]) for one in batches])
    assert said == plain
    assert "micro-batches of 2 to 6" in str(said)


def test_bad_input_is_refused_in_a_sentence():
    model, batch = nn.Linear(3, 1), (torch.ones(4, 3), torch.ones(4, 1))
    with pytest.raises(ArgumentError, match="batches holds 1: noise is what differs"):
        st.noise_scale(model, MSE, [batch])
    with pytest.raises(ArgumentError, match=r"batches\[1\] has no example in it"):
        st.noise_scale(model, MSE, [batch, (torch.ones(0, 3), torch.ones(0, 1))])
    with pytest.raises(ArgumentError, match="no trainable parameter"):
        st.noise_scale(nn.ReLU(), MSE, [batch, batch])
    with pytest.raises(TaskError, match="instead of a scalar"):
        st.noise_scale(model, nn.MSELoss(reduction="none"), [batch, batch])
    other = nn.Linear(1, 1)
    with pytest.raises(ArgumentError, match="the loss depends on no trainable parameter"):
        st.noise_scale(model, lambda *_: other.weight.sum(), [batch, batch])
