"""Hooking: counting the updates that an optimizer applied, with other writers of the rate silent meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.optim.lr_scheduler import LRScheduler

from surefoot.torch.hooks import innermost, outside_graphs
from surefoot.torch.stepping import Setup


@dataclass
class Tally:
    """How many updates were applied, and how many attempts in a row were not."""

    applied: int = 0
    skipped: int = 0


def tallied(setup: Setup, tally: Tally, write: Callable[[], object]) -> None:
    """Let ``tally`` count and ``write`` set the rate just before each step; the Stage's restore removes both.

    Hooks of an st.Scheduler or a Guard do nothing during the run: they would write their own rate and count the
    trial's updates as the user's.
    """

    def before(optimizer: Any, args: Any, kwargs: Any) -> None:  # noqa: ARG001  torch's signature of a hook
        write()

    def after(optimizer: Any, args: Any, kwargs: Any) -> None:  # noqa: ARG001  same
        found = getattr(optimizer, "found_inf", None)
        # A fused optimizer is called for an update that it then skips.
        if not isinstance(found, torch.Tensor) or float(found) == 0.0:
            tally.applied += 1

    for optimizer in map(innermost, setup.optimizers.values()):
        for hooks in (optimizer._optimizer_step_pre_hooks, optimizer._optimizer_step_post_hooks):  # noqa: SLF001  no public list
            # Replaced, not removed: a scheduler that does not find itself on its optimizer takes it for a copy.
            hooks.update({key: _silent for key, hook in hooks.items() if _ours(hook)})
        # A compiled step would be compiled anew at every rate, and trace the schedule with it.
        optimizer.register_step_pre_hook(outside_graphs(before))
        optimizer.register_step_post_hook(outside_graphs(after))


def _silent(optimizer: Any, args: Any, kwargs: Any) -> None:
    """Do nothing, in the place of a hook that is not to act during a trial."""


def _ours(hook: Any) -> bool:
    owner = getattr(hook, "__self__", None)
    home = str(getattr(hook, "__module__", "")) + " " + type(owner).__module__
    return isinstance(owner, LRScheduler) or any(word.startswith("surefoot.torch.") for word in home.split())
