"""The torch edge of surefoot: ``import surefoot.torch as st``.

``st.Scheduler`` applies a schedule to an optimizer, ``st.set_lr`` writes one rate, ``st.groups`` builds parameter
groups, ``st.coordinate_check`` checks those of muP, ``st.Guard`` saves a run that goes bad, ``st.sharpness`` measures
curvature beside the rate, ``st.noise_scale`` the noise of the gradient, ``st.task``, ``st.find`` and ``st.tune`` search
the rate of objects that exist already.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from surefoot.errors import MissingExtraError

if find_spec("torch") is None:
    raise MissingExtraError("surefoot.torch needs PyTorch: pip install 'surefoot[torch]'.")

if TYPE_CHECKING:
    import surefoot.torch.curvature as curvature  # noqa: F401, PLR0402  mypy needs this form, and it is exported
    import surefoot.torch.groups as groups  # noqa: F401, PLR0402  mypy needs this form, and it is exported
    import surefoot.torch.optim as optim  # noqa: F401, PLR0402  as above
    import surefoot.torch.policies as policies  # noqa: F401, PLR0402  as above
    from surefoot.torch.acting import Action as Action
    from surefoot.torch.curvature.answer import GradientNoise as GradientNoise
    from surefoot.torch.curvature.answer import Sharpness as Sharpness
    from surefoot.torch.curvature.measuring import sharpness as sharpness
    from surefoot.torch.curvature.noise import noise_scale as noise_scale
    from surefoot.torch.finding import find as find
    from surefoot.torch.finding import tune as tune
    from surefoot.torch.guard import Guard as Guard
    from surefoot.torch.monitors.logits import log_z as log_z
    from surefoot.torch.monitors.logits import max_attention_logit as max_attention_logit
    from surefoot.torch.monitors.noise import NoiseScale as NoiseScale
    from surefoot.torch.monitors.watching import Monitors as Monitors
    from surefoot.torch.mup_coordinates import Coordinates as Coordinates
    from surefoot.torch.mup_coordinates import coordinate_check as coordinate_check
    from surefoot.torch.position import Cut as Cut
    from surefoot.torch.preconditioning import preconditioner as preconditioner
    from surefoot.torch.probing import headroom as headroom
    from surefoot.torch.reports import RateOverwritten as RateOverwritten
    from surefoot.torch.reports import ScheduleChanged as ScheduleChanged
    from surefoot.torch.scheduler import Scheduler as Scheduler
    from surefoot.torch.setting import set_lr as set_lr
    from surefoot.torch.stability import Threshold as Threshold
    from surefoot.torch.stability import stability_threshold as stability_threshold
    from surefoot.torch.tasking import task as task
    from surefoot.torch.together import together as together

_HOME = {
    "scheduler": ("Scheduler",),
    "setting": ("set_lr",),
    "position": ("Cut",),
    "guard": ("Guard",),
    "acting": ("Action",),
    "reports": ("RateOverwritten", "ScheduleChanged"),
    "tasking": ("task",),
    "finding": ("find", "tune"),
    "together": ("together",),
    "stability": ("Threshold", "stability_threshold"),
    "preconditioning": ("preconditioner",),
    "probing": ("headroom",),
    "curvature.answer": ("GradientNoise", "Sharpness"),
    "curvature.measuring": ("sharpness",),
    "curvature.noise": ("noise_scale",),
    "mup_coordinates": ("Coordinates", "coordinate_check"),
    "monitors.watching": ("Monitors",),
    "monitors.noise": ("NoiseScale",),
    "monitors.logits": ("log_z", "max_attention_logit"),
}
_MODULES = ("curvature", "groups", "policies", "optim")
_MODULE = {name: f"surefoot.torch.{module}" for module, names in _HOME.items() for name in names}

__all__ = sorted((*_MODULE, *_MODULES))  # noqa: PLE0605  the one list of names is _HOME


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(f"surefoot.torch.{name}")
    if name not in _MODULE:
        raise AttributeError(f"module 'surefoot.torch' has no attribute {name!r}")
    value = getattr(import_module(_MODULE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
