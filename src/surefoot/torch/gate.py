"""Gate: hooks around an optimizer's step that let an update through, or let it pass without any effect."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch.optim import Optimizer

from surefoot.torch.hooks import outside_graphs


@dataclass(frozen=True)
class Judge:
    """Who decides, as three functions.

    ``begin`` is told that a step begins, ``allow`` is asked when its gradients are there (with the loss of the closure,
    if there is one), ``done`` is told whether it was applied.
    """

    begin: Callable[[Optimizer], None]
    allow: Callable[[Optimizer, Any], bool]
    done: Callable[[Optimizer, bool], None]


class Gate:
    """Ask ``judge`` before each step made while the gate is ``watching``; a refused step changes nothing.

    A hook cannot cancel a step, and an exception would leave a GradScaler and the user's next lines in an odd state.
    So the step runs, over groups that hold no parameters: copies, so that counters in them do not move either. With
    a closure the judge is asked when it has been evaluated the first time, before the step looks at the groups.
    """

    def __init__(self, optimizers: Iterable[Optimizer], judge: Judge) -> None:
        self._judge = judge
        self.watching = False
        self._depth: dict[int, int] = {}
        self._shut: dict[int, tuple[Optimizer, list[dict[str, Any]]]] = {}
        self._hooks = [
            (one, one.register_step_pre_hook(outside_graphs(self._before)),
             one.register_step_post_hook(outside_graphs(self._after)))
            for one in optimizers
        ]  # fmt: skip

    def open(self) -> None:
        """Begin to watch, as the last hook before the step and the first one after it."""
        for optimizer, before, after in self._hooks:
            optimizer._optimizer_step_pre_hooks.move_to_end(before.id)  # type: ignore[attr-defined]  # noqa: SLF001  ordered, though its type does not say so
            optimizer._optimizer_step_post_hooks.move_to_end(after.id, last=False)  # type: ignore[attr-defined]  # noqa: SLF001  as above
        self._depth.clear()
        self.watching = True

    def close(self) -> None:
        """Stop watching, and give back the groups where a step raised."""
        self.watching = False
        for key in list(self._shut):
            self._give_back(key)

    def remove(self) -> None:
        """Take the hooks off the optimizers."""
        self.close()
        for _, before, after in self._hooks:
            before.remove()
            after.remove()

    def _before(self, optimizer: Optimizer, args: Any, kwargs: Any) -> Any:
        if not self.watching:
            return None
        depth = self._depth[id(optimizer)] = self._depth.get(id(optimizer), 0) + 1
        # An optimizer whose step calls its parent's runs the hooks twice: the outer call decides.
        if depth > 1:
            return None
        self._judge.begin(optimizer)
        closure = kwargs.get("closure", args[1] if len(args) > 1 else None)
        if closure is None:
            if not self._judge.allow(optimizer, None):
                self._take(optimizer)
            return None
        asked = self._asked(optimizer, closure)
        return ((args[0], asked, *args[2:]), kwargs) if len(args) > 1 else (args, {**kwargs, "closure": asked})

    def _after(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:  # noqa: ARG002  torch's signature
        if not self.watching:
            return
        self._depth[id(optimizer)] -= 1
        if self._depth[id(optimizer)] == 0:
            applied = id(optimizer) not in self._shut
            self._give_back(id(optimizer))
            self._judge.done(optimizer, applied)

    def _asked(self, optimizer: Optimizer, closure: Callable[[], Any]) -> Callable[[], Any]:
        first = True

        def asked() -> Any:
            nonlocal first
            with torch.enable_grad():
                loss = closure()
            if first and not self._judge.allow(optimizer, loss):
                # LBFGS holds its parameters itself: without gradients it finds nothing to do.
                for group in optimizer.param_groups:
                    for parameter in group["params"]:
                        parameter.grad = None
                self._take(optimizer)
            first = False
            return loss

        return asked

    def _take(self, optimizer: Optimizer) -> None:
        groups = optimizer.param_groups
        self._shut[id(optimizer)] = (optimizer, groups)
        optimizer.param_groups = [{**group, "params": []} for group in groups]

    def _give_back(self, key: int) -> None:
        if key in self._shut:
            optimizer, groups = self._shut.pop(key)
            optimizer.param_groups = groups
