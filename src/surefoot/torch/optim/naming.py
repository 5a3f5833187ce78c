"""Naming: a method by the name that ``surefoot explain`` and ``surefoot tune --include`` know it by."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from torch.optim import AdamW, Optimizer

from surefoot.errors import ArgumentError

NAMES = {
    "schedule-free": "schedule_free:ScheduleFreeAdamW",
    "schedule-free-sgd": "schedule_free_sgd:ScheduleFreeSGD",
    "schedule-free-radam": "schedule_free:ScheduleFreeRAdam",
    "prodigy": "prodigy:Prodigy",
    "d-adaptation": "dadapt_adam:DAdaptAdam",
    "d-adapt-sgd": "dadapt_sgd:DAdaptSGD",
    "d-adapt-adagrad": "dadapt_adagrad:DAdaptAdaGrad",
    "d-adapt-lion": "dadapt_lion:DAdaptLion",
    "mechanic": "mechanic:Mechanic",
    "dog": "dog:DoG",
    "l-dog": "dog:LDoG",
    "dowg": "dog:DoWG",
    "momo": "momo:MoMoAdam",
    "momo-sgd": "momo:MoMoSGD",
    "gi-adam": "gi_adam:GIAdam",
}


def build(name: str, params: Any, **settings: Any) -> Optimizer:
    """Return the method called ``name`` on ``params``, at its defaults but for ``settings``; for a task's own knob.

    "mechanic" is Mechanic around torch's AdamW at a rate of 1, which gets the settings. ArgumentError for a name that
    is none.

    >>> import torch
    >>> type(build("prodigy", [torch.zeros(2, requires_grad=True)])).__name__
    'Prodigy'
    """
    if name not in NAMES:
        raise ArgumentError(f"optimizer={name!r} is no method of st.optim: there are {', '.join(NAMES)}.")
    module, _, kind = NAMES[name].partition(":")
    method: Callable[..., Optimizer] = getattr(import_module(f"surefoot.torch.optim.{module}"), kind)
    return method(AdamW(params, **{"lr": 1.0, **settings})) if name == "mechanic" else method(params, **settings)
