"""The data of the built-in tasks: bundled with a package or generated here, never downloaded."""

from __future__ import annotations

import os
import random
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_PARTS = ("x", "y", "x_test", "y_test")


class Split(NamedTuple):
    """Inputs and targets to train on, and those that are held out."""

    x: Tensor
    y: Tensor
    x_val: Tensor
    y_val: Tensor


def split(x: NDArray[np.float64], y: NDArray[np.float64] | NDArray[np.int64], held: float = 0.2) -> Split:
    """Shuffle (always the same way), standardise by the training part, and hold out the fraction ``held``.

    >>> [len(part) for part in split(np.random.rand(10, 3), np.arange(10))]
    [8, 8, 2, 2]
    """
    order = np.random.default_rng(0).permutation(len(x))
    cut = len(x) - int(len(x) * held + 0.5)
    first, last = order[:cut], order[cut:]
    inputs = torch.from_numpy((x - x[first].mean()) / x[first].std()).float()
    targets = torch.from_numpy(y)
    return Split(inputs[first], targets[first], inputs[last], targets[last])


@cache
def digits() -> Split:
    """Return scikit-learn's 1797 digits of 8 x 8 pixels (BSD-3; UCI, Alpaydin and Kaynak 1998), a fifth held out."""
    from sklearn.datasets import load_digits  # noqa: PLC0415  imported by the tasks that need it

    pixels, labels = load_digits(return_X_y=True)
    return split(pixels, labels)


@cache
def diabetes() -> Split:
    """Return scikit-learn's 442 patients with 10 measurements each (BSD-3; Efron et al., 2004), targets standardised.

    Both the disease progression and the measurements have mean 0 and variance 1 over the training part.
    """
    from sklearn.datasets import load_diabetes  # noqa: PLC0415  imported by the tasks that need it

    rows, progress = load_diabetes(return_X_y=True)
    parts = split(rows, progress)
    mean, spread = parts.y.mean(), parts.y.std()
    return parts._replace(y=((parts.y - mean) / spread).float(), y_val=((parts.y_val - mean) / spread).float())


@cache
def mnist1d() -> Split:
    """Return MNIST-1D (Apache-2.0; Greydanus and Kobak 2020, arXiv 2011.14439): 4000 and 1000 signals of length 40.

    It is generated once, in about 2 s, and kept as ``mnist1d.npz`` in the user's cache directory.
    """
    path = cache_dir() / "mnist1d.npz"
    arrays = _kept(path)
    if arrays is None:
        arrays = _generate_mnist1d()
        # Where nothing can be written it is made again the next time.
        with suppress(OSError):
            _save(path, arrays)
    x, y, x_val, y_val = (arrays[name] for name in _PARTS)
    return Split(*map(torch.from_numpy, (x.astype(np.float32), y, x_val.astype(np.float32), y_val)))


def cache_dir() -> Path:
    """Return the directory for generated data: ``$XDG_CACHE_HOME/surefoot``, or ``~/.cache/surefoot``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "surefoot"


def _kept(path: Path) -> dict[str, Any] | None:
    try:
        with np.load(path) as file:
            return {name: file[name] for name in _PARTS}
    except (OSError, EOFError, KeyError, ValueError, BadZipFile):
        return None


def _generate_mnist1d() -> dict[str, Any]:
    # The package seeds the generators of the process: the caller's states are put back.
    from mnist1d.data import get_dataset_args, make_dataset  # noqa: PLC0415  slow: imports matplotlib and requests

    states = random.getstate(), np.random.get_state()  # noqa: NPY002  the global state is what must be kept
    try:
        made = make_dataset(get_dataset_args())
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002  same
    return {name: made[name] for name in _PARTS}


def _save(path: Path, arrays: dict[str, Any]) -> None:
    # Written beside its place and renamed, so that a killed process leaves no half file.
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".npz", delete=False) as file:
        try:
            np.savez(file, **arrays)
            file.close()
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
