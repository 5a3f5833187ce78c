"""The rates of a torch scheduler by its own arithmetic, on copies: the live one and its optimizer are not touched."""

from __future__ import annotations

import copy
import warnings
from typing import Any

from surefoot.errors import ArgumentError


class _Optimizer:
    """What a scheduler needs of an optimizer: groups of plain numbers, and a step that counts as called."""

    _opt_called = True

    def __init__(self, optimizer: Any) -> None:
        self.defaults = dict(optimizer.defaults)
        self.param_groups = [_numbers(group) for group in optimizer.param_groups]

    def step(self) -> None: ...

    step._wrapped_by_lr_sched = True  # type: ignore[attr-defined]  # noqa: SLF001  torch looks for it


def replayed(scheduler: Any, group: int, total: int) -> list[float]:
    """Return the rates of the first ``total`` updates of ``group``, replayed from update 0."""
    optimizer = _Optimizer(scheduler.optimizer)
    twin = _twin(scheduler, optimizer)
    try:
        with warnings.catch_warnings():
            # SequentialLR of torch 2.4 enters its next part by a call that torch itself deprecates.
            warnings.filterwarnings("ignore", "The epoch parameter in `scheduler.step", UserWarning)
            rates = _rates(twin, group, total)
    except Exception as error:
        raise ArgumentError(f"scheduler={type(scheduler).__name__} failed within total={total}: {error}.") from error
    return rates


def _rates(twin: Any, group: int, total: int) -> list[float]:
    _begin(twin)
    rates = []
    for _ in range(total):
        rates.append(float(twin.optimizer.param_groups[group]["lr"]))
        if len(rates) < total:
            twin.step()
    return rates


def _numbers(group: dict[str, Any]) -> dict[str, Any]:
    plain = {key: value for key, value in group.items() if key != "params"}
    for key in ("lr", "initial_lr", "max_lr", "min_lr"):
        if key in plain:
            plain[key] = float(plain[key])
    plain["lr"] = plain.get("initial_lr", plain["lr"])
    return plain


def _twin(scheduler: Any, optimizer: _Optimizer) -> Any:
    twin = copy.copy(scheduler)
    twin.optimizer = optimizer
    if hasattr(scheduler, "base_lrs"):
        twin.base_lrs = [float(rate) for rate in scheduler.base_lrs]
    if hasattr(scheduler, "_schedulers"):
        twin._schedulers = [_twin(inner, optimizer) for inner in scheduler._schedulers]  # noqa: SLF001  torch's name
    return twin


def _begin(twin: Any) -> None:
    """Do again what the constructors did to the rate, as if nothing had run since."""
    inner = getattr(twin, "_schedulers", None)
    if inner is None:
        twin.last_epoch, twin._step_count, twin._is_initial = -1, 0, True  # noqa: SLF001  torch's names
        twin.step()
        twin._is_initial = False  # noqa: SLF001  torch's name
        return
    chained = not hasattr(twin, "_milestones")
    for scheduler in inner if chained else inner[:1]:
        _begin(scheduler)
    if not chained:
        twin.last_epoch = 0
        for scheduler in inner[1:]:
            scheduler.last_epoch, scheduler._step_count = -1, 2  # noqa: SLF001  torch's names
