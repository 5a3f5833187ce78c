"""Nearly the numbers of the reference package, which passes twice over memory."""

import prodigyopt
import pytest
import torch

from surefoot.torch.optim import Prodigy

CASES = [
    {},
    {"weight_decay": 0.02},
    {"weight_decay": 0.02, "decouple": False, "betas": (0.8, 0.95)},
    {"use_bias_correction": True, "safeguard_warmup": True, "d0": 1e-4},
    {"betas": (0.5, 0.99), "d_coef": 2.0},
    {"growth_rate": 1.2, "beta3": 0.9},
    {"slice_p": 5},
]


def raced(settings, *, dtype, steps, groups=()):
    """Run both on one noisy bowl behind a warmup that begins at 0; yield the weights and d of both."""
    generator = torch.Generator().manual_seed(0)
    start = [torch.randn(shape, generator=generator).to(dtype) for shape in ((30, 7), (11,), (4, 3, 2))]
    start[1].zero_()
    sides = []
    for method in (Prodigy, prodigyopt.Prodigy):
        ps = [torch.nn.Parameter(p.clone()) for p in start]
        listed = [{"params": [p], **own} for p, own in zip(ps, groups, strict=True)] if groups else ps
        sides.append((ps, method(listed, **settings)))
    peaks = [group["lr"] for group in sides[0][1].param_groups]
    for t in range(steps):
        noises = [0.3 * torch.randn(p.shape, generator=generator).to(dtype) for p in start]
        for ps, optimizer in sides:
            for peak, group in zip(peaks, optimizer.param_groups, strict=True):
                group["lr"] = peak * min(t / 20, 1)
            for p, noise in zip(ps, noises, strict=True):
                p.grad = p.detach() + 0.5 + noise
            optimizer.step()
        (a, mine), (b, other) = sides
        yield a, b, mine.d, other.param_groups[0]["d"]


def apart(a, b):
    return max(float((p.detach().double() - q.detach().double()).abs().max()) for p, q in zip(a, b, strict=True))


@pytest.mark.parametrize("settings", CASES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_two_hundred_updates_differ_by_less_than_a_thousandth(settings, dtype, capsys):
    if dtype == torch.float32:
        settings = {"d0": 1e-4, **settings}
    for a, b, d, right in raced(settings, dtype=dtype, steps=200):
        assert d == pytest.approx(right, rel=1e-3)
        assert apart(a, b) < 2e-3
    assert d > 1e-2
    capsys.readouterr()


def test_groups_with_decays_of_their_own_and_a_rate_of_zero(capsys):
    groups = ({"weight_decay": 0.1}, {"eps": 1e-6, "safeguard_warmup": True}, {"lr": 0.0})
    for a, b, d, right in raced({}, dtype=torch.float64, steps=100, groups=groups):
        assert d == pytest.approx(right, rel=1e-3)
        assert apart(a, b) < 2e-3
    capsys.readouterr()


def test_parameters_in_bfloat16_find_nearly_the_d_of_float32():
    ds = []
    for dtype in (torch.float32, torch.bfloat16):
        *_, (_, _, d, _) = raced({"d0": 1e-3}, dtype=dtype, steps=100)
        ds.append(d)
    assert ds[1] == pytest.approx(ds[0], rel=0.3)
