"""Schedule-Free's step by torch's fused AdamW is the step that the formula says."""

import math

import pytest
import torch

from surefoot.torch.optim.eager import fused
from surefoot.torch.optim.eager import schedule_free as eager


def random(n, seed, dtype=torch.float32):
    return torch.randn(n, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("decay", [(0.0, 0.0), (0.1, 0.0), (0.0, 0.1), (0.2, 0.3)])
@pytest.mark.parametrize("c", [1.0, 0.3, 0.0])
@pytest.mark.parametrize("k", [1, 7, 10**9])
def test_it_is_the_formula(decay, c, k):
    y, g, z, v = random(100, 1), random(100, 2), random(100, 3), random(100, 4).square()
    y64, g64, z64, v64 = (t.double() for t in (y, g, z, v))
    root = 1 / math.sqrt(1 - 0.99**k)
    s = eager.AdamWScalars(lr=0.2, y_lr=0.07, c=c, decay_y=decay[0], decay_z=decay[1], b2=0.99, root=root, eps=1e-8)
    new = 0.99 * v64 + 0.01 * g64 * g64
    u = g64 / (new.sqrt() * root + 1e-8) + decay[0] * y64 + decay[1] * z64
    expected = (y64 + c * (z64 - y64) - 0.07 * u).float(), (z64 - 0.2 * u).float(), new.float()
    before = g.clone()
    assert fused.suits([z], s.b2)
    eager.adamw(([y], [g], [z], [v]), s)
    torch.testing.assert_close((y, z, v), expected, rtol=1e-6, atol=1e-6)
    assert g.equal(before)


def test_what_it_is_not_made_for_is_told():
    z = torch.ones(2)
    assert fused.suits([z], 0.999)
    assert not fused.suits([z], 0.0)
    assert not fused.suits([z.half()], 0.999)
    assert not fused.suits([z.double()], 0.999)
    assert not fused.suits([z.to("meta")], 0.999)
