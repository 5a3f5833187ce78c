"""Tasks on text: Python's own modules as bytes and as words, and the signals of mnist1d read one by one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from data import byte_windows, signals, words
from setup import Batch, Setup, batches, clipped, drawn
from torch import Tensor, nn, optim
from torch.nn.functional import cross_entropy

from surefoot.tasks.loop import seeded

# Said explicitly, because torch warns where nothing was chosen.
torch.sparse.check_sparse_tensor_invariants.disable()


class PostNorm(nn.Module):
    """A decoder of torch's own layers, normalised after each addition, which is hard to train without warmup."""

    def __init__(self, alphabet: int, length: int, width: int = 32, depth: int = 5) -> None:
        super().__init__()
        self.token, self.place = nn.Embedding(alphabet, width), nn.Embedding(length, width)
        layer = nn.TransformerEncoderLayer(width, 4, 64, dropout=0.0, batch_first=True, norm_first=False)
        self.layers = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.head = nn.Linear(width, alphabet)
        self.length = length

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.token(x) + self.place(torch.arange(self.length))
        mask = nn.Transformer.generate_square_subsequent_mask(self.length)
        return self.head(self.layers(hidden, mask=mask, is_causal=True)).transpose(1, 2)


class Reader(nn.Module):
    """A recurrent network over bytes."""

    def __init__(self, alphabet: int, width: int = 64) -> None:
        super().__init__()
        self.token, self.cell = nn.Embedding(alphabet, width), nn.LSTM(width, width, batch_first=True)
        self.head = nn.Linear(width, alphabet)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.cell(self.token(x))[0]).transpose(1, 2)


class Signal(nn.Module):
    """A recurrent network over the 40 values of a signal, four at a time, that names its class at the end."""

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        self.cell, self.head = nn.GRU(4, width, batch_first=True), nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.cell(x.reshape(len(x), -1, 4))[0][:, -1])


def _windows(length: int, batch: int, count: int) -> tuple[Callable[[torch.Generator], Batch], tuple[Batch, ...], int]:
    train, held, alphabet = byte_windows(length)
    held = held[: batch * count]
    return drawn(train[:, :-1], train[:, 1:], batch), batches(held[:, :-1], held[:, 1:], count), alphabet


def post_norm(seed: int) -> Setup:
    draw, held, alphabet = _windows(24, 8, 8)
    with seeded(seed):
        model = PostNorm(alphabet, 24)
    return Setup(model, optim.Adam(model.parameters(), betas=(0.9, 0.98)), draw, cross_entropy, held)


def lstm(seed: int) -> Setup:
    draw, held, alphabet = _windows(20, 16, 6)
    with seeded(seed):
        model = Reader(alphabet)
    return Setup(model, clipped(optim.SGD(model.parameters(), 1.0), 0.25), draw, cross_entropy, held)


def gru(seed: int) -> Setup:
    data = signals()
    with seeded(seed):
        model = Signal()
    rmsprop = clipped(optim.RMSprop(model.parameters()), 1.0)
    return Setup(model, rmsprop, drawn(data.x, data.y, 32), cross_entropy, batches(data.x_val, data.y_val, 6))


def bytes_bf16(seed: int) -> Setup:
    """Bengio's neural language model (2003) over 6 bytes, its weights kept in bfloat16."""
    train, held, alphabet = byte_windows(6)
    with seeded(seed):
        model = nn.Sequential(
            nn.Embedding(alphabet, 16), nn.Flatten(), nn.Linear(96, 128), nn.Tanh(), nn.Linear(128, alphabet)
        ).bfloat16()

    def loss(logits: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(logits.float(), y)

    adamw = optim.AdamW(model.parameters(), weight_decay=0.1)
    draw = drawn(train[:, :-1], train[:, -1], 128)
    return Setup(model, adamw, draw, loss, batches(held[:768, :-1], held[:768, -1], 6))


class Bag(nn.Module):
    """The mean of the context's vectors names the word in the middle; the vectors have sparse gradients."""

    def __init__(self, vocabulary: int, width: int = 32) -> None:
        super().__init__()
        self.vectors, self.head = nn.Embedding(vocabulary, width, sparse=True), nn.Linear(width, vocabulary)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.vectors(x).mean(1))


def sparse_words(seed: int) -> Setup:
    data = words()
    with seeded(seed):
        model = Bag(1000)
    held = batches(data.x_val[:640], data.y_val[:640], 5)
    return Setup(model, optim.Adagrad(model.parameters()), drawn(data.x, data.y, 128), cross_entropy, held)
