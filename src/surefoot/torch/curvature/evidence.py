"""Evidence: what the curvature at the start says of a peak that runs have found."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Any

from surefoot.curve import Peak
from surefoot.errors import ArgumentError
from surefoot.torch.agreeing import agreed
from surefoot.torch.batching import size_of
from surefoot.torch.curvature.answer import Sharpness
from surefoot.torch.curvature.measuring import Measured, Method, measured
from surefoot.torch.hooks import innermost
from surefoot.torch.loading import Batches
from surefoot.torch.monitors.noise import NoiseScale
from surefoot.torch.probing import headroom
from surefoot.torch.setting import set_lr
from surefoot.torch.snapshot import position
from surefoot.torch.stepping import Setup
from surefoot.torch.tasking import ObjectTask

# One batch says little of the second moments that a fresh Adam will have.
_BATCHES = 8
# Measured: runs diverge between 1/6 and 3 times the edge at the start, RMSprop and normalised networks to 24 times.
_FAR = 8.0
_LIMIT = 1024.0


def with_curvature(peak: Peak, task: ObjectTask, *, seed: int = 0) -> Peak:
    """Return ``peak`` with what the first batches say: the edge of stability, the headroom, the noise of the gradient.

    The rate stays what runs found; ``evidence`` holds the numbers, and ``cost_steps`` what they cost: a gradient of one
    batch counts as an update, a forward as a third. The caller holds the objects of ``task`` on stage and puts them
    back.
    """
    began = time.monotonic()
    try:
        said = list(_said(peak, task, seed))
        cost = math.ceil(agreed([math.fsum(one.updates for one in said)], task.setup.device)[0])
    except KeyboardInterrupt:
        return peak
    except Exception as error:  # noqa: BLE001  what runs have found must not be lost to evidence beside it
        said, cost = [_Said(f"No curvature: {error}")], 0
    numbers = {name: value for one in said for name, value in one.numbers.items() if 0.0 < value < math.inf}
    return replace(
        peak,
        why=" ".join([peak.why.rstrip(".") + ".", *(one.text for one in said)]),
        evidence=numbers,
        cost_steps=peak.cost_steps + cost,
        seconds=peak.seconds + time.monotonic() - began,
    )


@dataclass(frozen=True)
class _Said:
    """A sentence, the numbers in it by name, and what it cost in updates."""

    text: str
    numbers: dict[str, float] = field(default_factory=dict)
    updates: float = 0.0


def _said(peak: Peak, task: ObjectTask, seed: int) -> Iterator[_Said]:
    setup = task.setup
    if setup.step_fn is not None or len(setup.optimizers) > 1 or task.loader is None:
        raise ArgumentError("it needs a loss_fn, a loader and one optimizer (a step_fn keeps its loss to itself).")
    setup.models[0].train()
    batches = list(islice(Batches(task.loader, partial(position, task.stage.scene)), _BATCHES))
    found = _measured(setup, batches, seed)
    value, low, high, each, whole = agreed(
        [*(found.sharpness.sharpness, found.sharpness.low, found.sharpness.high), found.each, found.together],
        setup.device,
    )
    sharpness = replace(found.sharpness, sharpness=value, low=low, high=high)
    yield _Said(_edge(sharpness, peak.lr), {"curvature_edge": sharpness.edge or 0.0}, sharpness.gradients)
    if peak.lr is not None:
        yield _roomy(setup, batches[0], peak.lr)
    size = size_of(batches[0])
    noise = NoiseScale(beta=0.0).updated(each, whole, size, size * len(batches)).value.item()
    yield _Said(_noisy(noise, size), {"noise_scale": noise})


def _roomy(setup: Setup, batch: Any, lr: float) -> _Said:
    """Say how far the first update at ``lr`` could go; the optimizer is left at that rate, without its hooks."""
    model, optimizer = setup.models[0], next(iter(setup.optimizers.values()))
    for parameter in setup.parameters:
        parameter.grad = None
    # A scheduler would say its own rate; the stage puts its hook back.
    innermost(optimizer)._optimizer_step_pre_hooks.clear()  # noqa: SLF001  torch has no public list of its hooks
    set_lr(innermost(optimizer), lr)
    losses = 0

    def loss() -> Any:
        nonlocal losses
        losses += 1
        return setup.loss(batch)

    room = agreed([headroom(model, optimizer, loss, limit=_LIMIT)], setup.device)[0]
    text = f"At the peak the first update could go {room:.2g} times as far on its batch."
    # What is at the limit of the search is no rate at which the loss rises.
    return _Said(text, {"headroom_edge": lr * room if room < _LIMIT else 0.0}, 1.0 + (losses - 1) / 3.0)


def _measured(setup: Setup, batches: list[Any], seed: int) -> Measured:
    model, optimizer = setup.models[0], next(iter(setup.optimizers.values()))
    try:
        return measured(model, optimizer, setup.loss_fn, batches, method=Method("exact", seed=seed))
    except ArgumentError as error:
        if "hvp=" not in str(error):
            raise
        return measured(model, optimizer, setup.loss_fn, batches, method=Method(seed=seed))


def _noisy(noise: float, size: int) -> str:
    if noise < 1.0:
        return "One batch shows no noise in its gradient to speak of."
    if math.isinf(noise):
        return f"Under the noise of batches of {size}, eight of them show no common gradient."
    return f"Gradients are half noise at batches of {noise:.2g} (here {size})."


def _edge(found: Sharpness, lr: float | None) -> str:
    if found.edge is None:
        return f"Curvature at the start: {found.sharpness:.3g}, without an edge ({found.why})."
    what = f"Curvature at the start puts the edge of stability at {found.edge:.2g}"
    share = None if lr is None else lr / found.edge
    if share is None or not share > _FAR:
        return what + ("." if share is None else f"; the peak is {share:.2g} of it.")
    return (
        f"{what}, and the peak is {share:.2g} times that: it is stable only where the run lowers its curvature on the "
        "way, as normalised networks and RMSprop do, so warm up."
    )
