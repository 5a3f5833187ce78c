"""A compiled step follows the schedule without being compiled again."""

import pytest
import torch

import surefoot.torch as st
from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import ramp
from surefoot.torch import hooks

PLAN = Schedule(0.1, (ramp(0, 1, 5), ramp(1, 0, 25, "cosine")))
UPDATES = 20
# dynamo imports torch.jit modules of its own that are deprecated
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")


def counting():
    """Return a backend that runs graphs as they are, and the list it notes each of them in."""
    graphs = []

    def backend(graph, inputs):  # noqa: ARG001  a backend's signature
        graphs.append(graph)
        return graph.forward

    return backend, graphs


@pytest.fixture(autouse=True)
def fresh_dynamo():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def train(lr, compiled, **kwargs):
    weight = torch.nn.Parameter(torch.linspace(-1, 1, 4))
    optimizer = torch.optim.AdamW([weight], lr=lr, **kwargs)
    scheduler = st.Scheduler(optimizer, PLAN)
    backend, graphs = counting()
    whole = {"step": optimizer.step, "function": lambda: optimizer.step(), "eager": optimizer.step}[compiled]
    step = whole if compiled == "eager" else torch.compile(whole, backend=backend)
    seen, made = [], []
    for _ in range(UPDATES):
        optimizer.zero_grad()
        (weight**2).sum().backward()
        step()
        scheduler.step()
        seen.append(float(optimizer.param_groups[0]["lr"]))
        made.append(len(graphs))
    assert scheduler.position == UPDATES
    return weight.detach(), seen, made


@pytest.mark.parametrize("compiled", ["step", "function"])
@pytest.mark.parametrize("kind", ["float", "tensor", "capturable"])
def test_no_update_after_the_second_compiles_anything(kind, compiled):
    lr = 0.1 if kind == "float" else torch.tensor(0.1)
    kwargs = {"capturable": True} if kind == "capturable" else {}
    weight, seen, made = train(lr, compiled, **kwargs)
    assert seen == pytest.approx([PLAN(t) for t in range(UPDATES)], rel=1e-6)
    # A float rate is compiled as a constant once, then as an input; a tensor is an input from the start.
    assert made[0] >= 1
    assert made[2:] == [made[2]] * (UPDATES - 2)
    assert made[-1] <= (2 if kind == "float" else 1)
    eager, _, _ = train(0.1, "eager")
    torch.testing.assert_close(weight, eager, rtol=0, atol=1e-4)  # a rate of a step off moves it by 3e-3


def test_hooks_stay_outside_after_dynamo_was_reset():
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([weight], lr=torch.tensor(0.1))
    scheduler = st.Scheduler(optimizer, PLAN)
    torch._dynamo.reset()
    backend, graphs = counting()
    step = torch.compile(optimizer.step, backend=backend)
    for _ in range(6):
        weight.grad = torch.ones(3)
        step()
    assert (len(graphs), scheduler.position) == (1, 6)


def test_the_public_way_out_of_compiled_code_is_found_again_on_the_optimizer():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    scheduler = st.Scheduler(optimizer, PLAN)
    for hook in scheduler._handles:
        hook.remove()
    optimizer.register_step_pre_hook(hooks._disabled(scheduler._before))
    optimizer.register_step_post_hook(hooks._disabled(scheduler._after))
    assert hooks.attached(optimizer, st.Scheduler) is scheduler
    optimizer.step()
    assert scheduler.position == 1
