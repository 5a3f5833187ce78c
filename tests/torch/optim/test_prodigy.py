"""Prodigy against its float64 twin and the published two-pass form; its slices, groups, limit and small state."""

from functools import partial

import numpy as np
import pytest
import torch

from surefoot.errors import ArgumentError
from surefoot.torch.optim import Prodigy
from surefoot.torch.optim.prodigy import KERNELS

BACKENDS = ("torch", "numba")
SETTINGS = [
    {},
    {"weight_decay": 0.1},
    {"weight_decay": 0.1, "decouple": False, "betas": (0.8, 0.99)},
    {"use_bias_correction": True, "safeguard_warmup": True, "d0": 1e-4},
    {"betas": (0.0, 0.99), "weight_decay": 0.1},
    {"beta3": 0.9, "d_coef": 2.0, "eps": 1e-6},
    {"growth_rate": 1.1, "d_limit": 0.05},
    {"slice_p": 3, "weight_decay": 0.1},
    {"slice_p": 5, "betas": (0.0, 0.99), "decouple": False, "weight_decay": 0.1},
]
ORACLE = {2: 1.5815329554242242e-06, 5: 3.450966860542275e-05, 10: 0.0038737098001516124, 20: 0.9774187816706774}
GUARDED = {10: 1e-06, 20: 1.7548411596786617e-06, 40: 3.1947609096792817e-05}
D, BOWL = torch.float64, torch.tensor([1.0, 10.0], dtype=torch.float64)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("settings", "ds", "last"),
    [
        ({}, ORACLE, (-0.353246541, -0.390165471)),
        ({"use_bias_correction": True, "safeguard_warmup": True}, GUARDED, (0.999736461, -1.999736461)),
    ],
)
def test_the_reference_prints_nearly_the_same_numbers_on_the_bowl(settings, ds, last, backend):
    w = torch.nn.Parameter(torch.tensor([1.0, -2.0], dtype=D))
    optimizer, seen = Prodigy([w], **settings, backend=backend), {}
    for t in range(1, 41):
        w.grad = BOWL * w.detach()
        optimizer.step()
        seen[t] = optimizer.d
    # One pass uses the old d in d eps: 2e-7 of d, 5e-6 in the weights.
    assert {t: seen[t] for t in ds} == {t: pytest.approx(d, rel=3e-7) for t, d in ds.items()}
    assert tuple(w.tolist()) == pytest.approx(last, abs=5e-6)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("settings", SETTINGS)
def test_it_goes_the_way_of_its_twin_for_two_hundred_updates(hills, twin, settings, backend):
    rate = lambda t: min(t / 10, 1)
    expected = twin("prodigy").run(hills.START, hills.gradient, 200, lr=rate, **settings)
    parameters = hills.parameters()
    optimizer = Prodigy(parameters, **settings, backend=backend)
    for t, (right, d) in enumerate(expected):
        optimizer.param_groups[0]["lr"] = rate(t)
        (found,) = hills.walk(optimizer, parameters, 1, first=t)
        assert hills.apart(found, right) < 1e-7 * max(1.0, *(np.max(np.abs(x)) for x in right))
        assert optimizer.d == pytest.approx(d, rel=1e-7)
    assert optimizer.d > 10 * optimizer.param_groups[0]["d0"]


def test_the_published_form_differs_by_less_than_a_thousandth(hills, twin):
    for settings in SETTINGS:
        ours, theirs = (
            twin("prodigy").run(hills.START, hills.gradient, 200, **settings, one_pass=one) for one in (True, False)
        )
        assert ours[-1][1] == pytest.approx(theirs[-1][1], rel=1e-3)


@pytest.mark.parametrize("settings", [SETTINGS[k] for k in (0, 1, 3, 4, 7)])
def test_both_backends_give_the_same_numbers_in_float32(settings):
    ends = []
    for backend in BACKENDS:
        generator = torch.Generator().manual_seed(0)
        shapes = ((70, 1000), (33,), (5, 7))
        parameters = [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]
        parameters.append(torch.nn.Parameter(torch.zeros(9, 9)))
        slopes = [torch.randn(p.shape, generator=generator) for p in parameters]
        optimizer, ds = Prodigy(parameters, **{"d_limit": 0.05, **settings}, backend=backend), []
        for _ in range(100):
            # Gradients that do not follow the weights: where they do, a last place may grow a thousandfold.
            for p, slope in zip(parameters, slopes, strict=True):
                p.grad = slope + 0.3 * torch.randn(p.shape, generator=generator)
            optimizer.step()
            ds.append(optimizer.d)
        ends.append((ds, parameters))
    # While d is small, p0 - p is a few last places of p: one that falls the other way is 1e-5 of d.
    assert ends[0][0] == pytest.approx(ends[1][0], rel=3e-5)
    assert ends[0][0][-1] > 1e-4
    for one, other in zip(ends[0][1], ends[1][1], strict=True):
        torch.testing.assert_close(one, other, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_slices_keep_every_nth_element_alone_and_take_any_layout_of_memory(backend, layout):
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(6, 5, 4, 3, generator=generator, dtype=D).to(memory_format=layout)
    w, small = torch.nn.Parameter(start.clone()), torch.nn.Parameter(torch.zeros(7, dtype=torch.float32))
    optimizer = Prodigy([w, small], slice_p=7, d_limit=0.01, backend=backend)
    flat = torch.nn.Parameter(start.as_strided((360,), (1,)).clone())
    other = Prodigy([flat, torch.nn.Parameter(torch.zeros(7))], slice_p=7, d_limit=0.01, backend="torch")
    for _ in range(40):
        w.grad = (w.detach() + 0.1).contiguous()
        flat.grad = flat.detach() + 0.1
        small.grad = other.param_groups[0]["params"][1].grad = torch.ones(7)
        optimizer.step()
        other.step()
    assert optimizer.state[w]["s"].shape == optimizer.state[w]["p0"].shape == (-(-360 // 7),)
    assert optimizer.d == pytest.approx(other.d, rel=1e-6)
    torch.testing.assert_close(w.detach().as_strided((360,), (1,)), flat.detach(), rtol=1e-5, atol=1e-5)


def test_a_slice_longer_than_a_chunk_has_one_element_in_each():
    w = torch.nn.Parameter(torch.ones(200_000))
    optimizer = Prodigy([w], slice_p=50_000)
    w.grad = torch.ones(200_000)
    optimizer.step()
    assert optimizer.state[w]["s"].tolist() == pytest.approx([1e-6] * 4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_tensor_that_is_zero_at_the_start_keeps_one_zero_of_it(backend):
    a, b = torch.nn.Parameter(torch.ones(4, 2)), torch.nn.Parameter(torch.zeros(3, 4))
    optimizer = Prodigy([a, b], backend=backend)
    x = torch.tensor([[1.0, -1.0]])
    losses = []
    for _ in range(40):
        loss = ((b @ a @ x.T - 1.0) ** 2).sum() + ((a - 1) ** 2).sum() + (b - 0.3).square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert optimizer.state[b]["p0"].shape == ()
    assert optimizer.state[a]["p0"].shape == (4, 2)
    assert optimizer.d > 1e-3
    assert losses[-1] < losses[0]


def test_without_b1_there_is_no_first_moment():
    w = torch.nn.Parameter(torch.ones(3))
    optimizer = Prodigy([w], betas=(0.0, 0.999))
    w.grad = torch.ones(3)
    optimizer.step()
    assert sorted(optimizer.state[w]) == ["exp_avg_sq", "p0", "s"]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("settings", [{}, {"slice_p": 3}, {"betas": (0.0, 0.999), "weight_decay": 0.1}])
def test_d_grows_where_the_weights_are_too_coarse_to_show_a_small_move(backend, settings):
    ds = []
    for dtype in (torch.float32, torch.bfloat16):
        w = torch.nn.Parameter(torch.full((90,), 2.0, dtype=dtype))
        optimizer = Prodigy([w], **settings, backend=backend)
        for _ in range(60):
            w.grad = w.detach() * torch.linspace(0.5, 2, 90).to(dtype)
            optimizer.step()
        ds.append(optimizer.d)
    assert ds[1] == pytest.approx(ds[0], rel=0.5)
    assert ds[1] > 0.05
    assert (w.detach() < 1.5).all()
    kept = {name: t.dtype for name, t in optimizer.state[w].items()}
    assert set(kept.values()) == {torch.float32}
    assert "p0" not in kept
    assert optimizer.state[w]["way"].shape == optimizer.state[w]["s"].shape


@pytest.mark.parametrize("settings", [{}, {"slice_p": 7, "decouple": False}, {"betas": (0.0, 0.99)}])
def test_both_backends_give_the_same_d_in_bfloat16(settings):
    ds = []
    for backend in BACKENDS:
        generator = torch.Generator().manual_seed(0)
        w = torch.nn.Parameter(torch.randn(70_000, generator=generator).bfloat16())
        optimizer = Prodigy([w], d_limit=0.05, weight_decay=0.1, **settings, backend=backend)
        slope = torch.randn(70_000, generator=generator)
        for _ in range(40):
            w.grad = (slope + 0.3 * torch.randn(70_000, generator=generator)).bfloat16()
            optimizer.step()
            ds.append(optimizer.d)
    assert ds[:40] == pytest.approx(ds[40:], rel=1e-4)
    assert ds[-1] > 1e-3


def test_kernels_write_all_but_the_start():
    assert all("p0" not in kernel.writes for kernel in KERNELS.values())
    assert "way" in KERNELS["way", True].writes


def two_scales(**settings):
    """Two weights whose ways are 1 and 1000, each in its own group; return the optimizer and both weights."""
    a, b = (torch.nn.Parameter(torch.zeros(5, dtype=D)) for _ in range(2))
    optimizer = Prodigy([{"params": [a]}, {"params": [b]}], **settings)
    for _ in range(300):
        a.grad, b.grad = (a.detach() - 1.0).sign(), (b.detach() - 1000.0).sign()
        optimizer.step()
    return optimizer, a, b


def test_groups_of_scale_one_and_a_thousand_find_a_d_each():
    optimizer, a, b = two_scales(per_group=True)
    small, large = (group["d"] for group in optimizer.param_groups)
    assert 0.05 < small <= 1
    assert 50 < large <= 1000
    assert optimizer.d == large
    assert (a - 1).abs().max() < 1
    assert b.min() > 500
    # With one d the small one is thrown about by the large one's.
    optimizer, a, b = two_scales()
    assert {group["d"] for group in optimizer.param_groups} == {optimizer.d}
    assert (a - 1).abs().max() > 2


def test_groups_with_a_d_each_may_differ_in_rate_and_join_late():
    a, b = (torch.nn.Parameter(torch.ones(3)) for _ in range(2))
    optimizer = Prodigy([{"params": [a], "lr": 0.5}], per_group=True)
    for _ in range(20):
        a.grad = a.detach().clone()
        optimizer.step()
    optimizer.add_param_group({"params": [b], "d0": 1e-4})
    assert optimizer.param_groups[1]["d"] == 1e-4
    assert optimizer.param_groups[1]["k"] == 0
    b.grad = torch.ones(3)
    optimizer.step()
    assert optimizer.effective_lr == max(group["d"] * group["lr"] for group in optimizer.param_groups)


def risen(warmup, **settings):
    """Return d after 30 updates behind a warmup of a hundred, or none."""
    w = torch.nn.Parameter(torch.full((20,), 2.0, dtype=D))
    optimizer = Prodigy([w], **settings)
    for t in range(30):
        optimizer.param_groups[0]["lr"] = (t + 1) / 100 if warmup else 1.0
        w.grad = torch.linspace(1, 10, 20, dtype=D) * w.detach()
        optimizer.step()
    return optimizer.d


def test_the_safeguard_keeps_d_lower_behind_a_warmup_and_changes_nothing_without_one():
    assert risen(warmup=True) > 10 * risen(warmup=True, safeguard_warmup=True)
    assert risen(warmup=False) == risen(warmup=False, safeguard_warmup=True)


def test_d_that_is_stuck_is_seen_in_the_groups():
    w = torch.nn.Parameter(torch.ones(3))
    optimizer = Prodigy([w])
    for t in range(20):
        w.grad = torch.full((3,), (-1.0) ** t)
        optimizer.step()
    group = optimizer.param_groups[0]
    assert group["d"] == group["d0"]
    assert group["k"] == 20
    assert group["d_hat"] <= group["d0"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"slice_p": 0}, "slice_p=0"),
        ({"slice_p": 2.0}, "slice_p=2.0"),
        ({"slice_p": True}, "slice_p=True"),
        ({"beta3": 1.0}, "beta3=1.0"),
        ({"d_coef": 0.0}, "d_coef=0.0"),
        ({"eps": -1.0}, "eps=-1.0"),
        ({"betas": (1.0, 0.9)}, r"betas\[0\]=1.0"),
    ],
)
def test_arguments_out_of_range_are_named(wrong, said):
    with pytest.raises(ArgumentError, match=said):
        Prodigy([torch.nn.Parameter(torch.zeros(1))], **wrong)


def test_groups_with_one_d_agree_in_what_it_is_made_from():
    a, b = (torch.nn.Parameter(torch.ones(1)) for _ in range(2))
    for name, value in {"d_coef": 2.0, "betas": (0.9, 0.99), "beta3": 0.5, "use_bias_correction": True}.items():
        with pytest.raises(ArgumentError, match=f"{name}=.* beside {name}=.*: groups with one d share it"):
            Prodigy([{"params": [a]}, {"params": [b], name: value}])
    own = Prodigy([{"params": [a]}, {"params": [b], "d_coef": 2.0}], per_group=True)
    assert own.param_groups[1]["d_coef"] == 2.0
    make = partial(Prodigy, [{"params": [a]}, {"params": [b], "weight_decay": 0.1, "slice_p": 11, "eps": 1e-6}])
    assert make().param_groups[1]["slice_p"] == 11
