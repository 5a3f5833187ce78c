"""What every method shares: closures, gradients that are no numbers, groups, copies, and what others do to a step."""

import copy
import math
import pickle
import warnings

import pytest
import torch
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict, set_optimizer_state_dict

import surefoot as sf
import surefoot.torch as st
from surefoot.errors import ArgumentError, FormatError
from surefoot.torch.optim.base import GLANCE, WHOLE, GradientSkipped, Method
from surefoot.torch.optim.chunking import CHUNK
from surefoot.torch.optim.compiled.memory import BLOCK
from surefoot.torch.optim.eager import schedule_free as eager
from surefoot.torch.optim.kernel import Kernel

SGD = Kernel("schedule_free:sgd", ("p", "g", "z"), ("p", "z"), eager.sgd)
BACKENDS = ("numba", "torch")


class Plain(Method):
    """p and its float32 twin z both go down the gradient."""

    def __init__(self, params, lr=0.5, **kwargs):
        super().__init__(params, {"lr": lr, "k": 0}, **kwargs)

    @property
    def effective_lr(self):
        return self.param_groups[0]["lr"]

    def _begin(self, parameter, _group):
        return {"z": parameter.detach().to(torch.promote_types(parameter.dtype, torch.float32), copy=True)}

    def _update(self, work):
        for part in work:
            lr = part.group["lr"]
            self._pass(SGD, self._rows(part, ("z",)), eager.SGDScalars(lr, lr, 0, 0, 0))
            part.group["k"] += 1


def ones(*shape, dtype=torch.float32):
    return torch.nn.Parameter(torch.ones(shape, dtype=dtype))


def grown(*shapes):
    parameters = [ones(*shape) for shape in shapes]
    for p in parameters:
        p.grad = torch.full_like(p, 0.25)
    return parameters


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_step_goes_down_the_gradient_and_leaves_it_as_it_was(backend):
    p, q = grown((3, 4), (5,))
    optimizer = Plain([p, q], backend=backend)
    optimizer.step()
    assert p.eq(0.875).all()
    assert q.eq(0.875).all()
    assert p.grad.eq(0.25).all()
    assert optimizer.backend == backend


def test_a_closure_computes_gradients_and_its_loss_comes_back():
    p = ones(3)
    optimizer = Plain([p])

    def closure():
        optimizer.zero_grad()
        loss = (p**2).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 3.0
    assert p.eq(0.0).all()


def test_a_parameter_without_a_gradient_is_left_alone_and_joins_when_it_has_one():
    p, late, frozen = grown((2,), (2,), (2,))
    late.grad = frozen.grad = None
    frozen.requires_grad_(False)
    optimizer = Plain([p, late, frozen])
    optimizer.step()
    assert set(optimizer.state) == {p}
    late.grad = torch.full_like(late, 0.25)
    optimizer.step()
    assert p.eq(0.75).all()
    assert late.eq(0.875).all()
    assert frozen.eq(1).all()


def test_a_step_without_any_gradient_does_nothing():
    optimizer = Plain([ones(2)])
    assert optimizer.step() is None
    assert optimizer.param_groups[0]["k"] == 0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("place", [(0, 0), (1, WHOLE - 1), (2, 0), (2, GLANCE - 1), (2, WHOLE + 8)])
def test_a_step_with_a_gradient_that_is_no_number_is_left_out_as_a_whole(backend, bad, place):
    parameters = grown((7,), (WHOLE,), (WHOLE + 9,))
    parameters[place[0]].grad[place[1]] = bad
    optimizer = Plain(parameters, backend=backend)
    with pytest.warns(GradientSkipped, match="left out") as said:
        optimizer.step()
    assert said[0].filename == __file__
    assert all(p.eq(1).all() for p in parameters)
    assert all(optimizer.state[p]["z"].eq(1).all() for p in parameters)
    assert (optimizer.skipped, optimizer.param_groups[0]["k"]) == (1, 0)
    parameters[place[0]].grad[place[1]] = 0.25
    optimizer.step()
    assert all(p.eq(0.875).all() for p in parameters)


def test_what_the_look_before_a_step_misses_is_left_out_by_itself():
    (p,) = grown((10 * CHUNK,))
    p.grad[3 * CHUNK + GLANCE + 5] = math.nan
    optimizer = Plain([p])
    with pytest.warns(GradientSkipped, match="pieces of gradients that hold NaN or infinity: 1.") as said:
        optimizer.step()
    assert said[0].filename == __file__
    stayed = p.eq(1)
    assert stayed[3 * CHUNK + GLANCE + 5]
    assert int(stayed.sum()) == BLOCK
    assert p[~stayed].eq(0.875).all()
    assert optimizer.state[p]["z"].eq(p).all()
    assert optimizer.skipped == 1


def test_the_look_in_torch_sees_everything():
    (p,) = grown((10 * CHUNK,))
    p.grad[3 * CHUNK + GLANCE + 5] = math.nan
    optimizer = Plain([p], backend="torch")
    with pytest.warns(GradientSkipped, match="this update was left out"):
        optimizer.step()
    assert p.eq(1).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_huge_finite_gradients_are_used(backend):
    (p,) = grown((100,))
    p.grad.fill_(3e38)
    Plain([p], lr=1e-38, backend=backend).step()
    assert torch.allclose(p.detach(), torch.tensor(-2.0))


def test_looking_can_be_left_out():
    (p,) = grown((4,))
    p.grad[1] = math.nan
    Plain([p], backend="torch", skip_nonfinite=False).step()
    assert p.isnan().tolist() == [False, True, False, False]


def test_steps_that_are_left_out_are_told_at_the_first_the_tenth_and_the_hundredth():
    (p,) = grown((4,))
    p.grad[1] = math.nan
    optimizer = Plain([p])
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for _ in range(120):
            optimizer.step()
    assert [str(one.message).partition(" so far")[2] for one in said] == ["", ": 10.", ": 100."]


def test_a_schedule_counts_no_step_that_was_left_out():
    (p,) = grown((4,))
    optimizer = Plain([p])
    scheduler = st.Scheduler(optimizer, sf.linear(0.5, total=10))
    optimizer.step()
    p.grad[1] = math.nan
    with pytest.warns(GradientSkipped):
        optimizer.step()
    assert scheduler.position == 1
    p.grad[1] = 0.25
    optimizer.step()
    assert scheduler.position == 2
    assert scheduler.get_last_lr() == [pytest.approx(0.45)]


def test_a_group_may_come_late_and_chooses_its_backend_anew():
    half = torch.nn.Parameter(torch.ones(3, dtype=torch.float16))
    optimizer = Plain([half])
    assert optimizer.backend == "torch"
    (p,) = grown((3,))
    half.grad = torch.full_like(half, 0.25)
    optimizer.add_param_group({"params": [p], "lr": 1.0})
    assert optimizer.backend == "numba"
    optimizer.step()
    assert half.eq(0.875).all()
    assert p.eq(0.75).all()


def test_complex_parameters_are_refused_with_the_way_round():
    with pytest.raises(ArgumentError, match="view_as_real"):
        Plain([torch.nn.Parameter(torch.ones(2, dtype=torch.complex64))])
    optimizer = Plain([ones(2)])
    with pytest.raises(ArgumentError, match="view_as_real"):
        optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(2, dtype=torch.complex64))]})
    assert len(optimizer.param_groups) == 1


def test_sparse_gradients_are_refused():
    table = torch.nn.Embedding(4, 2, sparse=True)
    table(torch.tensor([1])).sum().backward()
    with pytest.raises(ArgumentError, match="is sparse"):
        Plain(table.parameters()).step()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])  # noqa: S301  its own
def test_a_copy_goes_on_by_itself(copied):
    (p,) = grown((4,))
    optimizer = Plain([p], backend="torch", skip_nonfinite=False)
    optimizer.step()
    twin = copied(optimizer)
    (q,) = twin.param_groups[0]["params"]
    q.grad = torch.full_like(q, 0.25)
    twin.step()
    assert q.eq(0.75).all()
    assert p.eq(0.875).all()
    assert (twin.backend, twin._skips, twin.param_groups[0]["k"]) == ("torch", False, 2)


def test_an_infinity_under_a_scaler_is_the_scalers_to_skip():
    (p,) = grown((4,))
    optimizer = Plain([p])
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    for factor, expected in ((1.0, 0.875), (math.inf, 0.875), (1.0, 0.75)):
        optimizer.zero_grad()
        scaler.scale((p * 0.25).sum() * factor).backward()
        scaler.step(optimizer)
        scaler.update()
        assert p.eq(expected).all()
    assert scaler.get_scale() == 2.0
    assert optimizer.skipped == 0


def test_making_the_state_for_a_checkpoint_is_no_update():
    model = torch.nn.Linear(3, 2, dtype=torch.bfloat16)
    optimizer = Plain(model.parameters())
    before = [p.clone() for p in model.parameters()]
    saved = get_optimizer_state_dict(model, optimizer)
    assert optimizer.param_groups[0]["k"] == 0
    assert all(p.equal(old) for p, old in zip(model.parameters(), before, strict=True))
    assert saved["state"]["weight"]["z"].dtype == torch.float32


def test_distributed_checkpoints_bring_float32_state_of_bfloat16_parameters_back():
    def run(model, optimizer, steps):
        for k in steps:
            optimizer.zero_grad()
            model(torch.full((4, 3), 0.1 * k, dtype=torch.bfloat16)).sum().backward()
            optimizer.step()

    torch.manual_seed(0)
    model = torch.nn.Linear(3, 2, dtype=torch.bfloat16)
    optimizer = Plain(model.parameters(), lr=0.01)
    run(model, optimizer, range(5))
    other = copy.deepcopy(model)
    fresh = Plain(other.parameters(), lr=0.01)
    set_optimizer_state_dict(other, fresh, get_optimizer_state_dict(model, optimizer))
    run(model, optimizer, range(5, 9))
    run(other, fresh, range(5, 9))
    assert fresh.param_groups[0]["k"] == 9
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        assert p.equal(q)
        assert optimizer.state[p]["z"].equal(fresh.state[q]["z"])


def test_another_methods_checkpoint_is_refused():
    (p,) = grown((4,))
    with pytest.raises(FormatError, match="holds no k: it was not written by a Plain"):
        Plain([p]).load_state_dict(torch.optim.SGD([p], lr=0.1).state_dict())
