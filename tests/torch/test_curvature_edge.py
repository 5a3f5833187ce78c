"""The edge is where torch's optimizers leave a quadratic: they come back just below it and leave just above."""

import pytest
import torch
from torch import nn

import surefoot.torch as st

CURVATURE = (0.3, 1.0, 2.0, 5.0)
FROZEN = {"eps": 1.0}  # beside gradients of 1e-40, P is 1
SMALL = 1e-40


class Bowl(nn.Module):
    """The loss is w' H w / 2 with the eigenvalues CURVATURE in a turned basis."""

    def __init__(self, scale):
        super().__init__()
        basis, _ = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
        self.hessian = basis @ torch.diag(torch.tensor(CURVATURE, dtype=torch.float64)) @ basis.T
        self.weight = nn.Parameter(torch.full((4,), scale, dtype=torch.float64))

    def forward(self):
        return 0.5 * self.weight @ self.hessian @ self.weight


CASES = [
    ("SGD", {}, 2.0 / 5.0),
    ("SGD", {"momentum": 0.9}, 3.8 / 5.0),
    ("SGD", {"momentum": 0.9, "nesterov": True}, 3.8 / 2.8 / 5.0),
    ("SGD", {"momentum": 0.5, "dampening": 0.5}, 6.0 / 5.0),
    ("SGD", {"momentum": 0.9, "weight_decay": 1.0}, 3.8 / 6.0),
    ("Adam", {"betas": (0.9, 0.999), **FROZEN}, 38.0 / 5.0),
    ("AdamW", {"betas": (0.5, 0.999), "weight_decay": 0.0, **FROZEN}, 6.0 / 5.0),
    ("RMSprop", {"momentum": 0.5, **FROZEN}, 3.0 / 5.0),
]


def grown(kind, options, lr, updates=1500):
    """Return how many times larger the weights are after the run than in its first third, when Adam's mean is warm."""
    bowl = Bowl(SMALL)
    optimizer = getattr(torch.optim, kind)(bowl.parameters(), lr=lr, **options)
    sizes = []
    for _ in range(updates):
        optimizer.zero_grad()
        bowl().backward()
        optimizer.step()
        sizes.append(bowl.weight.norm().item())
        if sizes[-1] > 1e-10:
            break
    third = len(sizes) // 3
    return max(sizes[-third:]) / max(sizes[third : 2 * third])


@pytest.mark.parametrize(("kind", "options", "known"), CASES)
@pytest.mark.parametrize("hvp", ["difference", "exact"])
def test_just_below_the_edge_it_comes_back_and_just_above_it_leaves(kind, options, known, hvp):
    bowl = Bowl(SMALL)
    optimizer = getattr(torch.optim, kind)(bowl.parameters(), lr=0.01, **options)
    said = st.sharpness(bowl, optimizer, bowl, hvp=hvp, tolerance=1e-6)
    assert said.edge == pytest.approx(known, rel=1e-5)
    assert grown(kind, options, 0.98 * said.edge) < 1.0
    assert grown(kind, options, 1.02 * said.edge) > 1.0


def test_gradient_descent_on_a_network_lives_at_the_edge():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 24), nn.Tanh(), nn.Linear(24, 1)).double()
    x = torch.randn(32, 4, dtype=torch.float64)
    y = (3.0 * x[:, :1]).sin() * x[:, 1:2]
    sgd = torch.optim.SGD(model.parameters(), lr=0.15)
    ratios = []
    for update in range(2400):
        if update % 400 == 0:
            ratios.append(st.sharpness(model, sgd, nn.functional.mse_loss, [(x, y)]).ratio)
        sgd.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        sgd.step()
    assert ratios[0] < 0.8
    assert ratios[-1] == pytest.approx(1.0, abs=0.15)
