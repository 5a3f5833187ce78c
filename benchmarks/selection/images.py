"""Tasks on pictures: photographs of scikit-learn, its digits, and the signals of mnist1d."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import torch
from data import noisy_digits, patches, pixels, signals, whole_digits
from setup import Autocast, Lion, Setup, batches, drawn
from torch import Tensor, nn, optim
from torch.nn.functional import cross_entropy, mse_loss

from surefoot.tasks.loop import seeded


def perceptron(*widths: int, act: type[nn.Module] = nn.ReLU, norm: type[nn.Module] | None = None) -> nn.Sequential:
    layers: list[nn.Module] = []
    for into, out in pairwise(widths):
        layers += [nn.Linear(into, out), *([norm(out)] if norm else []), act()]
    keep = -2 if norm else -1
    return nn.Sequential(*layers[:keep])


def autoencoder(seed: int) -> Setup:
    rows = patches("china.jpg", 8).flatten(1)
    with seeded(seed):
        model = nn.Sequential(perceptron(64, 96, 12, act=nn.GELU), nn.GELU(), perceptron(12, 96, 64, act=nn.GELU))
    held = batches(rows[3500:], rows[3500:], 4)
    return Setup(model, Lion(model.parameters()), drawn(rows[:3500], rows[:3500], 32), mse_loss, held)


def coordinates(seed: int) -> Setup:
    photo = pixels("flower.jpg")
    waves = torch.randn(2, 32, generator=torch.Generator().manual_seed(5)) * 8

    def lifted(x: Tensor) -> Tensor:
        return torch.cat(((x @ waves).sin(), (x @ waves).cos()), -1)

    with seeded(seed):
        model = perceptron(64, 64, 64, 3)
    x = lifted(photo.x)
    held = batches(lifted(photo.x_val[:1536]), photo.y_val[:1536], 6)
    return Setup(model, optim.NAdam(model.parameters()), drawn(x, photo.y, 256), mse_loss, held)


def denoiser(seed: int) -> Setup:
    clean = patches("flower.jpg", 12, 1500)[:, None]
    noisy = clean + 0.25 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(2))
    with seeded(seed):
        layers: list[nn.Module] = []
        for into in (1, 12, 12):
            layers += [nn.Conv2d(into, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12), nn.ReLU()]
        model = nn.Sequential(*layers, nn.Conv2d(12, 1, 3, padding=1))

    def summed(out: Tensor, target: Tensor) -> Tensor:
        return mse_loss(out, target, reduction="sum")

    sgd = optim.SGD(model.parameters(), 0.1, momentum=0.9, nesterov=True)
    return Setup(model, sgd, drawn(noisy[:1372], clean[:1372], 16), summed, batches(noisy[1372:], clean[1372:], 8))


def deep_tanh(seed: int) -> Setup:
    data = whole_digits()
    with seeded(seed):
        model = perceptron(64, *[40] * 10, 10, act=nn.Tanh)
        for layer in model[::2]:
            nn.init.xavier_normal_(layer.weight)  # type: ignore[arg-type]  # the even layers are linear
    sgd = optim.SGD(model.parameters(), 0.1, momentum=0.9)
    return Setup(model, sgd, drawn(data.x, data.y, 64), cross_entropy, batches(data.x_val, data.y_val, 5))


def wrong_labels(seed: int) -> Setup:
    data = noisy_digits()
    with seeded(seed):
        model = perceptron(64, 256, 256, 10)
    adamw = optim.AdamW(model.parameters(), weight_decay=0.01)
    return Setup(model, adamw, drawn(data.x, data.y, 64), cross_entropy, batches(data.x_val, data.y_val, 5))


def layer_norm_bf16(seed: int) -> Setup:
    data = signals()
    with seeded(seed):
        model = Autocast(perceptron(40, 128, 128, 10, act=nn.GELU, norm=nn.LayerNorm))
    adam = optim.Adam(model.parameters())
    return Setup(model, adam, drawn(data.x, data.y, 64), cross_entropy, batches(data.x_val, data.y_val, 6))


class Views(nn.Module):
    """Embed two noisy views of each digit, both halves of the last axis, on the unit sphere."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = perceptron(64, 128, 32)

    def forward(self, x: Tensor) -> Tensor:
        first, second = (nn.functional.normalize(self.embed(half), dim=-1) for half in x.chunk(2, -1))
        return 5 * first @ second.T


def contrastive(seed: int) -> Setup:
    data = whole_digits()
    noise = torch.Generator().manual_seed(4)

    def views(x: Tensor, order: torch.Generator) -> Tensor:
        kept = [x * (torch.rand(x.shape, generator=order) > 0.5) for _ in range(2)]
        return torch.cat(kept, -1)

    def draw(order: torch.Generator) -> tuple[Tensor, Tensor]:
        pick = torch.randint(len(data.x), (64,), generator=order)
        return views(data.x[pick], order), torch.arange(64)

    with seeded(seed):
        model = Views()
    held = tuple((views(data.x_val[64 * k : 64 * k + 64], noise), torch.arange(64)) for k in range(5))
    return Setup(model, optim.SGD(model.parameters(), 0.1, momentum=0.9), draw, cross_entropy, held)


@cache
def _features() -> dict[str, Tensor]:
    """Return the weights of a perceptron that knows the first five classes of mnist1d."""
    data = signals()
    known = data.y < 5
    x, y = data.x[known], data.y[known]
    with seeded(11):
        model = perceptron(40, 128, 128, 10)
    adam = optim.Adam(model.parameters(), 2e-3)
    order = torch.Generator().manual_seed(11)
    for _ in range(600):
        pick = torch.randint(len(x), (64,), generator=order)
        loss = cross_entropy(model(x[pick]), y[pick])
        adam.zero_grad()
        loss.backward()
        adam.step()
    return model.state_dict()


def fine_tuned_head(seed: int) -> Setup:
    data = signals()
    few = torch.arange(600)
    with seeded(seed):
        model = perceptron(40, 128, 128, 10)
        model.load_state_dict(_features())
        model[-1].reset_parameters()  # type: ignore[operator]  # the last layer is linear
    for p in model[:-1].parameters():
        p.requires_grad_(False)
    adagrad = optim.Adagrad(model[-1].parameters())
    return Setup(model, adagrad, drawn(data.x[few], data.y[few], 32), cross_entropy, batches(data.x_val, data.y_val, 6))
