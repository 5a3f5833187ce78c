"""What callbacks do for an optimizer with two sets of weights: save the right one, and plan for it rightly."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

from torch.nn import Module
from torch.optim.lr_scheduler import LambdaLR

from surefoot.errors import ArgumentError
from surefoot.torch.hooks import innermost
from surefoot.torch.optim import Averaged
from surefoot.torch.optim.beside import Beside

DECAYS = (
    "the Trainer's schedule lets the rate fall to {:.2g} of its peak, and Schedule-Free wants it constant: set "
    "lr_scheduler_type='constant' or 'constant_with_warmup'; or, if you mean it, pass "
    "optimizers=(optimizer, st.Scheduler(optimizer, schedule))."
)
FRACTION = (
    "warmup_steps={0!r} reached the optimizer, which counts updates: give TrainingArguments(warmup_steps=...) a whole "
    "number, int({0!r} * the number of updates)."
)


def averaged(optimizers: Iterable[Any]) -> list[Averaged | Beside]:
    """Return those of ``optimizers`` that have two sets of weights, out of their wrappers."""
    return [inner for one in optimizers if one is not None and isinstance(inner := innermost(one), (Averaged, Beside))]


def attach(model: Module, optimizers: Iterable[Any]) -> None:
    """Make checkpoints of ``model`` hold the evaluation weights of ``optimizers`` that have such."""
    for optimizer in averaged(optimizers):
        optimizer.attach(model)


def check_plan(optimizer: Any, scheduler: Any, total: int) -> None:
    """Raise ArgumentError where transformers' defaults plan a decay, or a warmup in fractions, for Schedule-Free.

    The optimizers of the package schedulefree are looked at too: it is them that the Trainer builds.
    """
    groups = [group for group in innermost(optimizer).param_groups if "weight_sum" in group]
    for group in groups:
        try:
            operator.index(group.get("warmup_steps", 0))
        except TypeError:
            raise ArgumentError(FRACTION.format(group["warmup_steps"])) from None
    inner = getattr(scheduler, "scheduler", scheduler)
    if not groups or not isinstance(inner, LambdaLR) or total <= 1:
        return
    for rule in inner.lr_lambdas:
        made = getattr(rule, "func", rule)
        if getattr(made, "__module__", "").startswith("transformers.") and _share(rule, total) < _LEAST:
            raise ArgumentError(DECAYS.format(_share(rule, total)))


_LEAST = 0.9


def _share(rule: Any, total: int) -> float:
    """Return the last factor of a rule over its largest."""
    largest = max(rule(step) for step in range(0, total, max(total // 100, 1)))
    return float(rule(total - 1)) / largest if largest > 0 else 1.0
