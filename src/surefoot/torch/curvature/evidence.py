"""Evidence: what the curvature at the start says of a peak that runs have found."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import islice

from surefoot.curve import Peak
from surefoot.errors import ArgumentError
from surefoot.torch.agreeing import agreed
from surefoot.torch.curvature.answer import Sharpness
from surefoot.torch.curvature.measuring import Method, measured
from surefoot.torch.loading import Batches
from surefoot.torch.snapshot import position
from surefoot.torch.tasking import ObjectTask

# One batch says little of the second moments that a fresh Adam will have.
_BATCHES = 8
# Measured: runs diverge between 1/11 and 3 times the edge at the start, RMSprop and normalised networks to 22 times.
_FAR = 8.0


def with_curvature(peak: Peak, task: ObjectTask, *, seed: int = 0) -> Peak:
    """Return ``peak`` with a sentence on the edge of stability where training begins; the rate stays what runs found.

    The caller holds the objects of ``task`` on stage and puts them back.
    """
    try:
        found = _measured(task, seed)
    except KeyboardInterrupt:
        return peak
    except Exception as error:  # noqa: BLE001  what runs have found must not be lost to evidence beside it
        return replace(peak, why=f"{peak.why.rstrip('.')}. No curvature: {error}")
    return replace(peak, why=f"{peak.why.rstrip('.')}. {_said(found, peak.lr)}")


def _measured(task: ObjectTask, seed: int) -> Sharpness:
    setup = task.setup
    if setup.step_fn is not None or len(setup.optimizers) > 1 or task.loader is None:
        raise ArgumentError("it needs a loss_fn, a loader and one optimizer (a step_fn keeps its loss to itself).")
    model, optimizer = setup.models[0], next(iter(setup.optimizers.values()))
    model.train()
    batches = list(islice(Batches(task.loader, partial(position, task.stage.scene)), max(_BATCHES, setup.accumulate)))
    try:
        found = measured(model, optimizer, setup.loss_fn, batches, method=Method("exact", seed=seed))[0]
    except ArgumentError as error:
        if "hvp=" not in str(error):
            raise
        found = measured(model, optimizer, setup.loss_fn, batches, method=Method(seed=seed))[0]
    value, low, high = agreed([found.sharpness, found.low, found.high], setup.device)
    return replace(found, sharpness=value, low=low, high=high)


def _said(found: Sharpness, lr: float | None) -> str:
    if found.edge is None or found.edges is None:
        return f"Curvature at the start: {found.sharpness:.3g}, without an edge ({found.why})."
    what = f"Curvature at the start puts the edge of stability at {found.edge:.2g}"
    share = None if lr is None else lr / found.edge
    if share is None or not share > _FAR:
        return what + ("." if share is None else f"; the peak is {share:.2g} of it.")
    return (
        f"{what}, and the peak is {share:.2g} times that: it is stable only where the run lowers its curvature on the "
        "way, as normalised networks and RMSprop do, so warm up."
    )
