"""Evidence: what the curvature at the start says of a peak that runs have found."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
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


def with_curvature(peak: Peak, task: ObjectTask, *, seed: int = 0) -> Peak:
    """Return ``peak`` with what the first batches say: the edge of stability, the headroom, the noise of the gradient.

    The rate stays what runs found. The caller holds the objects of ``task`` on stage and puts them back.
    """
    try:
        said = " ".join(_sentences(peak, task, seed))
    except KeyboardInterrupt:
        return peak
    except Exception as error:  # noqa: BLE001  what runs have found must not be lost to evidence beside it
        said = f"No curvature: {error}"
    return replace(peak, why=f"{peak.why.rstrip('.')}. {said}")


def _sentences(peak: Peak, task: ObjectTask, seed: int) -> Iterator[str]:
    setup = task.setup
    if setup.step_fn is not None or len(setup.optimizers) > 1 or task.loader is None:
        raise ArgumentError("it needs a loss_fn, a loader and one optimizer (a step_fn keeps its loss to itself).")
    model, optimizer = setup.models[0], next(iter(setup.optimizers.values()))
    model.train()
    batches = list(islice(Batches(task.loader, partial(position, task.stage.scene)), _BATCHES))
    found = _measured(setup, batches, seed)
    value, low, high, each, whole = agreed(
        [*(found.sharpness.sharpness, found.sharpness.low, found.sharpness.high), found.each, found.together],
        setup.device,
    )
    yield _edge(replace(found.sharpness, sharpness=value, low=low, high=high), peak.lr)
    if peak.lr is not None:
        for parameter in setup.parameters:
            parameter.grad = None
        # A scheduler would say its own rate; the stage puts its hook back.
        innermost(optimizer)._optimizer_step_pre_hooks.clear()  # noqa: SLF001  torch has no public list of its hooks
        set_lr(innermost(optimizer), peak.lr)
        room = headroom(model, optimizer, lambda: setup.loss(batches[0]))
        yield f"At the peak the first update could go {agreed([room], setup.device)[0]:.2g} times as far on its batch."
    size = size_of(batches[0])
    yield _noisy(NoiseScale(beta=0.0).updated(each, whole, size, size * len(batches)).value.item(), size)


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
