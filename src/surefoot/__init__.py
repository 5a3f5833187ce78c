"""surefoot: find, plan, watch and explain the learning rate of a training run.

Names are imported when they are first used, so ``import surefoot`` costs little and never imports torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from surefoot._version import __version__ as __version__

if TYPE_CHECKING:
    from surefoot.errors import ArgumentError as ArgumentError
    from surefoot.errors import SurefootError as SurefootError
    from surefoot.history.reading import Reading as Reading
    from surefoot.schedule.core import Schedule as Schedule
    from surefoot.schedule.lengths import Clock as Clock
    from surefoot.schedule.phase import Phase as Phase

_HOME = {
    "errors": (
        "ArgumentError", "BindingError", "FormatError", "JournalError", "MissingExtraError", "PositionError",
        "SurefootError", "TaskError",
    ),
    "schedule.lengths": ("Clock", "Length", "epochs", "samples", "tokens"),
    "schedule.phase": ("Phase", "hold", "ramp"),
    "schedule.core": ("Schedule",),
    "history.reading": ("Reading",),
    "history.columns": ("History",),
    "history.lines": ("read",),
}  # fmt: skip
_MODULE = {name: f"surefoot.{module}" for module, names in _HOME.items() for name in names}

__all__ = sorted(_MODULE)  # noqa: PLE0605  the one list of names is _HOME


def __getattr__(name: str) -> object:
    if name not in _MODULE:
        raise AttributeError(f"module 'surefoot' has no attribute {name!r}")
    value = getattr(import_module(_MODULE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
