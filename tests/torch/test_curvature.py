"""st.sharpness beside dense Hessians, computed by torch.func in float64."""

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss
from torch.utils.checkpoint import checkpoint

import surefoot as sf
import surefoot.torch as st
from surefoot.errors import ArgumentError

TIGHT = {"products": 60, "tolerance": 1e-7}


def perceptron(seed=0, dtype=torch.float64):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)).to(dtype)


def batch(seed=1, dtype=torch.float64, size=16):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(size, 3, generator=generator, dtype=dtype), torch.randn(
        size, 2, generator=generator, dtype=dtype
    )


def dense(model, *batches, names=None):
    """Return the Hessian of the mean loss over the parameters called ``names``, as a matrix."""
    whole = {name: p.detach() for name, p in model.named_parameters()}
    chosen = {name: whole[name] for name in names or whole}

    def loss(part):
        outputs = ((torch.func.functional_call(model, whole | part, (x,)), y) for x, y in batches)
        return torch.stack([mse_loss(output, y) for output, y in outputs]).mean()

    rows = torch.func.jacrev(torch.func.jacrev(loss))(chosen)
    return torch.cat(
        [torch.cat([rows[a][b].reshape(chosen[a].numel(), chosen[b].numel()) for b in chosen], dim=1) for a in chosen]
    )


def top(matrix):
    return torch.linalg.eigvalsh(matrix)[-1].item()


def trained(kind, model, *, updates=5, **options):
    optimizer = getattr(torch.optim, kind)(model.parameters(), **options)
    for k in range(updates):
        optimizer.zero_grad()
        x, y = batch(100 + k)
        mse_loss(model(x), y).backward()
        optimizer.step()
    return optimizer


@pytest.mark.parametrize("hvp", ["exact", "difference"])
def test_it_is_the_largest_eigenvalue_of_the_dense_hessian(hvp):
    model = perceptron()
    said = st.sharpness(model, None, mse_loss, [batch()], hvp=hvp, rise=1e-6, **TIGHT)
    truth = top(dense(model, batch()))
    assert said.sharpness == pytest.approx(truth, rel=1e-6)
    assert said.low - 1e-6 <= truth <= said.high + 1e-6
    assert said.converged


@pytest.mark.parametrize("seed", range(5))
def test_the_default_is_within_a_few_percent_and_says_how_sure_it_is(seed):
    model = perceptron(seed)
    said = st.sharpness(model, None, mse_loss, [batch(seed)])
    truth = top(dense(model, batch(seed)))
    assert said.sharpness == pytest.approx(truth, rel=0.05)
    assert said.low <= truth * 1.001
    assert truth <= said.high


def test_several_batches_count_alike():
    model, batches = perceptron(), [batch(1), batch(2, size=4), batch(3)]
    said = st.sharpness(model, None, mse_loss, batches, hvp="exact", **TIGHT)
    assert said.sharpness == pytest.approx(top(dense(model, *batches)), rel=1e-6)
    assert said.gradients == len(batches) * (1 + 3 * said.products)


def test_a_function_of_no_argument_is_the_loss():
    model, (x, y) = perceptron(), batch()
    one = st.sharpness(model, None, lambda: mse_loss(model(x), y))
    assert one == st.sharpness(model, None, mse_loss, [(x, y)])


def test_a_seed_gives_the_same_answer_and_another_seed_the_same_eigenvalue():
    model = perceptron()
    one, again, other = (
        st.sharpness(model, None, mse_loss, [batch()], seed=seed, tolerance=1e-4) for seed in (3, 3, 4)
    )
    assert one == again
    assert one != other
    assert one.sharpness == pytest.approx(other.sharpness, rel=0.01)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("Adam", {"lr": 1e-2}),
        ("AdamW", {"lr": 1e-2, "amsgrad": True}),
        ("NAdam", {"lr": 1e-2}),
        ("RMSprop", {"lr": 1e-3}),
        ("RMSprop", {"lr": 1e-3, "centered": True}),
        ("Adamax", {"lr": 1e-2}),
        ("RAdam", {"lr": 1e-3}),
        ("Adagrad", {"lr": 1e-2}),
        ("SGD", {"lr": 1e-2, "momentum": 0.9}),
    ],
)
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_the_preconditioner_and_the_coupled_decay_are_those_of_the_optimizer(kind, options, decay):
    model = perceptron()
    optimizer = trained(kind, model, weight_decay=decay, **options)
    held = st.preconditioner(optimizer)
    root = torch.cat([held.get(p, torch.ones_like(p)).reshape(-1) for p in model.parameters()]) ** -0.5
    coupled = 0.0 if kind in {"AdamW", "Adagrad"} else decay
    matrix = dense(model, batch()) + coupled * torch.eye(len(root), dtype=torch.float64)
    truth = top(root[:, None] * matrix * root)
    said = st.sharpness(model, optimizer, mse_loss, [batch()], hvp="exact", **TIGHT)
    assert said.sharpness == pytest.approx(truth, rel=1e-6)
    threshold = st.stability_threshold(optimizer)
    if threshold.value is not None:
        # Where P is 1, ratio takes the curvature of the loss alone.
        assert said.ratio == pytest.approx(threshold.ratio(truth - threshold.weight_decay), rel=1e-6)
        assert said.edge == pytest.approx(threshold.value / truth, rel=1e-6)


def test_groups_count_by_their_rates():
    model = perceptron()
    groups = [{"params": model[0].parameters(), "lr": 0.1}, {"params": model[2].parameters(), "lr": 0.02}]
    sgd = torch.optim.SGD(groups, momentum=0.9)
    rates = torch.cat([torch.full((20,), 0.1), torch.full((12,), 0.02)]).double()
    truth = top(rates.sqrt()[:, None] * dense(model, batch()) * rates.sqrt())
    said = st.sharpness(model, sgd, mse_loss, [batch()], hvp="exact", **TIGHT)
    assert said.ratio == pytest.approx(truth / 3.8, rel=1e-6)
    assert said.lr == 0.1
    assert said.edge == pytest.approx(0.1 * 3.8 / truth, rel=1e-6)


class Attention(nn.Module):
    """One head over five positions, by torch's fused kernel."""

    def __init__(self):
        super().__init__()
        self.embed, self.qkv, self.head = nn.Embedding(11, 8), nn.Linear(8, 24), nn.Linear(8, 11)
        self.norm, self.drop = nn.LayerNorm(8), nn.Dropout(0.2)

    def forward(self, tokens):
        x = self.embed(tokens)
        q, k, v = self.qkv(self.norm(x)).unflatten(-1, (1, 24)).transpose(1, 2).chunk(3, -1)
        seen = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.head(self.drop(x + seen.transpose(1, 2).flatten(-2)))


@pytest.mark.parametrize("kind", ["SGD", "AdamW"])
def test_differences_agree_with_exact_products_on_a_transformer_with_fused_attention(kind):
    torch.manual_seed(0)
    model, tokens = Attention(), torch.randint(11, (16, 6))
    optimizer = getattr(torch.optim, kind)(model.parameters(), lr=0.01)

    def loss():
        return cross_entropy(model(tokens[:, :-1]).transpose(1, 2), tokens[:, 1:])

    for _ in range(5):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    exact = st.sharpness(model, optimizer, loss, hvp="exact", products=40, tolerance=1e-3)
    rough = st.sharpness(model, optimizer, loss, products=40, tolerance=1e-3, rise=1e-3)
    assert rough.sharpness == pytest.approx(exact.sharpness, rel=5e-3)
    assert st.sharpness(model, optimizer, loss).sharpness == pytest.approx(exact.sharpness, rel=0.05)


def test_frozen_and_unused_parameters_are_left_out():
    model = perceptron()
    model[2].weight.requires_grad_(False)
    idle = nn.Parameter(torch.ones(7, dtype=torch.float64))
    sgd = torch.optim.SGD([*model.parameters(), idle], lr=0.1, weight_decay=50.0)
    said = st.sharpness(model, sgd, mse_loss, [batch()], hvp="exact", **TIGHT)
    part = dense(model, batch(), names=("0.weight", "0.bias", "2.bias"))
    assert said.sharpness == pytest.approx(top(part) + 50.0, rel=1e-6)


def test_tied_parameters_are_one():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.other = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
            self.other.weight = self.one.weight
            nn.init.constant_(self.one.weight, 2.0)

        def forward(self, x):
            return self.other(self.one(x))

    model = Tied().double()
    one = torch.ones(1, 1, dtype=torch.float64)
    # The loss is (w^2 - 1)^2 and its second derivative 12 w^2 - 4.
    for hvp in ("exact", "difference"):
        said = st.sharpness(model, None, mse_loss, [(one, one)], hvp=hvp, rise=1e-6)
        assert said.sharpness == pytest.approx(44.0, rel=1e-5)


def test_half_precision_is_measured_in_float32():
    model = perceptron(dtype=torch.bfloat16)
    twin = perceptron(dtype=torch.bfloat16).float()
    x, y = batch(dtype=torch.bfloat16)
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    before = [p.detach().clone() for p in model.parameters()]
    said = st.sharpness(model, sgd, mse_loss, [(x, y)])
    assert said.sharpness == st.sharpness(twin, None, mse_loss, [(x.float(), y.float())]).sharpness
    assert said.sharpness == st.sharpness(model, sgd, lambda: mse_loss(model(x), y.float())).sharpness
    assert all(
        p.dtype is torch.bfloat16 and torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True)
    )


def test_autocast_is_left_out():
    model, (x, y) = perceptron(dtype=torch.float32), batch(dtype=torch.float32)

    def loss():
        with torch.autocast("cpu", torch.bfloat16):
            return mse_loss(model(x), y)

    assert st.sharpness(model, None, loss) == st.sharpness(model, None, lambda: mse_loss(model(x), y))
    with torch.autocast("cpu", torch.bfloat16):
        assert model(x).dtype is torch.bfloat16


def test_a_fresh_adam_takes_its_second_moment_from_the_batches():
    model, batches = perceptron(), [batch(k) for k in range(4)]
    adam = torch.optim.Adam(model.parameters(), lr=1e-2)
    squares = [torch.zeros_like(p) for p in model.parameters()]
    for x, y in batches:
        grads = torch.autograd.grad(mse_loss(model(x), y), model.parameters())
        squares = [square + grad**2 for square, grad in zip(squares, grads, strict=True)]
    roots = [((square + square.mean() / 4) / 5).sqrt() + 1e-8 for square in squares]
    root = torch.cat([one.reshape(-1) for one in roots]) ** -0.5
    truth = top(root[:, None] * dense(model, *batches) * root)
    said = st.sharpness(model, adam, mse_loss, batches, hvp="exact", **TIGHT)
    assert said.sharpness == pytest.approx(truth, rel=1e-5)
    assert said.ratio == pytest.approx(1e-2 / 0.1 * truth / 38.0, rel=1e-5)
    assert said.edge == pytest.approx(38.0 / truth, rel=1e-5)


def test_a_coordinate_that_never_had_a_gradient_counts_for_nothing():
    model = nn.Linear(2, 1, bias=False).double()
    x, y = torch.tensor([[1.0, 0.0]], dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    adam = torch.optim.Adam(model.parameters(), lr=0.1)
    mse_loss(model(x), y).backward()
    adam.step()
    adam.zero_grad()
    seen = torch.tensor([[1.0, 1e-3]], dtype=torch.float64)
    said = st.sharpness(model, adam, mse_loss, [(seen, y)], hvp="exact")
    assert said.sharpness == pytest.approx(2.0 / st.preconditioner(adam)[model.weight][0, 0].item(), rel=1e-5)


def test_the_rate_is_that_of_the_schedulers_next_update():
    model = perceptron()
    sgd = torch.optim.SGD(model.parameters(), lr=1.0)
    st.Scheduler(sgd, sf.constant(0.25, total=10))
    said = st.sharpness(model, sgd, mse_loss, [batch()])
    assert said.lr == 0.25
    assert sgd.param_groups[0]["lr"] == 1.0


def test_at_a_rate_of_0_there_is_an_edge_all_the_same():
    model = perceptron()
    there, nowhere = (torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9) for lr in (0.5, 0.0))
    one, other = (st.sharpness(model, sgd, mse_loss, [batch()]) for sgd in (there, nowhere))
    assert other.ratio == 0.0
    assert other.edge == pytest.approx(one.edge)


def test_an_optimizer_without_a_threshold_has_a_sharpness_and_a_reason():
    model = perceptron()
    adagrad = trained("Adagrad", model, lr=0.01)
    said = st.sharpness(model, adagrad, mse_loss, [batch()])
    assert said.sharpness > 0.0
    assert said.threshold is said.ratio is said.edge is said.edges is None
    assert "without an edge: the sum in its denominator" in str(said)
    assert "no optimizer was given" in str(st.sharpness(model, None, mse_loss, [batch()]))


def test_where_nothing_curves_upward_every_rate_is_stable():
    model = nn.Linear(2, 1).double()
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    line = st.sharpness(model, sgd, lambda: model(torch.ones(1, 2, dtype=torch.float64)).sum(), hvp="exact")
    assert line.sharpness == 0.0
    assert line.edge == math.inf
    dome = st.sharpness(model, sgd, lambda: -(model.weight**2).sum() - model.bias.sum() ** 2)
    assert dome.sharpness == pytest.approx(-2.0)
    assert dome.edge == math.inf


def test_a_loss_that_is_not_finite_gives_nan():
    model = perceptron()
    said = st.sharpness(model, torch.optim.SGD(model.parameters(), lr=0.1), lambda: model(batch()[0]).sum() * math.nan)
    assert math.isnan(said.sharpness)
    assert math.isnan(said.ratio)
    assert str(said).startswith("no sharpness: the loss or its gradient is not finite")


def test_it_says_itself_in_one_sentence():
    layer = nn.Linear(1, 1, bias=False).double()
    sgd = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)
    said = st.sharpness(layer, sgd, lambda: 2.0 * (layer.weight**2).sum())
    assert str(said) == (
        "sharpness 4 (4 to 4): SGD is stable below the rate 0.95, and at 0.1 its step is 0.11 of what is stable now; "
        "7 gradients."
    )
    assert said.edges == (pytest.approx(0.95), pytest.approx(0.95))


class Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**2

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        return 2.0 * grad * ctx.saved_tensors[0]


def test_a_kernel_without_a_second_derivative_is_no_trouble_for_differences():
    model = nn.Linear(1, 1, bias=False).double()

    def loss():
        return Once.apply(model.weight).sum() ** 2

    nn.init.constant_(model.weight, 3.0)
    assert st.sharpness(model, None, loss).sharpness == pytest.approx(108.0, rel=0.01)
    with pytest.raises(ArgumentError, match="use hvp='difference'"):
        st.sharpness(model, None, loss, hvp="exact")


def test_a_compiled_model_is_measured_as_it_is_and_has_no_exact_products():
    model, (x, y) = perceptron(), batch()
    compiled = torch.compile(model, backend="aot_eager")
    alone = st.sharpness(model, None, mse_loss, [(x, y)])
    assert st.sharpness(compiled, None, mse_loss, [(x, y)]).sharpness == pytest.approx(alone.sharpness, rel=1e-9)
    with pytest.raises(ArgumentError, match="use hvp='difference'"):
        st.sharpness(compiled, None, mse_loss, [(x, y)], hvp="exact")


# torch 2.4's own checkpoint calls what torch 2.4 deprecates.
@pytest.mark.filterwarnings("ignore:.torch.cpu.amp.autocast:FutureWarning")
@pytest.mark.parametrize("hvp", ["difference", "exact"])
def test_checkpoints_are_seen_through_unless_they_hide_their_parameters(hvp):
    model, (x, y) = perceptron(), batch()

    def loss(*, reentrant):
        inside = checkpoint(model[:2], x.clone().requires_grad_(), use_reentrant=reentrant)
        return mse_loss(model[2](inside), y)

    plain = st.sharpness(model, None, mse_loss, [(x, y)], hvp=hvp)
    seen = st.sharpness(model, None, lambda: loss(reentrant=False), hvp=hvp)
    assert seen.sharpness == pytest.approx(plain.sharpness, rel=1e-9)
    with pytest.raises(ArgumentError, match="use_reentrant=False"):
        st.sharpness(model, None, lambda: loss(reentrant=True), hvp=hvp)


def bad(case):
    model = perceptron()
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = batch()
    sparse = nn.Embedding(5, 2, sparse=True)
    cases = {
        "hvp": lambda: st.sharpness(model, sgd, mse_loss, [(x, y)], hvp="forward"),
        "products": lambda: st.sharpness(model, sgd, mse_loss, [(x, y)], products=0),
        "tolerance": lambda: st.sharpness(model, sgd, mse_loss, [(x, y)], tolerance=1.0),
        "rise": lambda: st.sharpness(model, sgd, mse_loss, [(x, y)], rise=0.0),
        "empty": lambda: st.sharpness(model, sgd, mse_loss, []),
        "uncalled": lambda: st.sharpness(model, sgd, mse_loss(model(x), y)),
        "vector": lambda: st.sharpness(model, sgd, lambda: (model(x) - y) ** 2),
        "number": lambda: st.sharpness(model, sgd, lambda: mse_loss(model(x), y).item()),
        "detached": lambda: st.sharpness(model, sgd, lambda: mse_loss(model(x), y).detach()),
        "other": lambda: st.sharpness(model, sgd, lambda: nn.Linear(3, 1).double()(x).sum()),
        "sparse": lambda: st.sharpness(sparse, None, lambda: sparse(torch.tensor([1])).sum()),
        "complex": lambda: st.sharpness(model, torch.optim.SGD([nn.Parameter(torch.ones(1) + 0j)], lr=0.1), mse_loss),
        "frozen": lambda: st.sharpness(model, torch.optim.SGD([torch.ones(1)], lr=0.1), mse_loss),
        "optimizer": lambda: st.sharpness(model, model, mse_loss),
    }
    return cases[case]


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("hvp", "hvp='forward' must be 'difference'"),
        ("products", "products=0 must be an int >= 1"),
        ("tolerance", "tolerance=1.0 must lie between 0 and 1"),
        ("rise", "rise=0.0 must lie between 0 and 1"),
        ("empty", "batches is empty"),
        ("uncalled", "must be a function of no argument, or come with batches="),
        ("vector", r"a tensor of shape \(16, 2\)"),
        ("number", "loss_fn returned float"),
        ("detached", "a tensor without a graph"),
        ("other", "depends on no parameter of the optimizer"),
        ("sparse", "sparse=False"),
        ("complex", "sharded, complex or sparse"),
        ("frozen", "no trainable parameter"),
        ("optimizer", "is no torch.optim.Optimizer"),
    ],
)
def test_what_cannot_be_measured_is_said_in_a_sentence(case, message):
    with pytest.raises(ArgumentError, match=message):
        bad(case)()
