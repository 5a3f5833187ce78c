"""Wrapper: a method around another optimizer, in whose groups, state and checkpoints its own numbers live."""

from __future__ import annotations

import weakref
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import compress
from typing import Any, ClassVar

from torch import Tensor
from torch.optim import Optimizer

from surefoot.errors import ArgumentError, FormatError
from surefoot.torch.optim import backend as backends
from surefoot.torch.optim.base import Group, Method, Work, each
from surefoot.torch.optim.loading import restored

_HOOKS = ("state_dict_pre", "state_dict_post", "load_state_dict_pre", "load_state_dict_post")


class Wrapper(Method):
    """An optimizer around ``optimizer``, which does the step itself; abstract.

    ``param_groups``, ``state`` and ``defaults`` are those of ``optimizer``, so schedulers, guards, checkpoints and
    frameworks find in either of the two what they look for. ``numbers`` are what the method remembers, written into
    every group; tensors are in the state of their parameter, under names that begin with the method's.
    """

    optimizer: Optimizer
    applies: ClassVar[bool] = True
    """Hooks belong here and not on the wrapped optimizer, whose step is a part of this one's."""
    _settings: Any
    _numbers: dict[str, Any]

    def __init__(
        self, optimizer: Optimizer, settings: Any, numbers: dict[str, Any], *, backend: str, skip_nonfinite: bool
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise ArgumentError(
                f"optimizer={optimizer!r:.60} is no torch.optim.Optimizer: build one and pass it, "
                f"as in {type(self).__name__}(torch.optim.AdamW(model.parameters()))."
            )
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        # torch's own constructor would make groups and state of its own: what it does besides is in __setstate__.
        self.__setstate__(
            {
                "optimizer": optimizer,
                "_asked": backend,
                "_skips": skip_nonfinite,
                "_skipped": 0,
                "_backend": backends.chosen(backend, parameters),
                "_settings": settings,
                "_numbers": numbers,
            }
        )
        for group in optimizer.param_groups:
            group.update({name: value for name, value in numbers.items() if name not in group})

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name in _HOOKS:
            # Checkpoints are the wrapped optimizer's, so are the hooks that see them.
            self.__dict__[f"_optimizer_{name}_hooks"] = getattr(self.optimizer, f"_optimizer_{name}_hooks")
        super().__setstate__({})
        # Who watches the wrapped optimizer finds this one through it; a copy makes the link anew.
        self.optimizer.__dict__["_optimizer_wrapper"] = weakref.ref(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.optimizer!r})"

    @property
    def param_groups(self) -> list[Group]:
        """The groups of the wrapped optimizer."""
        return self.optimizer.param_groups

    @param_groups.setter
    def param_groups(self, groups: list[Group]) -> None:
        self.optimizer.param_groups = groups

    @property
    def state(self) -> Any:
        """The state of the wrapped optimizer, this one's tensors beside it."""
        return self.optimizer.state

    @state.setter
    def state(self, state: Any) -> None:
        self.optimizer.state = state

    @property
    def inner_lr(self) -> float:
        """The rate of the wrapped optimizer: its own effective one, if any, else that of its largest group."""
        own = getattr(self.optimizer, "effective_lr", None)
        return max(float(group["lr"]) for group in self.param_groups) if own is None else float(own)

    @property
    def defaults(self) -> dict[str, Any]:  # type: ignore[override]  # as above
        """The defaults of the wrapped optimizer."""
        return self.optimizer.defaults

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group to the wrapped optimizer, with the numbers that the other groups have."""
        self.optimizer.add_param_group(param_group)
        first = self.param_groups[0]
        each(self.param_groups[-1:], **{name: first[name] for name in self._numbers})

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients."""
        self.optimizer.zero_grad(set_to_none=set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """Return the checkpoint of the wrapped optimizer, which holds what this one remembers too."""
        saved: dict[str, Any] = self.optimizer.state_dict()
        return saved

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load what ``state_dict`` gave; raise FormatError for a checkpoint that was taken without this wrapper."""
        lacking = {name for group in state_dict["param_groups"] for name in self._numbers if name not in group}
        if lacking:
            raise FormatError(
                f"this checkpoint lacks {', '.join(sorted(lacking))}: it was taken without {type(self).__name__}. "
                "Load it into the wrapped optimizer before wrapping it."
            )
        restored(self.optimizer, state_dict, self.optimizer.load_state_dict)

    @abstractmethod
    def _own(self, work: list[Work]) -> list[Work]:
        """Return ``work`` with the states of this method, begun where they are not there yet."""

    def _prime(self, work: list[Work]) -> None:
        mine = self._own(work)
        self.optimizer.step()
        self._returned(mine)

    def _begin(self, _parameter: Tensor, _group: Group) -> dict[str, Any]:
        # An optimizer that finds its state empty knows by that that it has not begun: nothing may be put in before.
        return {}

    def _borrowed(self, work: Sequence[Work], begin: Callable[[Tensor], dict[str, Any]], mark: str) -> list[Work]:
        """Return ``work`` with a state of this method begun wherever ``mark`` is not in a parameter's state."""
        return [
            replace(
                part,
                states=[
                    state if mark in state else begin(p) for p, state in zip(part.parameters, part.states, strict=True)
                ],
            )
            for part in work
        ]

    def _returned(self, borrowed: Sequence[Work]) -> None:
        """Put what was begun into the state of the wrapped optimizer, which has begun its own by now."""
        for part in borrowed:
            for p, mine in zip(part.parameters, part.states, strict=True):
                if self.state[p] is not mine:
                    self.state[p].update(mine)


def alike(work: Iterable[Work], key: Callable[[Tensor, dict[str, Any]], Any]) -> dict[Any, list[Work]]:
    """Return ``work`` cut up by the ``key`` of each parameter and its state, in the order they come in."""
    cut: dict[Any, list[Work]] = {}
    for part in work:
        keys = [key(p, state) for p, state in zip(part.parameters, part.states, strict=True)]
        for one in dict.fromkeys(keys):
            chosen = [k == one for k in keys]
            parameters, grads = compress(part.parameters, chosen), compress(part.grads, chosen)
            states = compress(part.states, chosen)
            cut.setdefault(one, []).append(Work(part.group, list(parameters), list(grads), list(states)))
    return cut
