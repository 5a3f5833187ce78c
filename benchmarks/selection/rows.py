"""More tasks on rows of numbers: summed losses, likelihoods, ratings, batches of one, momentum of 0.98."""

from __future__ import annotations

import torch
from data import few, friedman, table
from images import perceptron
from setup import Setup, batches, clipped, drawn
from torch import Tensor, nn, optim
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    gaussian_nll_loss,
    huber_loss,
    mse_loss,
    softplus,
)

from surefoot.tasks.data import diabetes, digits
from surefoot.tasks.loop import seeded


def summed_errors(seed: int) -> Setup:
    """Squares summed over the batch, as textbooks write them; plain gradient descent overfits 354 patients."""
    data = diabetes()
    with seeded(seed):
        model = nn.Sequential(perceptron(10, 64, 1, act=nn.Tanh), nn.Flatten(0))

    def summed(out: Tensor, y: Tensor) -> Tensor:
        return mse_loss(out, y, reduction="sum")

    sgd = optim.SGD(model.parameters(), 0.1)
    return Setup(model, sgd, drawn(data.x, data.y, 50), summed, batches(data.x_val, data.y_val, 2))


def likelihood(seed: int) -> Setup:
    """Mean and spread of Friedman's targets: the loss may fall below zero."""
    data = friedman()
    with seeded(seed):
        model = perceptron(10, 48, 48, 2, act=nn.SiLU)

    def loss(out: Tensor, y: Tensor) -> Tensor:
        return gaussian_nll_loss(out[:, 0], y, softplus(out[:, 1]) + 1e-3)

    adamw = optim.AdamW(model.parameters(), weight_decay=0.01)
    return Setup(model, adamw, drawn(data.x, data.y, 64), loss, batches(data.x_val, data.y_val, 3))


def heavy_momentum(seed: int) -> Setup:
    data = friedman()
    with seeded(seed):
        model = nn.Sequential(perceptron(10, 64, 64, 1), nn.Flatten(0))
    sgd = optim.SGD(model.parameters(), 0.1, momentum=0.98)
    return Setup(model, sgd, drawn(data.x, data.y, 32), huber_loss, batches(data.x_val, data.y_val, 5))


def one_by_one(seed: int) -> Setup:
    """A single row of the cancer table an update, under Adam."""
    data = table("breast_cancer")
    with seeded(seed):
        model = nn.Sequential(perceptron(30, 16, 1), nn.Flatten(0))
    adam = optim.Adam(model.parameters())
    held = batches(data.x_val, data.y_val.float(), 2)
    return Setup(model, adam, drawn(data.x, data.y.float(), 1), binary_cross_entropy_with_logits, held)


class Ratings(nn.Module):
    """A rating is the product of two vectors and two biases."""

    def __init__(self, people: int, things: int, width: int = 8) -> None:
        super().__init__()
        self.people, self.things = nn.Embedding(people, width + 1), nn.Embedding(things, width + 1)
        for table_ in (self.people, self.things):
            nn.init.normal_(table_.weight, std=0.1)

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.people(x[:, 0]), self.things(x[:, 1])
        return (a[:, 1:] * b[:, 1:]).sum(1) + a[:, 0] + b[:, 0]


def ratings(seed: int) -> Setup:
    """20,000 noisy ratings of 200 things by 300 people, made from vectors of five numbers."""
    order = torch.Generator().manual_seed(6)
    who = torch.randint(300, (20_000,), generator=order)
    what = torch.randint(200, (20_000,), generator=order)
    taste, trait = torch.randn(300, 5, generator=order), torch.randn(200, 5, generator=order)
    y = (taste[who] * trait[what]).sum(1) / 5**0.5 + 0.5 * torch.randn(20_000, generator=order)
    x = torch.stack((who, what), 1)
    with seeded(seed):
        model = Ratings(300, 200)
    adagrad = optim.Adagrad(model.parameters())
    return Setup(model, adagrad, drawn(x[:18_000], y[:18_000], 256), mse_loss, batches(x[18_000:], y[18_000:], 4))


def dropped_out(seed: int) -> Setup:
    """Half of the units are dropped; 300 digits are soon known by heart all the same."""
    data = few(digits(), 300)
    with seeded(seed):
        model = nn.Sequential(
            nn.Linear(64, 256), nn.ReLU(), nn.Dropout(0.5), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10)
        )
    adam = optim.Adam(model.parameters())
    return Setup(model, adam, drawn(data.x, data.y, 50), cross_entropy, batches(data.x_val, data.y_val, 4))


def narrow_bf16(seed: int) -> Setup:
    """Weights kept in bfloat16 under momentum: small updates are lost in rounding."""
    data = digits()
    with seeded(seed):
        model = nn.Sequential(perceptron(64, 64, 64, 10)).bfloat16()

    def loss(logits: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(logits.float(), y)

    sgd = clipped(optim.SGD(model.parameters(), 0.1, momentum=0.9), 1.0)
    x, held = data.x.bfloat16(), data.x_val.bfloat16()
    return Setup(model, sgd, drawn(x, data.y, 32), loss, batches(held, data.y_val, 4))


def adamax_code(seed: int) -> Setup:
    """A variational autoencoder of digits: reconstruction and divergence, summed over the pixels."""
    data = digits()
    with seeded(seed):
        model = Variational()

    def loss(out: Tensor, x: Tensor) -> Tensor:
        mean, spread, seen = out[:, :6], out[:, 6:12], out[:, 12:]
        divergence = 0.5 * (mean**2 + spread.exp() - 1 - spread).sum(1)
        return (0.5 * ((seen - x) ** 2).sum(1) + divergence).mean()

    adamax = optim.Adamax(model.parameters())
    return Setup(model, adamax, drawn(data.x, data.x, 64), loss, batches(data.x_val, data.x_val, 3))


class Variational(nn.Module):
    """Mean, log variance, and what is decoded from a draw (in evaluation, from the mean)."""

    def __init__(self) -> None:
        super().__init__()
        self.encode, self.decode = perceptron(64, 128, 12, act=nn.SiLU), perceptron(6, 128, 64, act=nn.SiLU)

    def forward(self, x: Tensor) -> Tensor:
        code = self.encode(x)
        mean, spread = code[:, :6], code[:, 6:].clamp(-8, 8)
        noise = torch.randn_like(mean) if self.training else torch.zeros_like(mean)
        return torch.cat((mean, spread, self.decode(mean + (0.5 * spread).exp() * noise)), 1)
