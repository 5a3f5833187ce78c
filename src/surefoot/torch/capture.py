"""Capture: the state of a training run as one flat dict of live tensors and plain values, and how to put one back."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

Key = tuple[str | int, ...]
Held = dict[Key, Any]
# The rate belongs to the schedule, the parameters to the model.
_NOT_KEPT = frozenset({"params", "lr", "initial_lr"})


@dataclass(frozen=True)
class Run:
    """Who takes part in a run; ``scheduled`` are the fields of the groups that a scheduler writes."""

    models: tuple[torch.nn.Module, ...]
    optimizers: tuple[Optimizer, ...]
    scaler: Any = None
    loader: Any = None
    scheduled: frozenset[str] = frozenset()

    def tensors(self) -> Iterator[tuple[Key, Tensor]]:
        """Yield every parameter and buffer by key, those of the optimizers that no model owns included."""
        seen: set[int] = set()
        for m, model in enumerate(self.models):
            for name, tensor in (*model.named_parameters(), *model.named_buffers()):
                seen.add(id(tensor))
                yield ("model", m, name), tensor.detach()
        for o, optimizer in enumerate(self.optimizers):
            for k, parameter in enumerate(parameters(optimizer)):
                if id(parameter) not in seen:
                    yield ("loose", o, k), parameter.detach()


def parameters(optimizer: Optimizer) -> list[Tensor]:
    """Return the parameters of all groups in order."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def captured(run: Run) -> Held:
    """Return what a rollback needs, live tensors not copied.

    It is weights, buffers, optimizer state and group fields, the loss scale, the random state, and the loader's
    position where it has ``state_dict``.
    """
    held: Held = dict(run.tensors())
    for o, optimizer in enumerate(run.optimizers):
        for k, parameter in enumerate(parameters(optimizer)):
            for name, value in optimizer.state.get(parameter, {}).items():
                held["state", o, k, name] = value
        for g, group in enumerate(optimizer.param_groups):
            kept = {name: group[name] for name in group if name not in _NOT_KEPT | run.scheduled}
            held.update({("group", o, g, name): value for name, value in kept.items()})
    if run.scaler is not None:
        held["scaler",] = run.scaler.state_dict()
    if callable(getattr(run.loader, "state_dict", None)):
        held["loader",] = run.loader.state_dict()
    held["random",] = randomness()
    return held


def put(run: Run, held: Mapping[Key, Any], *, rewind: bool) -> None:
    """Put ``held`` back in place; the random state and the loader's position only with ``rewind``.

    Tensors keep their identity. Without ``rewind`` the data and the dropout masks move on, so that what led astray
    is not met again.
    """
    live = dict(run.tensors())
    with torch.no_grad():
        torch._foreach_copy_(list(live.values()), [held[key] for key in live])
        for o, optimizer in enumerate(run.optimizers):
            _put_state(optimizer, _under(held, "state", o))
            for (g, name), value in _under(held, "group", o).items():
                _store(optimizer.param_groups[int(g)], str(name), value)
    if run.scaler is not None:
        run.scaler.load_state_dict(copy.deepcopy(held["scaler",]))
    if rewind:
        recall(held["random",])
        if ("loader",) in held:
            run.loader.load_state_dict(copy.deepcopy(held["loader",]))


def _under(held: Mapping[Key, Any], kind: str, o: int) -> dict[Key, Any]:
    return {key[2:]: value for key, value in held.items() if key[:2] == (kind, o)}


def _put_state(optimizer: Optimizer, saved: Mapping[Key, Any]) -> None:
    every = parameters(optimizer)
    names: dict[int, set[Any]] = {}
    for k, name in saved:
        names.setdefault(int(k), set()).add(name)
    for k, parameter in enumerate(every):
        if k not in names:
            # No update had touched it: the optimizer makes the state anew.
            optimizer.state.pop(parameter, None)
        else:
            for extra in set(optimizer.state[parameter]) - names[k]:
                del optimizer.state[parameter][extra]
    for (k, name), value in saved.items():
        _store(optimizer.state[every[int(k)]], name, value)


def _store(place: dict[Any, Any], name: Any, value: Any) -> None:
    there = place.get(name)
    if not isinstance(value, Tensor):
        place[name] = copy.deepcopy(value)
    elif isinstance(there, Tensor) and there.shape == value.shape and there.dtype == value.dtype:
        there.copy_(value)
    else:
        place[name] = value.clone()


def randomness() -> tuple[Any, ...]:
    """Return the state of the random generators of Python, NumPy, torch and CUDA."""
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_available() and torch.cuda.is_initialized() else ()
    return random.getstate(), np.random.get_state(), torch.get_rng_state(), devices  # noqa: NPY002  the global one


def recall(state: tuple[Any, ...]) -> None:
    """Put back what ``randomness`` returned."""
    random.setstate(state[0])
    np.random.set_state(state[1])  # noqa: NPY002  as above
    torch.set_rng_state(state[2])
    if state[3]:
        torch.cuda.set_rng_state_all(state[3])


class Buffers:
    """The buffers of the models (running statistics), as they were after the last good update.

    The forward pass of a bad batch has changed them before anybody sees its loss. Whether a buffer was written is
    told by torch's count of writes, without asking the device. BatchNorm's kernels write past that count, but not
    past that of the batches seen: so a module's buffers are taken together.
    """

    def __init__(self, models: Iterable[torch.nn.Module]) -> None:
        self._models = tuple(models)
        self._kept: dict[int, tuple[list[Tensor], list[int], list[Tensor]]] = {}
        self.keep()

    def keep(self) -> None:
        """Remember the buffers that were written since the last call."""
        for model in self._models:
            for module in model.modules():
                if module._buffers:  # noqa: SLF001  those of the module itself; buffers() has no cheap way to say so
                    self._look(module)

    def jump(self) -> Tensor | float:
        """Return the largest factor by which a running variance grew since ``keep``; 1.0 where there is none.

        A batch far out of scale goes unnoticed in the loss of a normalised network, and ruins what it evaluates with.
        """
        pairs = [pair for model in self._models for module in model.modules() for pair in self._variances(module)]
        if not pairs:
            return 1.0
        grown = [(now.mean() / then.mean()).to(pairs[0][0].device) for now, then in pairs]
        return torch.stack(grown).max()

    def _variances(self, module: torch.nn.Module) -> list[tuple[Tensor, Tensor]]:
        """Return the running variance of a module as it is and as it was kept, if it was written since."""
        variance = module._buffers.get("running_var")  # noqa: SLF001  as above
        if variance is None or id(module) not in self._kept:
            return []
        buffers, versions, copies = self._kept[id(module)]
        if _versions(buffers) == versions:
            return []
        return [(now.detach(), then) for now, then in zip(buffers, copies, strict=True) if now is variance]

    def _look(self, module: torch.nn.Module) -> None:
        found = [buffer for buffer in module._buffers.values() if buffer is not None]  # noqa: SLF001  as above
        now, copies = _versions(found), [buffer.detach() for buffer in found]
        before = self._kept.get(id(module))
        if before is None or not _alike(found, before[0], before[2]):
            self._kept[id(module)] = (found, now, [buffer.clone() for buffer in copies])
        elif now != before[1]:
            torch._foreach_copy_(before[2], copies)
            self._kept[id(module)] = (found, now, before[2])

    def restore(self) -> None:
        """Put back what was remembered."""
        for key, (buffers, versions, copies) in self._kept.items():
            if _versions(buffers) != versions:
                torch._foreach_copy_([buffer.detach() for buffer in buffers], copies)
                self._kept[key] = (buffers, _versions(buffers), copies)


def _versions(buffers: list[Tensor]) -> list[int]:
    return [buffer._version for buffer in buffers]  # noqa: SLF001  torch has no public name for it


def _alike(now: list[Tensor], before: list[Tensor], copies: list[Tensor]) -> bool:
    same = len(now) == len(before) and all(one is other for one, other in zip(now, before, strict=True))
    # A model that was moved to another device keeps its tensors' identity.
    return same and all(one.device == other.device for one, other in zip(now, copies, strict=True))
