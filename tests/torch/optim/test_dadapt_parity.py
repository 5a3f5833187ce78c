"""The same numbers as the reference package, update by update."""

import warnings

import pytest
import torch

from surefoot.torch.optim import DAdaptAdaGrad, DAdaptAdam, DAdaptLion, DAdaptSGD

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import dadaptation

CASES = [
    (DAdaptSGD, dadaptation.DAdaptSGD, {"momentum": 0.9, "weight_decay": 0.02}),
    (DAdaptSGD, dadaptation.DAdaptSGD, {"growth_rate": 1.2, "d0": 1e-4}),
    (DAdaptAdam, dadaptation.DAdaptAdam, {"weight_decay": 0.02, "use_bias_correction": True}),
    (DAdaptAdam, dadaptation.DAdaptAdam, {"weight_decay": 0.02, "decouple": True, "growth_rate": 1.3}),
    (DAdaptAdam, dadaptation.DAdaptAdam, {"betas": (0.8, 0.95), "eps": 1e-6, "lr": 0.5}),
    (DAdaptAdaGrad, dadaptation.DAdaptAdaGrad, {"momentum": 0.5, "weight_decay": 0.02}),
    (DAdaptLion, dadaptation.dadapt_lion.DAdaptLion, {"weight_decay": 0.02}),
]


def raced(ours, theirs, settings, *, dtype, steps, groups=(), warmup=True):
    """Run both on one noisy bowl behind a warmup, each on its own weights; yield both after each update."""
    generator = torch.Generator().manual_seed(0)
    start = [torch.randn(shape, generator=generator).to(dtype) for shape in ((30, 7), (11,), (4, 3, 2))]
    sides = []
    for method in (ours, theirs):
        ps = [torch.nn.Parameter(p.clone()) for p in start]
        listed = [{"params": [p], **own} for p, own in zip(ps, groups, strict=True)] if groups else ps
        sides.append((ps, method(listed, **settings)))
    peaks = [group["lr"] for group in sides[0][1].param_groups]
    for t in range(steps):
        noises = [0.3 * torch.randn(p.shape, generator=generator).to(dtype) for p in start]
        for ps, optimizer in sides:
            for peak, group in zip(peaks, optimizer.param_groups, strict=True):
                # The reference of SGD can't bear a rate of 0 at first.
                group["lr"] = peak * min((t + 1) / 20, 1) if warmup else peak
            for p, noise in zip(ps, noises, strict=True):
                p.grad = p.detach() + 0.5 + noise
            optimizer.step()
        (a, mine), (b, other) = sides
        yield a, b, mine.d, other.param_groups[0]["d"]


def apart(a, b):
    return max(float((p.detach().double() - q.detach().double()).abs().max()) for p, q in zip(a, b, strict=True))


@pytest.mark.parametrize(("ours", "theirs", "settings"), CASES)
def test_two_hundred_updates_are_the_same_in_float64(ours, theirs, settings, capsys):
    for a, b, d, right in raced(ours, theirs, settings, dtype=torch.float64, steps=200):
        assert d == pytest.approx(right, rel=1e-8)
        assert apart(a, b) < 1e-7
    assert d > 1e-3 or ours is DAdaptAdaGrad
    capsys.readouterr()


@pytest.mark.parametrize(("ours", "theirs", "settings"), CASES[:1] + CASES[2:4] + CASES[5:6])
def test_a_hundred_updates_are_the_same_in_float32(ours, theirs, settings, capsys):
    settings = {**settings, "d0": 1e-3}
    for a, b, d, right in raced(ours, theirs, settings, dtype=torch.float32, steps=100):
        assert d == pytest.approx(right, rel=1e-3)
        assert apart(a, b) < 1e-3 * max(1.0, *(float(p.detach().abs().max()) for p in b))
    capsys.readouterr()


def test_groups_with_rates_of_zero_and_decays_and_scales_of_their_own(capsys):
    groups = ({"weight_decay": 0.1}, {"layer_scale": 3.0, "eps": 1e-4}, {"lr": 0.0})
    race = raced(DAdaptAdam, dadaptation.DAdaptAdam, {"decouple": True}, dtype=torch.float64, steps=100, groups=groups)
    for a, b, d, right in race:
        assert d == pytest.approx(right, rel=1e-8)
        assert apart(a, b) < 1e-7
    capsys.readouterr()


def test_parameters_in_bfloat16_find_nearly_the_d_of_float32():
    ds = []
    for dtype in (torch.float32, torch.bfloat16):
        *_, (_, _, d, _) = raced(DAdaptAdam, DAdaptAdam, {"d0": 1e-3}, dtype=dtype, steps=100)
        ds.append(d)
    assert ds[1] == pytest.approx(ds[0], rel=0.3)
