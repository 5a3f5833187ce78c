"""Optimizers that need no schedule, or no learning rate: ``st.optim.ScheduleFreeAdamW(model.parameters())``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from surefoot.torch.optim.averaging import Averaged as Averaged
    from surefoot.torch.optim.base import GradientSkipped as GradientSkipped
    from surefoot.torch.optim.batchnorm import recalibrate_batchnorm as recalibrate_batchnorm
    from surefoot.torch.optim.dadapt_adagrad import DAdaptAdaGrad as DAdaptAdaGrad
    from surefoot.torch.optim.dadapt_adam import DAdaptAdam as DAdaptAdam
    from surefoot.torch.optim.dadapt_lion import DAdaptLion as DAdaptLion
    from surefoot.torch.optim.dadapt_sgd import DAdaptSGD as DAdaptSGD
    from surefoot.torch.optim.dog import DoG as DoG
    from surefoot.torch.optim.dog import DoWG as DoWG
    from surefoot.torch.optim.dog import LDoG as LDoG
    from surefoot.torch.optim.evaluation import evaluation_weights as evaluation_weights
    from surefoot.torch.optim.gi_adam import GIAdam as GIAdam
    from surefoot.torch.optim.mechanic import Mechanic as Mechanic
    from surefoot.torch.optim.momo import MoMoAdam as MoMoAdam
    from surefoot.torch.optim.momo import MoMoSGD as MoMoSGD
    from surefoot.torch.optim.momo_cap import MoMo as MoMo
    from surefoot.torch.optim.naming import build as build
    from surefoot.torch.optim.prodigy import Prodigy as Prodigy
    from surefoot.torch.optim.prodigy_schedule_free import ProdigyScheduleFree as ProdigyScheduleFree
    from surefoot.torch.optim.schedule_free import ScheduleFreeAdamW as ScheduleFreeAdamW
    from surefoot.torch.optim.schedule_free import ScheduleFreeRAdam as ScheduleFreeRAdam
    from surefoot.torch.optim.schedule_free_sgd import ScheduleFreeSGD as ScheduleFreeSGD

_HOME = {
    "averaging": ("Averaged",),
    "batchnorm": ("recalibrate_batchnorm",),
    "evaluation": ("evaluation_weights",),
    "base": ("GradientSkipped",),
    "dadapt_adagrad": ("DAdaptAdaGrad",),
    "dadapt_adam": ("DAdaptAdam",),
    "dadapt_lion": ("DAdaptLion",),
    "dadapt_sgd": ("DAdaptSGD",),
    "dog": ("DoG", "DoWG", "LDoG"),
    "gi_adam": ("GIAdam",),
    "mechanic": ("Mechanic",),
    "momo": ("MoMoAdam", "MoMoSGD"),
    "momo_cap": ("MoMo",),
    "naming": ("build",),
    "prodigy": ("Prodigy",),
    "prodigy_schedule_free": ("ProdigyScheduleFree",),
    "schedule_free": ("ScheduleFreeAdamW", "ScheduleFreeRAdam"),
    "schedule_free_sgd": ("ScheduleFreeSGD",),
}
_MODULE = {name: f"surefoot.torch.optim.{module}" for module, names in _HOME.items() for name in names}

__all__ = sorted(_MODULE)  # noqa: PLE0605  the one list of names is _HOME


def __getattr__(name: str) -> object:
    if name not in _MODULE:
        raise AttributeError(f"module 'surefoot.torch.optim' has no attribute {name!r}")
    value = getattr(import_module(_MODULE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
