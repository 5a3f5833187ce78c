"""torch.compile around a step: the method stays outside the graphs, and nothing is compiled again from step to step."""

import pytest
import torch
from torch._dynamo.utils import counters

import surefoot.torch as st

# dynamo imports torch.jit modules of its own that are deprecated
pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
    # It looks at the gradient of a loss, too.
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning"),
]
METHODS = [st.optim.ScheduleFreeAdamW, st.optim.Prodigy]


@pytest.fixture(autouse=True)
def fresh_dynamo():
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


def build(method, backend):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    return model, method(model.parameters(), backend=backend)


def training_step(model, optimizer, x):
    optimizer.zero_grad()
    loss = model(x).square().mean()
    loss.backward()
    optimizer.step()
    return loss.detach()


def losses(step, model, optimizer):
    """Return the loss of twelve updates, and how many graphs there were after each."""
    generator, seen, made = torch.Generator().manual_seed(1), [], []
    for k in range(12):
        optimizer.param_groups[0]["lr"] = 0.01 * (k + 1) if "d" not in optimizer.param_groups[0] else 1.0
        seen.append(step(model, optimizer, torch.randn(16, 4, generator=generator)))
        made.append(counters["stats"]["unique_graphs"])
    return torch.stack(seen), made


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_a_compiled_training_step_is_compiled_once(method, backend):
    plain, _ = losses(training_step, *build(method, backend))
    whole = torch.compile(training_step, backend="aot_eager")
    seen, made = losses(whole, *build(method, backend))
    torch.testing.assert_close(seen, plain, rtol=1e-5, atol=1e-7)
    assert made[0] > 0
    assert set(made[2:]) == {made[2]}
    assert counters["recompiles"] == {}


@pytest.mark.parametrize("method", METHODS)
def test_a_compiled_step_makes_no_graph_at_all(method):
    model, optimizer = build(method, "auto")
    step = torch.compile(optimizer.step, backend="eager")
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    before = [p.detach().clone() for p in model.parameters()]
    for _ in range(5):
        step()
    assert counters["stats"]["unique_graphs"] == 0
    assert all(not p.equal(old) for p, old in zip(model.parameters(), before, strict=True))
