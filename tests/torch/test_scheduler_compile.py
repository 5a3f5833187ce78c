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
    seen, made = updates(optimizer, weight, compiled, after=scheduler.step)
    assert scheduler.position == UPDATES
    return weight.detach(), seen, made


def updates(optimizer, weight, compiled, *, before=lambda _: None, after):
    """Return the rate of each update, and how many graphs were compiled until then."""
    backend, graphs = counting()
    whole = {"step": optimizer.step, "function": lambda: optimizer.step(), "eager": optimizer.step}[compiled]
    step = whole if compiled == "eager" else torch.compile(whole, backend=backend)
    seen, made = [], []
    for t in range(UPDATES):
        optimizer.zero_grad()
        (weight**2).sum().backward()
        before(t)
        step()
        after()
        seen.append(float(optimizer.param_groups[0]["lr"]))
        made.append(len(graphs))
    return seen, made


# A torch that takes every float for a constant (2.4 does) compiles for each rate whoever writes it: the test below.
KINDS = ["tensor", "capturable", *([] if torch._dynamo.config.specialize_float else ["float"])]


@pytest.mark.parametrize("compiled", ["step", "function"])
@pytest.mark.parametrize("kind", KINDS)
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


@pytest.mark.parametrize("compiled", ["step", "function"])
def test_a_float_rate_is_compiled_as_often_as_one_that_is_written_by_hand(compiled):
    ours, seen, made = train(0.1, compiled)
    torch._dynamo.reset()
    weight = torch.nn.Parameter(torch.linspace(-1, 1, 4))
    bare = torch.optim.AdamW([weight], lr=0.1)
    by_hand = updates(
        bare, weight, compiled, before=lambda t: bare.param_groups[0].update(lr=PLAN(t)), after=lambda: None
    )
    assert (seen, made) == by_hand
    torch.testing.assert_close(ours, weight.detach(), rtol=0, atol=0)


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


def test_a_trial_of_a_compiled_step_compiles_nothing_after_its_second_update():
    weight = torch.nn.Parameter(torch.linspace(-1, 1, 4))
    optimizer = torch.optim.AdamW([weight], lr=torch.tensor(0.1))
    backend, graphs = counting()
    step = torch.compile(optimizer.step, backend=backend)

    def step_fn():
        optimizer.zero_grad()
        loss = (weight**2).sum()
        loss.backward()
        step()
        return loss

    made = [len(graphs) for _ in st.task(None, optimizer, step_fn=step_fn)(PLAN)]
    assert made == [made[1]] * 30
    assert made[0] == 1


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
