"""The problems that the faulty runs are made on: the data and models of the built-in tasks, small and short."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from surefoot.tasks import data
from surefoot.tasks.charlm import Transformer
from surefoot.tasks.finetune import pretrained
from surefoot.tasks.text import text

LN10 = float(np.log(10))
_CONTEXT = 32


@dataclass(frozen=True, eq=False)
class Parts:
    """A fresh model with its data: ``chance`` is the loss of a model that has learnt nothing but the labels' mix."""

    model: nn.Module
    criterion: Callable[[Tensor, Tensor], Tensor]
    x: Tensor
    y: Tensor
    x_val: Tensor
    y_val: Tensor
    chance: float


@dataclass(frozen=True)
class Problem:
    """``make(seed)`` with its optimizer, length, batch, and the rate around which others are tried."""

    make: Callable[[int], Parts]
    optimizer: str
    total: int
    batch: int
    rate: float


def digits(seed: int) -> Parts:
    return _classes(data.digits(), _perceptron(seed, 64, 64, 64, 10))


def digits_cnn(seed: int) -> Parts:
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64, 10),
    )  # fmt: skip
    return _classes(data.digits(), model)


def deep(seed: int) -> Parts:
    """Eight layers without normalisation: the kind that needs its warmup."""
    return _classes(data.digits(), _perceptron(seed, 64, *(48,) * 8, 10))


def mnist1d(seed: int) -> Parts:
    torch.manual_seed(seed)
    layers = [nn.Unflatten(1, (1, 40))]
    for channels in (1, 16, 16):
        layers += [nn.Conv1d(channels, 16, 3, stride=2, padding=1), nn.BatchNorm1d(16), nn.ReLU()]
    return _classes(data.mnist1d(), nn.Sequential(*layers, nn.Flatten(), nn.Linear(80, 10)))


def tabular(seed: int) -> Parts:
    torch.manual_seed(seed)
    patients = data.diabetes()
    model = nn.Sequential(nn.Linear(10, 32), nn.Tanh(), nn.Linear(32, 1), nn.Flatten(0))
    return Parts(model, mse_loss, *patients, float(patients.y_val.var()))


def autoencoder(seed: int) -> Parts:
    """Squeeze a digit through eight numbers; the loss is a mean square, 1 for the mean grey."""
    images = data.digits()
    model = _perceptron(seed, 64, 48, 8, 48, 64)
    spread = float(images.x.var(0).mean())
    return Parts(model, mse_loss, images.x, images.x, images.x_val, images.x_val, spread)


def finetune(seed: int) -> Parts:
    images = data.digits()
    train, held = images.y >= 5, images.y_val >= 5
    model = deepcopy(pretrained())
    torch.manual_seed(seed)
    model[-1] = nn.Linear(128, 5)
    split = (images.x[train], images.y[train] - 5, images.x_val[held], images.y_val[held] - 5)
    return Parts(model, cross_entropy, *split, float(np.log(5)))


def charlm(seed: int) -> Parts:
    """Chance is the entropy of single characters: what the biases alone can learn."""
    page = text()
    torch.manual_seed(seed)
    model = Transformer(len(page.alphabet), context=_CONTEXT, width=32, depth=2, heads=4)
    held = page.windows(torch.linspace(0, len(page.held) - _CONTEXT - 1, 24).long(), _CONTEXT, held=True)
    train = page.windows(torch.arange(0, len(page.train) - _CONTEXT - 1, 5), _CONTEXT)
    share = torch.bincount(page.train).float() / len(page.train)
    return Parts(model, cross_entropy, *train, *held, float(-(share * share.clamp_min(1e-9).log()).sum()))


def _classes(split: data.Split, model: nn.Module) -> Parts:
    return Parts(model, cross_entropy, *split, LN10)


def _perceptron(seed: int, *widths: int) -> nn.Sequential:
    torch.manual_seed(seed)
    pairs = [(nn.Linear(a, b), nn.ReLU()) for a, b in pairwise(widths)]
    return nn.Sequential(*[layer for pair in pairs for layer in pair][:-1])


PROBLEMS: Mapping[str, Problem] = {
    "digits": Problem(digits, "adamw", 600, 64, 0.008),
    "digits_sgd": Problem(digits, "sgd", 600, 64, 0.1),
    "digits_cnn": Problem(digits_cnn, "adam", 300, 64, 0.01),
    "deep": Problem(deep, "adamw", 600, 64, 0.002),
    "mnist1d": Problem(mnist1d, "sgd", 400, 64, 0.2),
    "tabular": Problem(tabular, "adam", 400, 32, 0.003),
    "autoencoder": Problem(autoencoder, "adam", 500, 64, 0.005),
    "finetune": Problem(finetune, "adamw", 300, 32, 0.003),
    "charlm": Problem(charlm, "adamw", 400, 16, 0.015),
}
