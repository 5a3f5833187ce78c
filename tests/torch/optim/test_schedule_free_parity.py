"""Schedule-Free against the authors' package, step by step, and against the formulas written out in float64."""

import numpy as np
import pytest
import schedulefree
import torch
from tests.reference.schedule_free import AdamWTwin, RAdamTwin, SGDTwin

import surefoot.torch as st

optim = st.optim
BACKENDS = ("numba", "torch")
SGD = (optim.ScheduleFreeSGD, schedulefree.SGDScheduleFree, SGDTwin)
ADAMW = (optim.ScheduleFreeAdamW, schedulefree.AdamWScheduleFree, AdamWTwin)
RADAM = (optim.ScheduleFreeRAdam, schedulefree.RAdamScheduleFree, RAdamTwin)
# What the reference package can do too.
SHARED = [
    (SGD, {"lr": 0.3}),
    (SGD, {"lr": 0.3, "momentum": 0.8, "weight_decay": 0.1, "warmup_steps": 30, "r": 1.0, "weight_lr_power": 1.0}),
    (ADAMW, {}),
    (ADAMW, {"lr": 0.01, "betas": (0.95, 0.99), "eps": 1e-6}),
    (ADAMW, {"lr": 0.01, "weight_decay": 0.1, "warmup_steps": 40}),
    (ADAMW, {"lr": 0.01, "r": 0.75, "weight_lr_power": 0.0, "warmup_steps": 10}),
    (RADAM, {"lr": 0.01, "weight_decay": 0.05}),
    (RADAM, {"lr": 0.01, "silent_sgd_phase": False, "r": 0.5, "betas": (0.8, 0.99)}),
]
OWN = [
    (SGD, {"lr": 0.3, "weight_decay": 0.1, "decay_at": "z"}),
    (SGD, {"lr": 0.3, "averaging": 30.0}),
    (ADAMW, {"lr": 0.01, "averaging": 50.0, "warmup_steps": 10}),
    (ADAMW, {"lr": 0.01, "averaging": 2.0}),
    (ADAMW, {"lr": 0.01, "inner_momentum": 0.9, "weight_decay": 0.1}),
    (ADAMW, {"lr": 0.01, "weight_decay": 0.1, "decay_at": "z"}),
    (RADAM, {"lr": 0.01, "averaging": 20.0, "weight_decay": 0.1, "decay_at": "z"}),
]
WORDS = {
    "warmup_steps": "warmup",
    "weight_lr_power": "power",
    "averaging": "C",
    "weight_decay": "decay",
    "inner_momentum": "m",
    "silent_sgd_phase": "silent",
}
SHAPES = ((7,), (3, 5), (2, 3, 3))
STEPS = 200
CLOSE = {torch.float64: 1e-9, torch.float32: 2e-5}


def starts(dtype):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype) for shape in SHAPES]


def gradients(step, dtype):
    generator = torch.Generator().manual_seed(step + 1)
    # Far apart in size, and exact in every type that is tested here.
    return [
        torch.randn(*shape, generator=generator).bfloat16().to(dtype) * 2.0 ** (k - 1) for k, shape in enumerate(SHAPES)
    ]


def trained(make, dtype, steps):
    parameters = [torch.nn.Parameter(p.clone()) for p in starts(dtype)]
    optimizer = make(parameters)
    optimizer.train()
    for step in range(steps):
        for p, g in zip(parameters, gradients(step, dtype), strict=True):
            p.grad = g
        optimizer.step()
    y = [p.detach().clone() for p in parameters]
    optimizer.eval()
    return optimizer, y, [p.detach().clone() for p in parameters]


def twin_of(kind, options, start):
    given = {WORDS.get(name, name): value for name, value in options.items()}
    defaults = {"lr": 1.0 if kind is SGDTwin else 0.0025, "b1": given.pop("momentum", 0.9)}
    if "betas" in given:
        defaults["b1"], given["b2"] = given.pop("betas")
    return kind(start, **{**defaults, **given})


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("kind", "options"), SHARED)
def test_every_step_is_that_of_the_authors_package(kind, options, dtype, backend):
    ours, reference, _ = kind
    mine, y, x = trained(lambda p: ours(p, backend=backend, **options), dtype, STEPS)
    other, their_y, their_x = trained(lambda p: reference(p, **options), dtype, STEPS)
    assert mine.backend == backend
    for a, b in zip((*y, *x), (*their_y, *their_x), strict=True):
        torch.testing.assert_close(a, b, rtol=CLOSE[dtype], atol=CLOSE[dtype])
    for p, q in zip(mine.state, other.state, strict=True):
        torch.testing.assert_close(mine.state[p]["z"], other.state[q]["z"], rtol=CLOSE[dtype], atol=CLOSE[dtype])
    for name in ("k", "weight_sum", "lr_max"):
        assert mine.param_groups[0][name] == pytest.approx(other.param_groups[0][name], rel=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("kind", "options"), [*SHARED, *OWN])
def test_every_step_is_that_of_the_formulas(kind, options, backend):
    ours, _, twin = kind
    mine, y, x = trained(lambda p: ours(p, backend=backend, **options), torch.float64, STEPS)
    for k, start in enumerate(starts(torch.float64)):
        want = twin_of(twin, options, start.numpy())
        for step in range(STEPS):
            want.step(gradients(step, torch.float64)[k].numpy())
        z = list(mine.state.values())[k]["z"]
        for got, there in ((y[k], want.y), (x[k], want.x), (z, want.z)):
            np.testing.assert_allclose(got.numpy(), there, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", [SGD, ADAMW, RADAM])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_low_precision_parameters_follow_the_formulas_within_their_rounding(kind, dtype, backend):
    if dtype == torch.float16:
        backend = "torch"
    ours, _, twin = kind
    options = {"lr": 0.05}
    mine, y, _ = trained(lambda p: ours(p, backend=backend, **options), dtype, 100)
    step = torch.finfo(dtype).eps
    for k, start in enumerate(starts(dtype)):
        want = twin_of(twin, options, start.double().numpy())
        for at in range(100):
            want.step(gradients(at, dtype)[k].double().numpy())
        state = list(mine.state.values())[k]
        assert {t.dtype for name, t in state.items() if name != "y"} == {torch.float32}
        # z does not feel the rounding of y at all: here gradients do not depend on y.
        np.testing.assert_allclose(state["z"].numpy(), want.z, rtol=1e-4, atol=1e-4)
        # y is rounded a hundred times, each time by half a step at most, and forgets it as the average goes on.
        assert np.abs(y[k].double().numpy() - want.y).max() < 30 * step * max(1.0, np.abs(want.y).max())


ORACLES = [
    (optim.ScheduleFreeSGD, {"lr": 0.05}, {1: (0.95, -1), 2: (0.923875, -0.725), 3: (0.8982725, -0.505)}, None),
    (
        optim.ScheduleFreeSGD,
        {"lr": 0.05},
        {5: (0.848601156, -0.19550125)},
        ((0.85758646, -0.24839375), (0.767733425, 0.28053125)),
    ),
    (
        optim.ScheduleFreeSGD,
        {"lr": 0.05, "warmup_steps": 4, "weight_decay": 0.1},
        {1: (0.98625, -1.7475), 3: (0.933888, -0.978489755), 5: (0.866126099, -0.360220916)},
        ((0.871395709, -0.401249589), (0.818699612, 0.00903714)),
    ),
    (
        optim.ScheduleFreeAdamW,
        {"lr": 0.1},
        {1: (0.900000001, -1.9), 2: (0.84796539, -1.846427178), 5: (0.697854326, -1.68850792)},
        ((0.715742536, -1.70750789), (0.536860439, -1.517508193)),
    ),
    (
        optim.ScheduleFreeAdamW,
        {"lr": 0.1, "warmup_steps": 4, "weight_decay": 0.1},
        {1: (0.9725, -1.97), 3: (0.868267346, -1.854789484), 5: (0.735950157, -1.703794923)},
        ((0.746168177, -1.715575965), (0.643987984, -1.59776555)),
    ),
    (
        optim.ScheduleFreeRAdam,
        {"lr": 0.1},
        {1: (1, -2), 4: (1, -2), 5: (0.99826885, -1.99826885), 8: (0.991567234, -1.991557866)},
        ((0.991900342, -1.991891614), (0.988569257, -1.988554141)),
    ),
]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("kind", "options", "points", "end"), ORACLES)
def test_a_quadratic_is_walked_as_the_reference_package_printed_it(kind, options, points, end, backend):
    """f(x) = (x1^2 + 10 x2^2)/2 from (1, -2)."""
    p = torch.nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    optimizer = kind([p], backend=backend, **options)
    for step in range(1, max(points) + 1):
        p.grad = p.detach() * torch.tensor([1.0, 10.0])
        optimizer.step()
        if step in points:
            assert p.tolist() == pytest.approx(points[step], abs=2e-9)
    if end is not None:
        x, z = end
        assert optimizer.state[p]["z"].tolist() == pytest.approx(z, abs=2e-9)
        optimizer.eval()
        assert p.tolist() == pytest.approx(x, abs=2e-9)


def test_the_average_of_a_convex_problem_is_as_near_as_theory_says():
    """E f(x_T) - f* <= D G/sqrt(T) with a rate of D/(G sqrt(T)) and b1 = 0 ... 1 (theorem 1 of the paper)."""
    generator = torch.Generator().manual_seed(3)
    rows = torch.randn(64, 8, generator=generator, dtype=torch.float64)
    aim = rows @ torch.ones(8, dtype=torch.float64)
    rounds = 1500
    # Least absolute deviations: convex, Lipschitz, not smooth; the optimum is 0 at all ones.
    distance, largest = 8**0.5, float(rows.norm(dim=1).max())
    p = torch.nn.Parameter(torch.zeros(8, dtype=torch.float64))
    optimizer = optim.ScheduleFreeSGD([p], lr=distance / (largest * rounds**0.5), weight_lr_power=0.0)
    for step in range(rounds):
        row = step * 37 % 64
        (rows[row] @ p - aim[row]).abs().backward()
        optimizer.step()
        optimizer.zero_grad()
    bound = distance * largest / rounds**0.5
    with optimizer.evaluating():
        x = float((rows @ p.detach() - aim).abs().mean())
    assert x < bound
    # The iterate that takes the steps has no such promise: the average is what is good.
    assert x < float((rows @ optimizer.state[p]["z"] - aim).abs().mean())


def test_half_precision_survives_where_the_reference_breaks_down():
    """Pure float16: eps 1e-8 is 0 there, and so is the square of a small gradient."""

    def run(kind):
        torch.manual_seed(0)
        p = torch.nn.Parameter(torch.zeros(50, dtype=torch.float16))
        optimizer = kind([p], lr=0.01)
        optimizer.train()
        for k in range(30):
            p.grad = 1e-3 * torch.randn(50).half() * (k % 3 == 0)
            optimizer.step()
        optimizer.eval()
        return bool(torch.isfinite(p).all())

    assert run(optim.ScheduleFreeAdamW)
    assert not run(schedulefree.AdamWScheduleFree)
