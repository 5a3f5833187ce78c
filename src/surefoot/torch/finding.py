"""st.find and st.tune: the learning rate of objects that exist already, with everything put back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from surefoot.curve import Peak
from surefoot.search.execution import Report
from surefoot.search.finding import find as search_peak
from surefoot.search.rungs import Recipe
from surefoot.search.tuning import tune as verify_peak
from surefoot.torch.curvature.evidence import with_curvature
from surefoot.torch.tasking import task
from surefoot.torch.together import SPREAD, together


def find(
    model: Any,
    optimizer: Any,
    loader: Any = None,
    loss_fn: Callable[..., Any] | None = None,
    *,
    total: int | None = None,
    budget: float = 0.25,
    low: float | None = None,
    high: float | None = None,
    recipe: Recipe | None = None,
    seed: int = 0,
    progress: Report | None = None,
    curvature: bool = False,
    **options: Any,
) -> Peak:
    """Return the recommended Peak for training these objects from where they are, and leave them as they were.

    The trials start from the present weights and optimizer state. ``total`` is the number of updates of the run that
    is planned (None: a range test only), ``budget`` the cost allowed, in such runs; ``low`` and ``high`` bound the
    rates tried, ``recipe(peak, total)`` is the schedule the peak is for, ``seed`` gives every trial the same data
    order and dropout, ``progress`` is told how it goes, ``curvature`` adds to ``why`` and ``evidence`` what
    ``st.sharpness``, ``st.headroom`` (at the peak) and ``st.NoiseScale`` say of the first 8 batches: some 40 gradients
    of each, beside the budget and counted in ``cost_steps``; ``options`` are those of ``st.task`` (``step_fn``,
    ``val_loader``, ``scaler``, ``accumulate``, ...). Raises ArgumentError for arguments
    that do not fit together, TaskError where the loader is empty, the loss is no scalar or a step raises; Ctrl-C
    returns the best answer so far. Whatever happens, everything is put back bit for bit (``st.task`` says what
    everything is). Under torch.distributed every rank must call it; all see the same losses and return the same peak.

    >>> import torch
    >>> layer = torch.nn.Linear(1, 1, bias=False)
    >>> sgd = torch.optim.SGD(layer.parameters(), lr=7.0)
    >>> batches = [(torch.ones(8, 1), torch.full((8, 1), 3.0))]
    >>> peak = find(layer, sgd, batches, torch.nn.MSELoss(), total=400)
    >>> 0.01 < peak.lr < 2 / 2.0, sgd.param_groups[0]["lr"]
    (True, 7.0)
    """
    objects = task(model, optimizer, loader, loss_fn, **options)
    with objects.stage.held(), together(objects, progress=progress, spread=SPREAD) as ours:
        peak = search_peak(
            ours.task, total=total, budget=budget, low=low, high=high, recipe=recipe, seed=seed, progress=ours.progress
        )
        return with_curvature(peak, objects, seed=seed) if curvature else peak


def tune(
    model: Any,
    optimizer: Any,
    loader: Any = None,
    loss_fn: Callable[..., Any] | None = None,
    *,
    total: int,
    budget: float = 0.5,
    low: float | None = None,
    high: float | None = None,
    recipe: Recipe | None = None,
    seed: int = 0,
    journal: str | Path | None = None,
    progress: Report | None = None,
    curvature: bool = False,
    **options: Any,
) -> Peak:
    """Return the Peak for ``total`` updates of these objects, verified by short runs, and leave them as they were.

    ``budget`` is in full runs of ``total`` updates; ``journal`` is the file that a killed search goes on from (with
    the objects in the same state). The rest is as in ``st.find``, which costs less and verifies less.
    """
    objects = task(model, optimizer, loader, loss_fn, **options)
    with objects.stage.held(), together(objects, journal=journal, progress=progress, spread=SPREAD) as ours:
        peak = verify_peak(
            ours.task,
            total=total,
            budget=budget,
            low=low,
            high=high,
            recipe=recipe,
            seed=seed,
            journal=ours.journal,
            progress=ours.progress,
        )
        return with_curvature(peak, objects, seed=seed) if curvature else peak
