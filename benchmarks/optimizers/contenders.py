"""The contenders of the speed table, each as a function that makes an optimizer and returns its step."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

import dadaptation
import prodigyopt
import schedulefree
import torch
from torch.optim import AdamW

import surefoot.torch as st

Build = Callable[[list[torch.Tensor]], Callable[[], Any]]
PACKAGES = ("schedulefree", "prodigyopt", "dadaptation", "pytorch_optimizer", "prodigy-plus-schedule-free")
# Gradients stay as they are from step to step, which makes d grow beyond all bounds unless its growth is held.
SLOW = 1.02


def stepping(make: Callable[..., Any], **settings: Any) -> Build:
    """Return a builder of the step of ``make(parameters, **settings)``, in training mode where there is one."""

    def build(parameters: list[torch.Tensor]) -> Callable[[], Any]:
        optimizer = make(parameters, **settings)
        if hasattr(optimizer, "train"):
            optimizer.train()
        step: Callable[[], Any] = optimizer.step
        return step

    return build


def absent(module: str, name: str, **settings: Any) -> Build | None:
    """Return a builder of a class that may not be there, None where it is not."""
    try:
        return stepping(getattr(importlib.import_module(module), name), **settings)
    except ImportError:
        return None


def mechanic(parameters: list[torch.Tensor]) -> Callable[[], Any]:
    step: Callable[[], Any] = st.optim.Mechanic(AdamW(parameters, lr=1.0, fused=True)).step
    return step


def momo(parameters: list[torch.Tensor]) -> Callable[[], Any]:
    return partial(st.optim.MoMoAdam(parameters).step, loss=1.0)


FUSED = stepping(AdamW, fused=True)
CONTENDERS: dict[str, Build | None] = {
    "torch AdamW, fused (noise)": FUSED,
    "torch AdamW, foreach": stepping(AdamW, foreach=True),
    "torch AdamW, one by one (the CPU default)": stepping(AdamW, foreach=False),
    "**ScheduleFreeAdamW**": stepping(st.optim.ScheduleFreeAdamW),
    "**ScheduleFreeAdamW**, backend torch": stepping(st.optim.ScheduleFreeAdamW, backend="torch"),
    "**ScheduleFreeSGD**": stepping(st.optim.ScheduleFreeSGD, lr=0.01),
    "**Prodigy**": stepping(st.optim.Prodigy, growth_rate=SLOW),
    "**Prodigy**, slice_p 11": stepping(st.optim.Prodigy, slice_p=11, growth_rate=SLOW),
    "**Prodigy**, backend torch": stepping(st.optim.Prodigy, growth_rate=SLOW, backend="torch"),
    "**DAdaptAdam**": stepping(st.optim.DAdaptAdam, growth_rate=SLOW),
    "**DAdaptSGD**": stepping(st.optim.DAdaptSGD, growth_rate=SLOW),
    "**DoG**": stepping(st.optim.DoG),
    "**GIAdam**": stepping(st.optim.GIAdam),
    "**MoMoAdam**": momo,
    "**Mechanic** of fused AdamW": mechanic,
    "schedulefree AdamW": stepping(schedulefree.AdamWScheduleFree),
    "schedulefree AdamW, one by one": stepping(schedulefree.AdamWScheduleFree, foreach=False),
    "prodigyopt Prodigy": stepping(prodigyopt.Prodigy, growth_rate=SLOW),
    "prodigyopt Prodigy, slice_p 11": stepping(prodigyopt.Prodigy, slice_p=11, growth_rate=SLOW),
    "dadaptation Adam": stepping(dadaptation.DAdaptAdam, growth_rate=SLOW),
    "pytorch_optimizer ScheduleFreeAdamW": absent("pytorch_optimizer", "ScheduleFreeAdamW"),
    "pytorch_optimizer Prodigy": absent("pytorch_optimizer", "Prodigy", growth_rate=SLOW),
    "prodigy-plus-schedule-free": absent("prodigyplus", "ProdigyPlusScheduleFree"),
}

TWICE = (
    "torch AdamW, fused (noise)",
    "**ScheduleFreeAdamW**",
    "**ScheduleFreeAdamW**, backend torch",
    "**Prodigy**",
    "**Prodigy**, slice_p 11",
    "**DAdaptAdam**",
    "schedulefree AdamW",
    "prodigyopt Prodigy",
)
"""Those that are timed with two threads, too."""
