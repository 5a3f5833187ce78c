"""The single measures: against brute force and closed forms."""

import math

import pytest
import torch
from torch import nn

import surefoot.torch as st
from surefoot.errors import ArgumentError
from surefoot.torch.monitors import measures
from surefoot.torch.monitors.moments import effective_rates, rms_t
from surefoot.torch.monitors.noise import MicroBatches


def test_the_largest_attention_logit_is_that_of_a_loop_over_pairs():
    torch.manual_seed(0)
    q, k = torch.randn(2, 4, 5, 3), torch.randn(2, 2, 6, 3)
    logits = [
        float(q[b, h, i] @ k[b, h // 2, j]) / math.sqrt(3)
        for b in range(2)
        for h in range(4)
        for i in range(5)
        for j in range(6)
    ]
    assert float(st.max_attention_logit(q, k)) == pytest.approx(max(logits), rel=1e-5)
    assert float(st.max_attention_logit(q, k, 1.0)) == pytest.approx(max(logits) * math.sqrt(3), rel=1e-5)


def test_a_long_sequence_is_looked_at_piece_by_piece_with_the_same_answer():
    q, k = torch.randn(3, 2, 5, 3), torch.randn(3, 2, 5, 3)
    assert torch.equal(st.max_attention_logit(q, k, at_once=1), st.max_attention_logit(q, k))


def watched(model, run, **options):
    sgd = torch.optim.SGD(model.parameters(), lr=1e-3)
    with st.Monitors(model, sgd, **options) as monitors:
        run().backward()
        sgd.step()
    return monitors


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("kdim", [None, 6])
def test_multihead_attention_shows_its_largest_logit(first, kdim):
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(8, 2, batch_first=first, kdim=kdim, vdim=kdim)
    x, y = torch.randn(3, 5, 8), torch.randn(3, 5, kdim or 8)
    model = nn.ModuleDict({"block": attention})
    monitors = watched(model, lambda: attention(x, y, y)[0].sum(), which=("attention_logit",))
    # Softmax hides the logits but not their differences: compare with weights from the logits of a naive projection.
    with torch.no_grad():
        fresh = nn.MultiheadAttention(8, 2, batch_first=first, kdim=kdim, vdim=kdim)
        fresh.load_state_dict(before(attention))
        w, v = fresh.in_proj_weight.chunk(3)[:2] if kdim is None else (fresh.q_proj_weight, fresh.k_proj_weight)
        q, k = (one if first else one.transpose(0, 1) for one in (x @ w.T, y @ v.T))
        best = max(
            float((q[b, :, 4 * h : 4 * h + 4] @ k[b, :, 4 * h : 4 * h + 4].T).max()) / 2
            for b in range(len(q))
            for h in range(2)
        )
    assert monitors.read()["attention_logit"] == pytest.approx(best, rel=1e-2)
    assert monitors.layers()[-1].name == "block"


def before(module):
    """Return the weights of a module before its one step of SGD at 1e-3."""
    grads = {name: p.grad for name, p in module.named_parameters()}
    return {name: value + 1e-3 * grads[name] for name, value in module.state_dict().items()}


def test_no_attention_at_all_is_said():
    model = nn.Sequential(nn.Linear(2, 2))
    with pytest.raises(ArgumentError, match="attention_logit"):
        st.Monitors(model, torch.optim.SGD(model.parameters(), lr=0.1), which=("attention_logit",))


def test_log_z_of_given_logits_is_the_mean_over_positions():
    logits = torch.randn(3, 4, 7)
    want = torch.log(torch.exp(logits.double()).sum(-1)).mean()
    assert float(st.log_z(logits.bfloat16())) == pytest.approx(float(want), rel=1e-2)
    layer = nn.Linear(2, 1)
    sgd = torch.optim.SGD(layer.parameters(), lr=0.1)
    with st.Monitors(layer, sgd, which=("log_z",)) as monitors:
        layer(torch.ones(1, 2)).sum().backward()
        monitors.give(logits=logits)
        sgd.step()
        monitors.give(logits=2 * logits)  # not sampled: nothing is computed
        said = monitors.read()
    assert said["log_z"] == pytest.approx(float(want), rel=1e-4)


def test_the_noise_scale_of_known_noise_is_found():
    torch.manual_seed(0)
    true, sigma, size = torch.randn(400), 3.0, 8
    scale = st.NoiseScale(beta=0.98)
    for _ in range(600):
        examples = true + sigma * torch.randn(4 * size, 400)
        parts = examples.reshape(4, size, 400).mean(1)
        scale = scale.updated((parts**2).sum(1).mean(), (examples.mean(0) ** 2).sum(), size, 4 * size)
    known = 400 * sigma**2 / float((true**2).sum())
    assert float(scale.value) == pytest.approx(known, rel=0.1)


@pytest.mark.parametrize("divided", [True, False])
def test_micro_batches_give_the_same_scale_whether_losses_are_divided_or_not(divided):
    torch.manual_seed(3)
    weight = nn.Parameter(torch.zeros(5))
    grads = torch.randn(4, 5) + 1.0
    micro = MicroBatches()
    for g in grads:
        (weight @ g / (4 if divided else 1)).backward()
        micro.add([weight], 16)
    small, big = (grads**2).sum(1).mean(), (grads.mean(0) ** 2).sum()
    signal = (64 * big - 16 * small) / 48
    noise = (small - big) / (1 / 16 - 1 / 64)
    assert float(micro.told(st.NoiseScale()).value) == pytest.approx(float(noise / signal), rel=1e-4)


def test_one_micro_batch_or_none_says_nothing():
    micro, scale = MicroBatches(), st.NoiseScale()
    assert micro.told(scale) is scale
    assert math.isnan(scale.value)
    assert math.isinf(scale.updated(2.0, 0.1, 1, 2).value)


@pytest.mark.parametrize(("small", "big"), [(4, 4), (0, 4), (8, 4)])
def test_batches_that_cannot_be_compared_are_refused(small, big):
    with pytest.raises(ArgumentError, match="0 < small < big"):
        st.NoiseScale().updated(1.0, 1.0, small, big)
    with pytest.raises(ArgumentError, match="beta=1"):
        st.NoiseScale(beta=1.0)


def test_second_moments_are_read_from_every_optimizer_that_keeps_them():
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(3, 4))
    for make in (torch.optim.Adam, torch.optim.AdamW, torch.optim.NAdam, torch.optim.RMSprop, torch.optim.RAdam):
        optimizer = make([weight], lr=0.1)
        for k in range(6):
            weight.grad = torch.full_like(weight, 2.0) * (-1) ** k
            optimizer.step()
        known = 2.0 if make is not torch.optim.RMSprop else 2.0 * math.sqrt(1 - 0.99**6)
        assert float(rms_t(optimizer)[weight]) == pytest.approx(2.0 / known, rel=1e-4)
        if make is not torch.optim.RAdam:
            assert float(effective_rates(optimizer)[weight][1]) == pytest.approx(0.1 / known, rel=1e-4)
    assert rms_t(torch.optim.SGD([weight], lr=0.1)) == {}
    assert effective_rates(torch.optim.SGD([weight], lr=0.1)) == {}


def test_a_large_tensor_is_thinned_without_changing_its_quantiles():
    weight = nn.Parameter(torch.zeros(100_000))
    adam = torch.optim.Adam([weight], lr=1.0)
    weight.grad = torch.linspace(1.0, 2.0, 100_000)
    adam.step()
    assert effective_rates(adam)[weight].tolist() == pytest.approx([1 / 1.95, 1 / 1.5, 1 / 1.05], rel=1e-3)


def test_half_precision_is_summed_in_single():
    ones = [torch.full((70_000,), 1.0, dtype=torch.float16), torch.full((70_000,), 1.0, dtype=torch.bfloat16)]
    assert float(measures.total(measures.norms(ones))) == pytest.approx(140_000**0.5, rel=1e-5)
    assert float(measures.total([])) == 0.0
