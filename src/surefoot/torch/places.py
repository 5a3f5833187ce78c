"""Places: where a guard writes, its arguments checked; and who takes part in its run."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from surefoot.errors import ArgumentError, BindingError
from surefoot.torch.agreeing import rank
from surefoot.torch.arguments import models_of, optimizers_of, several
from surefoot.torch.capture import Run, randomness
from surefoot.torch.cutting import Lent, Rates, Scheduled
from surefoot.torch.hooks import attached, innermost
from surefoot.torch.scheduler import Scheduler


@dataclass(frozen=True)
class Places:
    """The log, the folder of snapshots on disk, and the file of the last good state."""

    log: Path | None
    where: Path | None
    save: Path


def places(log: str | Path | None, where: str | Path | None, save: str | Path | None) -> Places:
    """Return where to write; each rank has a folder of its own, and what is saved lies beside the log by default."""
    record = None if log is None else Path(log)
    beside = Path("last-good.pt") if record is None else record.with_name(f"{record.stem}.last-good.pt")
    folder = None if where is None else Path(where) / f"rank-{rank()}"
    return Places(record if rank() == 0 else None, folder, beside if save is None else Path(save))


def checked(every: int | None, keep: int, budget: float) -> None:
    """Raise ArgumentError for numbers that make no ring of snapshots."""
    for name, value in (("every", 1 if every is None else every), ("keep", keep)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ArgumentError(f"{name}={value!r} must be an int >= 1.")
    if isinstance(budget, (bool, str)) or not 0.0 < budget <= 1.0:
        raise ArgumentError(f"budget={budget!r} must be a share of the time in (0, 1]: 0.01 is one percent.")


def members(model: Any, optimizer: Any, scaler: Any, loader: Any) -> Run:
    """Return who takes part, wrappers taken off the optimizers."""
    found = tuple(innermost(one) for one in optimizers_of(optimizer).values())
    return Run(models_of(model), found, scaler, loader)


def bound(run: Run, scheduler: Any) -> tuple[Run, Rates]:
    """Return the run with the fields that are scheduled, and who owns the rate.

    A Scheduler that sits on the optimizers already is found; one of torch is left to itself.
    """
    given = [getattr(one, "scheduler", one) for one in several(scheduler)]
    found = [attached(optimizer, Scheduler) for optimizer in run.optimizers]
    ours = [one for one in found if one is not None]
    if any(isinstance(one, Scheduler) and one not in ours for one in given):
        raise BindingError("scheduler belongs to another optimizer than the one the guard was given: pass its own.")
    if not ours:
        return run, Lent()
    if len(ours) < len(found):
        raise BindingError("scheduler: some of the optimizers have an st.Scheduler and some have none; give each one.")
    fields = frozenset(track.slot.key for one in ours for track in one._tracks.values())  # noqa: SLF001  one writer
    return replace(run, scheduled=fields), Scheduled(ours)


def checkpoint(run: Run, position: int, rates: Rates) -> dict[str, Any]:
    """Return the run's state as torch's own state dicts, for a file that any loop can load."""
    python, numbers, words, devices = randomness()
    numpy = [numbers[0], numbers[1].tolist(), *numbers[2:]]
    state: dict[str, Any] = {
        "update": position,
        "model": [model.state_dict() for model in run.models],
        "optimizer": [optimizer.state_dict() for optimizer in run.optimizers],
        "cuts": [[cut.step, cut.factor, cut.why, cut.rewarm] for cut in rates.cuts],
        "random": {"python": python, "numpy": numpy, "torch": words, "cuda": list(devices)},
    }
    found = [attached(optimizer, Scheduler) for optimizer in run.optimizers]
    state["scheduler"] = [one.state_dict() for one in found if one is not None]
    if run.scaler is not None:
        state["scaler"] = run.scaler.state_dict()
    if callable(getattr(run.loader, "state_dict", None)):
        state["loader"] = run.loader.state_dict()
    return state


def scale_of(scaler: Any) -> torch.Tensor | None:
    """Return the loss scale before an update, as a copy on its device; None without a scaler in use."""
    found = getattr(scaler, "_scale", None)
    return found.clone() if isinstance(found, torch.Tensor) else None


def overflowed(before: torch.Tensor | None, scaler: Any) -> bool:
    """Return whether the scaler skipped the step and lowered its scale."""
    return before is not None and bool(scaler.get_scale() < float(before))


def wait() -> None:
    """Wait for the device, so that the time of a copy is that of the copy."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def mean(values: list[float]) -> float:
    """Return the mean of the finite ones of a step's losses, or the last one where it is not finite.

    A micro-batch that a GradScaler's overflow threw away may have left a loss behind that says nothing.

    >>> mean([1.0, 3.0]), mean([math.nan, 3.0]), mean([1.0, math.inf])
    (2.0, 3.0, inf)
    """
    finite = [one for one in values if math.isfinite(one)]
    return sum(finite) / len(finite) if math.isfinite(values[-1]) else values[-1]
