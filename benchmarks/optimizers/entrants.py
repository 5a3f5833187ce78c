"""Every method of the convergence table: how it is built at its defaults, and the schedule its authors ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dadaptation
import prodigyopt
import schedulefree
import torch
from torch.optim import AdamW

import surefoot as sf
import surefoot.torch as st

WARMUP = 0.05


def constant(peak: float, total: int) -> sf.Schedule:
    return sf.constant(peak, total=total)


def cosine(peak: float, total: int) -> sf.Schedule:
    return sf.cosine(peak, total=total)


def warmed(peak: float, total: int) -> sf.Schedule:
    return sf.cosine(peak, total=total, warmup=WARMUP)


@dataclass(frozen=True)
class Method:
    """``build(parameters, total)`` at ``lr``, followed by ``recipe``; ``late`` ones run last."""

    name: str
    build: Callable[[list[torch.Tensor], int], Any]
    lr: float
    recipe: Callable[[float, int], sf.Schedule] = constant
    loss: bool = False
    peer: bool = False
    late: bool = False


def plain(method: Callable[..., Any], **settings: Any) -> Callable[[list[torch.Tensor], int], Any]:
    return lambda parameters, _: method(parameters, **settings)


def warmed_up(parameters: list[torch.Tensor], total: int) -> Any:
    return st.optim.ScheduleFreeAdamW(parameters, warmup_steps=round(WARMUP * total))


def mechanic(parameters: list[torch.Tensor], _: int) -> Any:
    # The scale is what Mechanic learns, so the rate of the wrapped optimizer is 1, as in the paper.
    return st.optim.Mechanic(AdamW(parameters, lr=1.0))


METHODS = (
    Method("AdamW 1e-3, constant", plain(AdamW), 1e-3),
    Method("AdamW 1e-3, warmup and cosine", plain(AdamW), 1e-3, warmed),
    Method("Schedule-Free AdamW", plain(st.optim.ScheduleFreeAdamW), 2.5e-3),
    Method("Schedule-Free AdamW, warmup", warmed_up, 2.5e-3),
    Method("Schedule-Free AdamW, warmup, 1e-2", warmed_up, 1e-2, late=True),
    Method("Schedule-Free RAdam", plain(st.optim.ScheduleFreeRAdam), 2.5e-3, late=True),
    Method("Schedule-Free SGD", plain(st.optim.ScheduleFreeSGD), 1.0),
    Method("Prodigy", plain(st.optim.Prodigy), 1.0),
    Method("Prodigy, cosine", plain(st.optim.Prodigy), 1.0, cosine),
    Method("Prodigy, slice_p 11, cosine", plain(st.optim.Prodigy, slice_p=11), 1.0, cosine, late=True),
    Method("Prodigy, safeguard, warmup and cosine", plain(st.optim.Prodigy, safeguard_warmup=True), 1.0, warmed),
    Method("D-Adapt Adam", plain(st.optim.DAdaptAdam), 1.0),
    Method("D-Adapt Adam, warmup and cosine", plain(st.optim.DAdaptAdam), 1.0, warmed),
    Method("D-Adapt SGD, cosine", plain(st.optim.DAdaptSGD), 1.0, cosine),
    Method("D-Adapt AdaGrad", plain(st.optim.DAdaptAdaGrad), 1.0, late=True),
    Method("D-Adapt Lion, cosine", plain(st.optim.DAdaptLion), 1.0, cosine, late=True),
    Method("DoG", plain(st.optim.DoG), 1.0),
    Method("L-DoG", plain(st.optim.LDoG), 1.0, late=True),
    Method("DoWG", plain(st.optim.DoWG), 1.0, late=True),
    Method("Mechanic of AdamW, warmup and cosine", mechanic, 1.0, warmed),
    Method("GI-Adam 1e-3, cosine", plain(st.optim.GIAdam), 1e-3, cosine),
    Method("MoMo-Adam 1e-2", plain(st.optim.MoMoAdam), 1e-2, loss=True),
    Method("schedulefree AdamW", plain(schedulefree.AdamWScheduleFree), 2.5e-3, peer=True, late=True),
    Method("prodigyopt Prodigy", plain(prodigyopt.Prodigy), 1.0, peer=True, late=True),
    Method("dadaptation Adam", plain(dadaptation.DAdaptAdam), 1.0, peer=True, late=True),
)
