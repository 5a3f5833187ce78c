"""Memory: what a graph of live objects held at one moment, and how to put it back in place."""

from __future__ import annotations

import collections
import copy
import io
import random
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.autograd.grad_mode import _unsafe_preserve_version_counter

Undo = Callable[[], object]
_WHOLE, _OWN, _LIGHT = "whole", "own", "light"
_DEEPEST, _LONGEST = 8, 1000
_ATOMS = (
    *(str, bytes, int, float, complex, bool, type(None), type, torch.dtype, torch.device, torch.Size),
    *(types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.GeneratorType),
    io.IOBase,
    # An iterator of worker processes changes behind our back; trials never touch the user's own.
    torch.utils.data.dataloader._BaseDataLoaderIter,  # noqa: SLF001  it has no public name
)
_RANDOM = (torch.Generator, random.Random, np.random.Generator, np.random.RandomState)
_CONTAINERS = (dict, list, tuple, set, collections.deque)


@dataclass(frozen=True)
class Memory:
    """What to do to put every remembered object back as it was; ``restore`` may be called any number of times."""

    undo: tuple[Undo, ...]

    def restore(self) -> None:
        """Put everything back in place; an interrupt in the middle is raised again after the work is complete."""
        try:
            self._apply()
        except KeyboardInterrupt:
            self._apply()
            raise

    def _apply(self) -> None:
        for undo in self.undo:
            undo()


def remember(whole: Iterable[Any], light: Iterable[Any] = ()) -> Memory:
    """Return the Memory of everything reachable from ``whole`` and of the positions reachable from ``light``.

    ``whole`` roots (models, optimizers, schedulers) keep tensors, arrays, containers and attributes; objects that a
    Module merely refers to are left alone. ``light`` roots (loaders, samplers, datasets) keep attributes, short
    containers and random generators, never the data.
    """
    return Memory(tuple(_undo(thing) for thing, _ in _reachable(whole, light)))


def reseed(whole: Iterable[Any], light: Iterable[Any], seed: int) -> None:
    """Seed every random generator reachable from the roots: the k-th one that is found gets ``seed`` + k."""
    found = (thing for thing, _ in _reachable(whole, light) if isinstance(thing, _RANDOM))
    for k, generator in enumerate(found):
        if isinstance(generator, torch.Generator):
            generator.manual_seed(seed + k)
        elif isinstance(generator, np.random.Generator):
            generator.bit_generator.state = type(generator.bit_generator)(seed + k).state
        else:
            generator.seed(seed + k)


def is_open(thing: Any) -> bool:
    """Return whether ``thing``, or what it holds, is an iterator that can be neither rewound nor remembered."""
    held = [thing, *(value for owner, _ in _reachable((), (thing,)) for value in _children(owner, _LIGHT))]
    return any(isinstance(value, Iterator) and (isinstance(value, _ATOMS) or not _slots(value)) for value in held)


def _reachable(whole: Iterable[Any], light: Iterable[Any]) -> Iterator[tuple[Any, str]]:
    seen: dict[int, Any] = {}
    # Depth first, whole roots before light ones: what both reach is kept whole.
    todo = [(root, _LIGHT, 0) for root in reversed(list(light))] + [(root, _WHOLE, 0) for root in reversed(list(whole))]
    while todo:
        thing, reach, depth = todo.pop()
        if id(thing) in seen or isinstance(thing, _ATOMS) or not _wanted(thing, reach, depth):
            continue
        seen[id(thing)] = thing
        yield thing, reach
        below = _OWN if isinstance(thing, torch.nn.Module) and reach != _LIGHT else reach
        todo.extend((child, below, depth + 1) for child in _children(thing, reach))


def _wanted(thing: Any, reach: str, depth: int) -> bool:
    if isinstance(thing, _RANDOM):
        return True
    if reach == _LIGHT:
        data = isinstance(thing, (torch.Tensor, np.ndarray, torch.nn.Module))
        return not data and depth <= _DEEPEST and not (isinstance(thing, _CONTAINERS) and len(thing) > _LONGEST)
    if isinstance(thing, torch.Tensor):
        return not thing.is_inference()
    return reach == _WHOLE or isinstance(thing, (torch.nn.Module, np.ndarray, *_CONTAINERS))


def _children(thing: Any, reach: str) -> list[Any]:
    if isinstance(thing, torch.Tensor):
        return [] if _gradient(thing) is None else [thing.grad]
    if isinstance(thing, dict):
        return [*thing.keys(), *thing.values()] if reach != _LIGHT else list(thing.values())
    if isinstance(thing, _CONTAINERS):
        return list(thing)
    return [] if isinstance(thing, (*_RANDOM, np.ndarray, *_ATOMS)) else [value for _, value in _slots(thing)]


def _slots(thing: Any) -> list[tuple[str, Any]]:
    named = list(getattr(thing, "__dict__", {}).items())
    for cls in type(thing).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in {"__dict__", "__weakref__"} and hasattr(thing, name):
                named += [(name, getattr(thing, name))]
    return named


def _undo(thing: Any) -> Undo:
    if isinstance(thing, torch.Tensor):
        return _tensor(thing)
    if isinstance(thing, np.ndarray):
        return _array(thing)
    if isinstance(thing, _RANDOM):
        return _generator(thing)
    if isinstance(thing, _CONTAINERS):
        return _container(thing)
    return _attributes(thing)


def _tensor(tensor: torch.Tensor) -> Undo:
    if tensor.layout != torch.strided:
        return _sparse(tensor)
    alias, grad, needs = tensor.data, _gradient(tensor), tensor.requires_grad
    # Elements that share memory (an expanded buffer) cannot be written one by one: write the memory they share.
    once = tuple(slice(0, 1) if stride == 0 else slice(None) for stride in alias.stride())
    target = alias[once] if 0 in alias.stride() else alias
    saved = target.clone()
    # A graph that was built before the trial, and a writer that watches versions, must not see that one took place.
    version = _unsafe_preserve_version_counter(tensor)

    def undo() -> None:
        if _place(tensor.data) != _place(alias):
            tensor.data = alias
        target.copy_(saved)
        if tensor.is_leaf:
            tensor.requires_grad_(needs)
            tensor.grad = grad
        version.__exit__()

    return undo


def _place(tensor: torch.Tensor) -> tuple[Any, ...]:
    return tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype, tensor.device


def _sparse(tensor: torch.Tensor) -> Undo:
    saved, grad = tensor.detach().clone(), _gradient(tensor)

    def undo() -> None:
        with torch.no_grad():
            tensor.copy_(saved)
        if tensor.is_leaf:
            tensor.grad = grad

    return undo


def _gradient(tensor: torch.Tensor) -> torch.Tensor | None:
    return tensor.grad if tensor.is_leaf else None


def _array(array: np.ndarray[Any, Any]) -> Undo:
    saved = array.copy()
    return lambda: np.copyto(array, saved) if array.flags.writeable else None


def _generator(generator: Any) -> Undo:
    if isinstance(generator, np.random.Generator):
        bits = generator.bit_generator
        words = copy.deepcopy(bits.state)
        return lambda: setattr(bits, "state", copy.deepcopy(words))
    if isinstance(generator, random.Random):
        return partial(generator.setstate, generator.getstate())
    return partial(generator.set_state, generator.get_state())


def _container(thing: Any) -> Undo:
    if isinstance(thing, tuple):
        return lambda: None
    keep = list(thing.items()) if isinstance(thing, dict) else list(thing)

    def undo() -> None:
        if _same(list(thing.items()) if isinstance(thing, dict) else list(thing), keep):
            return
        thing.clear()
        getattr(thing, "update" if isinstance(thing, (dict, set)) else "extend")(keep)

    return undo


def _same(now: list[Any], keep: list[Any]) -> bool:
    if len(now) != len(keep):
        return False
    pairs = zip(now, keep, strict=True)
    return all(a is b or (type(a) is type(b) is tuple and len(a) == 2 and _pair(a, b)) for a, b in pairs)


def _pair(a: tuple[Any, Any], b: tuple[Any, Any]) -> bool:
    return a[0] is b[0] and a[1] is b[1]


def _attributes(thing: Any) -> Undo:
    named = _slots(thing)
    names = set(getattr(thing, "__dict__", {}))

    def undo() -> None:
        now = getattr(thing, "__dict__", {})
        for name in [name for name in now if name not in names]:
            del now[name]
        for name, value in named:
            if name in now or name in names:
                now[name] = value
            else:
                object.__setattr__(thing, name, value)

    return undo
