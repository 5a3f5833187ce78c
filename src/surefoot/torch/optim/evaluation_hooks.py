"""Hooks of a model: by which its state_dict holds the evaluation weights, and its optimizer hears of loading."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final
from weakref import WeakSet, WeakValueDictionary

import torch
from torch import Tensor
from torch.nn import Module

_AVERAGED = frozenset({"z", "average"})
"""What the state of a parameter holds that has evaluation weights: Schedule-Free's z, or an average beside it."""


@final
class Saying:
    """The hook of one module: its own parameters enter a state_dict as x.

    A copy of the module, or one that was pickled, holds x itself, and its hook does nothing any more.
    """

    def __init__(self, module: Module | None = None, optimizer: Any = None) -> None:
        self.module, self.optimizer = module, optimizer

    def __call__(self, module: Module, state: dict[str, Any], prefix: str, _metadata: Any) -> None:
        for name, p in self._moved(module).items():
            if prefix + name in state:
                state[prefix + name] = self.optimizer.evaluation_weights_of(p)

    def __reduce__(self) -> Any:
        parameters = [] if self.module is None else list(self._moved(self.module).values())
        return _spent, (parameters, [self.optimizer.evaluation_weights_of(p) for p in parameters])

    def _moved(self, module: Module) -> dict[str, Tensor]:
        # Other parameters may be those of another optimizer, which has a hook of its own.
        state = {} if self.optimizer is None else self.optimizer.state
        return {name: p for name, p in own(module).items() if not _AVERAGED.isdisjoint(state.get(p, {}))}


@final
class Hearing:
    """The hook of one module that tells the optimizer of parameters that were loaded."""

    def __init__(self, optimizer: Any = None) -> None:
        self.optimizer = optimizer

    def __call__(self, module: Module, _keys: Any) -> None:
        if self.optimizer is not None:
            self.optimizer._heard(list(own(module).values()))  # noqa: SLF001  its other half

    def __reduce__(self) -> Any:
        return Hearing, ()


@final
class Lent:
    """What an optimizer has given away and must not keep alive: copies of x, and modules that hold whole weights."""

    def __init__(self) -> None:
        self.copies: WeakValueDictionary[Any, Tensor] = WeakValueDictionary()
        self.sharded: WeakSet[Module] = WeakSet()

    def __reduce__(self) -> Any:
        return Lent, ()

    def copy(self, key: Any, make: Callable[[], Tensor]) -> Tensor:
        """Return one tensor for all names of tied weights, while somebody holds it and nobody has written to it."""
        found = self.copies.get(key)
        if found is None or found._version:  # noqa: SLF001  torch's count of writes
            with torch.inference_mode(mode=False), torch.no_grad():
                self.copies[key] = found = make().detach()
        return found

    def reshard(self) -> None:
        """Let go of whole weights that a forward pass gathered: they are those of the other mode."""
        for module in self.sharded:
            part: Any = module
            part.reshard()


def sharded(model: Module) -> list[Module]:
    """Return the modules that FSDP2 shards."""
    return [module for module in model.modules() if hasattr(module, "reshard") and hasattr(module, "unshard")]


def own(module: Module) -> dict[str, Tensor]:
    """Return the parameters of ``module`` itself by name."""
    return dict(module.named_parameters(recurse=False, remove_duplicate=False))


def hooked(model: Module, optimizer: Any) -> None:
    """Put both hooks on every module of ``model`` that holds parameters, once."""
    for module in model.modules():
        if own(module) and not _keys(module._state_dict_hooks, optimizer):  # noqa: SLF001  torch has no public list
            # The public way to register it is younger than torch 2.4.
            module._register_state_dict_hook(Saying(module, optimizer))  # noqa: SLF001  as above
            module.register_load_state_dict_post_hook(Hearing(optimizer))


def unhooked(model: Module, optimizer: Any) -> None:
    """Take the hooks of ``optimizer`` off ``model``."""
    for module in model.modules():
        for hooks in (module._state_dict_hooks, module._load_state_dict_post_hooks):  # noqa: SLF001  as above
            for key in _keys(hooks, optimizer):
                del hooks[key]


def _keys(hooks: dict[int, Any], optimizer: Any) -> list[int]:
    return [key for key, hook in hooks.items() if getattr(hook, "optimizer", None) is optimizer]


def _spent(parameters: list[Tensor], weights: list[Tensor]) -> Saying:
    with torch.no_grad():
        for p, x in zip(parameters, weights, strict=True):
            p.copy_(x)
    return Saying()
