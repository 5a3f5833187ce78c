"""st.find: the learning rate of objects that exist already, in one call, with everything put back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from surefoot.curve import Peak
from surefoot.torch.tasking import task


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
    progress: Callable[..., None] | None = None,
    **options: Any,
) -> Peak:
    """Return the recommended Peak for training these objects from where they are, and leave them as they were.

    The trials start from the present weights and optimizer state. ``total`` is the number of updates of the run that
    is planned (None: a range test only), ``budget`` the cost allowed, in full runs; ``low`` and ``high`` bound the
    rates tried; ``options`` are those of ``st.task`` (``step_fn``, ``val_loader``, ``scaler``, ``accumulate``, ...).
    Raises ArgumentError for arguments that do not fit together, TaskError where the loader is empty or the loss is no
    scalar; whatever is raised, everything is put back.
    """
    from surefoot.search.finding import find as search  # noqa: PLC0415  st.task alone need not load the searches

    objects = task(model, optimizer, loader, loss_fn, **options)
    more: dict[str, Any] = {} if progress is None else {"progress": progress}
    with objects.stage.held():
        return search(objects, total=total, budget=budget, low=low, high=high, **more)


def tune(
    model: Any,
    optimizer: Any,
    loader: Any = None,
    loss_fn: Callable[..., Any] | None = None,
    *,
    total: int,
    budget: float = 0.5,
    recipe: Callable[..., Any] | None = None,
    journal: Any = None,
    progress: Callable[..., None] | None = None,
    **options: Any,
) -> Peak:
    """Return the verified Peak for training these objects for ``total`` updates, and leave them as they were.

    ``budget`` is in full runs of ``total`` updates, ``recipe(peak, total)`` the Schedule of a trial, ``journal`` the
    file that a killed search goes on from; ``options`` are those of ``st.task``. Raises as ``find`` does.
    """
    from surefoot.search.tuning import tune as search  # noqa: PLC0415  as above

    objects = task(model, optimizer, loader, loss_fn, **options)
    more: dict[str, Any] = {"recipe": recipe, "journal": journal, "progress": progress}
    given = {name: value for name, value in more.items() if value is not None}
    with objects.stage.held():
        return search(objects, total=total, budget=budget, **given)
