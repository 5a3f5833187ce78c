"""Snapshot: everything that a trial may change, taken at one moment and put back in place."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from surefoot.torch.held import held
from surefoot.torch.memory import Memory, Undo, remember, reseed
from surefoot.torch.sharding import resharded


@dataclass(frozen=True)
class Scene:
    """The objects of a training run: ``whole`` are kept with their tensors, ``light`` (loaders) by position only.

    ``functions`` are the user's own: the models, schedulers and generators that they refer to belong to the scene.
    """

    whole: tuple[Any, ...]
    light: tuple[Any, ...] = ()
    functions: tuple[Any, ...] = ()

    def roots(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Return everything to keep whole, and everything to keep by position."""
        whole, light = held(self.functions)
        return (*self.whole, *whole), (*self.light, *light)


def snapshot(scene: Scene) -> Memory:
    """Return what puts the scene, the global random generators and the global modes back, bit for bit and in place.

    Kept: parameters, buffers, ``.grad`` (values, identity, None), ``requires_grad``, train/eval modes, optimizer state
    and groups, hooks, GradScaler, schedulers, the random state of Python, NumPy, torch and CUDA, every generator that
    loaders and models hold, the loaders' position (attributes, or ``state_dict`` where that says more), grad,
    anomaly and deterministic modes. Not kept: what only a closure or an unrelated object holds, threads, files.

    >>> layer = torch.nn.Linear(2, 1)
    >>> before, weight = layer.weight.tolist(), layer.weight
    >>> memory = snapshot(Scene((layer,)))
    >>> _ = torch.nn.init.zeros_(layer.weight)
    >>> memory.restore()
    >>> layer.weight.tolist() == before, layer.weight is weight
    (True, True)
    """
    ambient = _ambient()
    kept, light = scene.roots()
    resharded(kept)
    memory = remember(kept, light)
    declared = tuple(undo for loader in light for undo in _declared(loader))
    whole = Memory((partial(resharded, kept), *memory.undo, *declared, *ambient))
    if declared:
        # Asking a loader for its state may start an iterator and draw random numbers.
        whole.restore()
    return whole


def position(scene: Scene) -> Memory:
    """Return what puts the random state and the loaders' position back, and nothing else."""
    return snapshot(Scene((), scene.roots()[1]))


def seed_all(scene: Scene, seed: int) -> None:
    """Seed the global generators and every generator that the scene holds."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002  the global generator is what users' augmentations draw from
    torch.manual_seed(seed)
    reseed(*scene.roots(), seed)


def _ambient() -> tuple[Undo, ...]:
    undo: list[Undo] = [
        partial(random.setstate, random.getstate()),
        partial(np.random.set_state, np.random.get_state()),  # noqa: NPY002  the global generator is what is kept
        partial(torch.set_rng_state, torch.get_rng_state()),
        partial(torch.set_grad_enabled, torch.is_grad_enabled()),
        partial(torch.set_default_dtype, torch.get_default_dtype()),
        *(_mode(*mode) for mode in _modes()),
    ]
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        undo.append(partial(torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all()))
    return tuple(undo)


def _modes() -> tuple[tuple[Callable[[], Any], Callable[[Any], object]], ...]:
    return (
        (
            lambda: (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
            lambda mode: torch.autograd.set_detect_anomaly(*mode),
        ),
        (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
    )


def _mode(read: Callable[[], Any], write: Callable[[Any], object]) -> Undo:
    # Setting these warns or costs even when nothing changes.
    before = read()
    return lambda: None if read() == before else write(before)


def _declared(loader: Any) -> tuple[Undo, ...]:
    read, write = getattr(loader, "state_dict", None), getattr(loader, "load_state_dict", None)
    if isinstance(loader, torch.optim.Optimizer) or not callable(read) or not callable(write):
        return ()
    try:
        state = copy.deepcopy(read())
    except (AttributeError, RuntimeError):
        # Accelerate's loaders have the method and, unless they were made stateful, no state.
        return ()

    def undo() -> None:
        # A loader whose attributes already say it all must not be told to start its next epoch in the middle.
        if not _alike(read(), state):
            write(copy.deepcopy(state))

    return (undo,)


def _alike(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_alike(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(_alike, a, b))
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    return np.array_equal(a, b) if isinstance(a, np.ndarray) else bool(a == b)
