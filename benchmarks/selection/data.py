"""The data of the suite: what scikit-learn, Python and mnist1d carry with them; nothing is downloaded."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import torch
from sklearn import datasets
from torch import Tensor

from surefoot.tasks.data import Split
from surefoot.tasks.data import digits as whole_digits
from surefoot.tasks.data import mnist1d as signals
from surefoot.tasks.text import sources

__all__ = [
    "byte_windows", "few", "friedman", "noisy_digits", "patches", "pixels", "signals", "table", "whole_digits",
    "words",
]  # fmt: skip


@cache
def table(name: str) -> Split:
    """Return scikit-learn's table ``name`` with standardised columns, three tenths held out."""
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return _split(x, y)


@cache
def friedman() -> Split:
    """Return Friedman's first problem (1991) with noise: 5 of the 10 inputs matter; targets standardised."""
    x, y = datasets.make_friedman1(1500, noise=1.0, random_state=0)
    return _split(x, ((y - y.mean()) / y.std()).astype(np.float32))


def _split(x: Any, y: Any) -> Split:
    order = np.random.default_rng(1).permutation(len(x))
    cut = int(0.7 * len(x))
    first, last = order[:cut], order[cut:]
    inputs = torch.from_numpy((x - x[first].mean(0)) / x[first].std(0)).float()
    targets = torch.from_numpy(y)
    return Split(inputs[first], targets[first], inputs[last], targets[last])


@cache
def noisy_digits(share: float = 0.4) -> Split:
    """Return the first 600 training digits, ``share`` of the training labels drawn at random."""
    clean = whole_digits()
    order = torch.Generator().manual_seed(3)
    wrong = torch.rand(600, generator=order) < share
    labels = torch.where(wrong, torch.randint(10, (600,), generator=order), clean.y[:600])
    return Split(clean.x[:600], labels, clean.x_val, clean.y_val)


@cache
def _photo(name: str) -> Tensor:
    return torch.from_numpy(datasets.load_sample_image(name).astype(np.float32) / 127.5 - 1)


@cache
def patches(name: str, size: int, count: int = 4000) -> Tensor:
    """Return ``count`` grey square patches of the photograph, mean removed: [count, size, size]."""
    grey = _photo(name).mean(-1)
    order = torch.Generator().manual_seed(1)
    rows = torch.randint(grey.shape[0] - size, (count,), generator=order)
    columns = torch.randint(grey.shape[1] - size, (count,), generator=order)
    span = torch.arange(size)
    found = grey[(rows[:, None] + span)[:, :, None], (columns[:, None] + span)[:, None, :]]
    return (found - found.mean((1, 2), keepdim=True)) / found.std()


@cache
def pixels(name: str) -> Split:
    """Return places in [-1, 1]^2 and colours of every fifth pixel of the photograph, a fifth of them held out."""
    image = _photo(name)[::5, ::5]
    down, across = torch.meshgrid(*(torch.linspace(-1, 1, n) for n in image.shape[:2]), indexing="ij")
    x, y = torch.stack((down, across), -1).reshape(-1, 2), image.reshape(-1, 3)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(1))
    cut = int(0.8 * len(x))
    return Split(x[order[:cut]], y[order[:cut]], x[order[cut:]], y[order[cut:]])


@cache
def byte_windows(length: int) -> tuple[Tensor, Tensor, int]:
    """Return bytes of Python's own modules as windows [n, length + 1] to train on and held out, and the alphabet."""
    text = sources()[:300_000]
    alphabet = {c: k for k, c in enumerate(sorted(set(text)))}
    codes = torch.tensor([alphabet[c] for c in text])
    rows = codes[: len(codes) // (length + 1) * (length + 1)].reshape(-1, length + 1)
    cut = int(0.9 * len(rows))
    return rows[:cut], rows[cut:], len(alphabet)


@cache
def words(vocabulary: int = 1000, reach: int = 2) -> Split:
    """Return contexts of 2 ``reach`` words of Python's own modules, and the word in their middle (rare ones are 0)."""
    found = re.findall(r"[a-z]+", sources().lower())
    common = {word: k + 1 for k, (word, _) in enumerate(Counter(found).most_common(vocabulary - 1))}
    codes = torch.tensor([common.get(word, 0) for word in found])
    rows = codes.unfold(0, 2 * reach + 1, 1)
    context = torch.cat((rows[:, :reach], rows[:, reach + 1 :]), 1)
    cut = int(0.9 * len(rows))
    return Split(context[:cut], rows[:cut, reach], context[cut:], rows[cut:, reach])


def few(data: Split, count: int) -> Split:
    """Return the data with the first ``count`` training rows only."""
    return data._replace(x=data.x[:count], y=data.y[:count])
