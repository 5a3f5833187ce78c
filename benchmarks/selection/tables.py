"""Tasks on tables: scikit-learn's wine, cancer and iris, and Friedman's regression problem."""

from __future__ import annotations

from data import friedman, table
from images import perceptron
from setup import Setup, batches, drawn
from torch import nn, optim
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, mse_loss

from surefoot.tasks.loop import seeded


def logistic(seed: int) -> Setup:
    """Convex, all rows in each batch on average, plain gradient descent."""
    data = table("breast_cancer")
    with seeded(seed):
        model = nn.Sequential(nn.Linear(30, 1), nn.Flatten(0))
    held = batches(data.x_val, data.y_val.float(), 1)
    draw = drawn(data.x, data.y.float(), 256)
    return Setup(model, optim.SGD(model.parameters(), 0.1), draw, binary_cross_entropy_with_logits, held)


def tiny_batch(seed: int) -> Setup:
    """Two bottles of wine an update."""
    data = table("wine")
    with seeded(seed):
        model = perceptron(13, 24, 3)
    sgd = optim.SGD(model.parameters(), 0.1, momentum=0.9)
    return Setup(model, sgd, drawn(data.x, data.y, 2), cross_entropy, batches(data.x_val, data.y_val, 2))


def regression(seed: int) -> Setup:
    data = friedman()
    with seeded(seed):
        model = nn.Sequential(perceptron(10, 64, 64, 1, norm=nn.BatchNorm1d), nn.Flatten(0))
    adamw = optim.AdamW(model.parameters(), weight_decay=0.05)
    return Setup(model, adamw, drawn(data.x, data.y, 64), mse_loss, batches(data.x_val, data.y_val, 5))


def memorised(seed: int) -> Setup:
    """A wide net on 105 irises under RMSprop: the training loss goes to zero, the validation loss turns round."""
    data = table("iris")
    with seeded(seed):
        model = perceptron(4, 256, 256, 3)
    rmsprop = optim.RMSprop(model.parameters())
    return Setup(model, rmsprop, drawn(data.x, data.y, 32), cross_entropy, batches(data.x_val, data.y_val, 1))
