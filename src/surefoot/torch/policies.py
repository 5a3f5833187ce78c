"""Policies: what a guard does about a run that goes bad, as data; the names are those of the field.

A policy has up to three parts. ``skip`` leaves out an update whose batch is an outlier, ``clip`` scales a gradient
down, ``rollback`` returns to an earlier state and cuts the rate. Updates that are not finite are always left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Literal, TypeVar

from surefoot.errors import ArgumentError
from surefoot.torch.trend import Band


@dataclass(frozen=True, slots=True)
class SkipStep:
    """Leave out an update that lies ``sigmas`` deviations above the last ``window`` ones (active from ``warm`` on).

    With ``robust`` the deviations are those of the logarithm, by median and MAD, and the loss and the gradient norm
    must both jump, or tower over all before (from the third update on); without it mean and standard deviation are
    used and one of the two is enough, which is the rule of OLMo-core.
    After ``streak`` left out in a row it is not the batches but the weights, and the run is rolled back.
    """

    window: int = 128
    warm: int = 64
    sigmas: float = 8.0
    robust: bool = True
    streak: int = 6


@dataclass(frozen=True, slots=True)
class ZClip:
    """Clip a gradient norm whose z against a moving mean and variance (``decay``) exceeds ``z``, after ``warm`` steps.

    The norm becomes ``mean + z^2 / z_now * deviation``, and the averages take the clipped norm.
    Source: ZClip: Adaptive Spike Mitigation for LLM Pre-Training, arXiv 2504.02507 (2025).
    """

    decay: float = 0.97
    z: float = 2.5
    warm: int = 25


@dataclass(frozen=True, slots=True)
class ClipNorm:
    """Clip the gradient norm at ``norm``."""

    norm: float = 1.0


@dataclass(frozen=True, slots=True)
class Rollback:
    """Return to the newest good snapshot that is ``back`` updates old, and multiply the rate by a cut.

    The cut is the rate at the snapshot over the highest rate that is still to come, kept between ``least`` and ``cut``
    (``early`` where the run never improved on its warmup, so the peak is far too high), times a half for each rollback
    that came within ``window`` updates of the one before. ``exact`` takes ``cut`` as it is. ``rewarm`` updates
    climb to the cut rate; ``moments`` keeps or resets the optimizer's state; after ``times`` the guard stops the run.
    """

    cut: float = 0.5
    early: float = 0.1
    least: float = 0.1
    exact: bool = False
    rewarm: int = 50
    back: int = 10
    times: int = 8
    window: int = 100
    moments: Literal["keep", "reset"] = "keep"
    band: Band = field(default_factory=Band)


@dataclass(frozen=True, slots=True)
class Policy:
    """What a guard does: ``skip``, ``clip`` and ``rollback``, each None where it is left out."""

    skip: SkipStep | None = None
    clip: ZClip | ClipNorm | None = None
    rollback: Rollback | None = None


def ladder(*, clip: ZClip | ClipNorm | None = None, times: int = 8) -> Policy:
    """Return the default: leave out an outlier; if that is not enough roll back and cut the rate, each time more.

    >>> ladder().rollback.cut, ladder().clip
    (0.5, None)
    """
    return Policy(SkipStep(), clip, checked(Rollback(times=times)))


def skip_step(window: int = 128, sigmas: float = 6.0) -> Policy:
    """Return the rule of OLMo-core: leave out an update whose loss or norm is ``sigmas`` deviations above the mean."""
    return Policy(checked(SkipStep(window, max(window // 2, 2), sigmas, robust=False)))


def zclip(z: float = 2.5, decay: float = 0.97) -> Policy:
    """Return adaptive clipping alone."""
    return Policy(clip=checked(ZClip(decay, z)))


def clip_norm(norm: float = 1.0) -> Policy:
    """Return clipping at a fixed norm alone."""
    return Policy(clip=checked(ClipNorm(norm)))


def rollback_and_skip(back: int = 100, *, times: int = 8) -> Policy:
    """Return to about ``back`` updates ago and go on with other data at the same rate.

    Source: PaLM: Scaling Language Modeling with Pathways, arXiv 2204.02311 (2022), section 5.1.
    """
    return Policy(SkipStep(), None, checked(Rollback(cut=1.0, exact=True, rewarm=0, back=back, times=times)))


def reset_and_halve(*, cut: float = 0.5, rewarm: int = 0, times: int = 8) -> Policy:
    """Return to the last good state, forget the optimizer's moments, and halve the rate."""
    rollback = Rollback(cut=cut, exact=True, rewarm=rewarm, times=times, moments="reset")
    return Policy(SkipStep(), None, checked(rollback))


_RANGES: dict[str, tuple[float, float, str]] = {
    "cut": (1e-6, 1.0, "in (0, 1]"),
    "early": (1e-6, 1.0, "in (0, 1]"),
    "least": (1e-6, 1.0, "in (0, 1]"),
    "decay": (0.0, 0.999999, "in [0, 1)"),
    "norm": (1e-300, float("inf"), "> 0"),
    "z": (1e-300, float("inf"), "> 0"),
    "sigmas": (1e-300, float("inf"), "> 0"),
    "window": (2, float("inf"), ">= 2"),
    "times": (0, float("inf"), ">= 0"),
    "rewarm": (0, float("inf"), ">= 0"),
    "back": (0, float("inf"), ">= 0"),
    "streak": (1, float("inf"), ">= 1"),
}


Part = TypeVar("Part", SkipStep, ZClip, ClipNorm, Rollback)


def checked(part: Part) -> Part:
    """Return ``part`` of a policy; ArgumentError where one of its numbers is out of range."""
    for one in fields(part):
        value = getattr(part, one.name)
        low, high, words = _RANGES.get(one.name, (-float("inf"), float("inf"), ""))
        if words and (isinstance(value, (bool, str)) or not low <= value <= high):
            raise ArgumentError(f"{one.name}={value!r} must be a number {words}.")
    return part
