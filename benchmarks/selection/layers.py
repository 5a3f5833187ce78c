"""More tasks: convolutions, residual blocks, attention and recurrence on digits, signals and Python's own modules."""

from __future__ import annotations

from functools import cache

import torch
from data import few, signals, whole_digits
from images import perceptron
from setup import Setup, batches, drawn
from torch import Tensor, nn, optim
from torch.nn.functional import cross_entropy

from surefoot.tasks.loop import seeded


def conv_digits(seed: int) -> Setup:
    data = whole_digits()
    with seeded(seed):
        model = nn.Sequential(
            nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 16, 3, padding=1), nn.GroupNorm(4, 16), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.GroupNorm(4, 32), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10),
        )  # fmt: skip
    adamw = optim.AdamW(model.parameters(), weight_decay=0.05)

    def smoothed(out: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(out, y, label_smoothing=0.1)

    return Setup(model, adamw, drawn(data.x, data.y, 32), smoothed, batches(data.x_val, data.y_val, 4))


class Residual(nn.Module):
    """x + two normalised convolutions of x."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.Conv1d(width, width, 3, padding=1, bias=False), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Conv1d(width, width, 3, padding=1, bias=False), nn.BatchNorm1d(width),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.inner(x))


def residual(seed: int) -> Setup:
    """A small residual network on signals, with the weight decay and momentum of its big sisters."""
    data = signals()
    with seeded(seed):
        model = nn.Sequential(
            nn.Unflatten(1, (1, 40)), nn.Conv1d(1, 16, 5, 2, 2), *(Residual(16) for _ in range(3)), nn.Flatten(),
            nn.Linear(320, 10),
        )  # fmt: skip
    sgd = optim.SGD(model.parameters(), 0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    return Setup(model, sgd, drawn(data.x, data.y, 64), cross_entropy, batches(data.x_val, data.y_val, 4))


@cache
def _first_classes() -> dict[str, Tensor]:
    """Return the weights of a perceptron that knows the first five digits."""
    data = whole_digits()
    known = data.y < 5
    x, y = data.x[known], data.y[known]
    with seeded(12):
        model = perceptron(64, 128, 128, 10)
    adam = optim.Adam(model.parameters(), 2e-3)
    order = torch.Generator().manual_seed(12)
    for _ in range(500):
        pick = torch.randint(len(x), (64,), generator=order)
        adam.zero_grad()
        cross_entropy(model(x[pick]), y[pick]).backward()
        adam.step()
    return model.state_dict()


def fine_tuned(seed: int) -> Setup:
    """All layers of a network that knows five digits learn the other five from 200 of them."""
    data = whole_digits()
    new = few(data._replace(x=data.x[data.y >= 5], y=data.y[data.y >= 5]), 200)
    held = data.y_val >= 5
    with seeded(seed):
        model = perceptron(64, 128, 128, 10)
        model.load_state_dict(_first_classes())
    adamw = optim.AdamW(model.parameters(), weight_decay=0.01)
    return Setup(model, adamw, drawn(new.x, new.y, 16), cross_entropy, batches(data.x_val[held], data.y_val[held], 2))
