"""Checkpoints bring back every tensor in its own type, and in memory of its own."""

import io

import pytest
import torch

import surefoot.torch as st

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)


def start(dtype, device="cpu"):
    generator = torch.Generator().manual_seed(0)
    return torch.nn.Parameter(torch.randn(50, generator=generator).to(device, dtype))


def run(optimizer, p, steps):
    for k in steps:
        p.grad = torch.sin(p.detach() + k)
        optimizer.step()


def through_a_file(state):
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_twice_twenty_steps_are_forty_bit_for_bit(dtype, backend):
    if dtype == torch.float16 and backend == "numba":
        backend = "auto"
    p = start(dtype)
    optimizer = st.optim.ScheduleFreeAdamW([p], lr=0.01, warmup_steps=5, weight_decay=0.1, backend=backend)
    run(optimizer, p, range(20))
    q = torch.nn.Parameter(p.detach().clone())
    other = st.optim.ScheduleFreeAdamW([q], backend=backend)
    other.load_state_dict(through_a_file(optimizer.state_dict()))
    run(optimizer, p, range(20, 40))
    run(other, q, range(20, 40))
    assert p.equal(q)
    for name, mine in optimizer.state[p].items():
        theirs = other.state[q][name]
        assert torch.equal(mine, theirs) if torch.is_tensor(mine) else mine == theirs
        assert not torch.is_tensor(mine) or mine.dtype == theirs.dtype


def test_an_optimizer_that_loaded_anothers_state_has_memory_of_its_own():
    p, q = start(torch.float32), start(torch.float32)
    one, two = (st.optim.ScheduleFreeAdamW([each], lr=0.01) for each in (p, q))
    run(one, p, range(3))
    two.load_state_dict(one.state_dict())
    before = {name: t.clone() for name, t in two.state[q].items() if torch.is_tensor(t)}
    run(one, p, range(3))
    assert all(two.state[q][name].equal(t) for name, t in before.items())
    assert before


def test_a_parameter_that_had_no_state_gets_none():
    p, q = start(torch.bfloat16), start(torch.bfloat16)
    optimizer = st.optim.ScheduleFreeAdamW([p, q], lr=0.01)
    run(optimizer, p, range(3))
    other = st.optim.ScheduleFreeAdamW([p, q], lr=0.01)
    other.load_state_dict(optimizer.state_dict())
    assert not other.state.get(q)
    assert other.state[p]["z"].dtype == torch.float32
