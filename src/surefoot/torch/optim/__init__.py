"""Optimizers that need no schedule, or no learning rate: ``st.optim.ScheduleFreeAdamW(model.parameters())``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from surefoot.torch.optim.base import GradientSkipped as GradientSkipped
    from surefoot.torch.optim.schedule_free import ScheduleFreeAdamW as ScheduleFreeAdamW

_HOME = {
    "base": ("GradientSkipped",),
    "schedule_free": ("ScheduleFreeAdamW",),
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
