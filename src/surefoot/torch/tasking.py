"""st.task: a Task out of a model, an optimizer and a loader that exist already, with everything put back."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from surefoot.curve import Peak
from surefoot.errors import ArgumentError, TaskError
from surefoot.history.reading import Reading
from surefoot.torch.arguments import check, dtype_of, models_of, optimizers_of, several
from surefoot.torch.hooking import Tally, tallied
from surefoot.torch.hooks import innermost
from surefoot.torch.loading import Batches, Buffered, rewindable
from surefoot.torch.memory import Memory
from surefoot.torch.rates import put_field, writer
from surefoot.torch.snapshot import Scene, position, seed_all, snapshot
from surefoot.torch.staging import Stage
from surefoot.torch.stepping import Outcome, Setup, attempt
from surefoot.torch.validating import Validation

_PATIENCE = 25


@dataclass(frozen=True)
class Branch:
    """A place in a run that can be gone on from: ``step`` updates are done, ``memory`` and ``again`` hold the rest."""

    step: int
    memory: Memory
    again: Callable[[], Batches] | None


@dataclass(eq=False)
class _Run:
    batches: Batches | None
    tally: Tally
    step: int = 0


@dataclass(frozen=True, eq=False)
class ObjectTask:
    """A Task over live objects: ``task(schedule, seed=...)`` trains them, yields a Reading per update, puts all back.

    Every run begins from the state the objects have when it begins; when it ends, is closed or raises, they are as
    they were, bit for bit and in place. ``seed`` seeds the global generators and those of loader and model for the
    run, so that equal seeds give equal data order and dropout at every rate; without it each run draws the random
    numbers the user's next steps would draw. ``weight_decay`` and ``momentum`` (beta1) override the optimizer's.

    Runs may be suspended and take turns; ``snapshot`` and ``resume`` branch one. The objects are copied once for the
    user's state and once for each suspended run, so that much memory is needed. What is put back is said at
    ``surefoot.torch.snapshot``; what only a thread, a file, a hook or a live iterator holds is not.
    """

    setup: Setup
    stage: Stage
    loader: Any
    validation: Validation | None
    seed: int | None = None

    def __post_init__(self) -> None:
        kinds = [type(innermost(one)).__name__ for one in self.setup.optimizers.values()]
        parts = [*(type(model).__name__ for model in self.setup.models), *kinds]
        # What messages and journals call a task.
        object.__setattr__(self, "__qualname__", f"st.task({', '.join(parts)})")

    def __call__(
        self,
        schedule: Any,
        *,
        seed: int | None = None,
        weight_decay: float | None = None,
        momentum: float | None = None,
    ) -> Generator[Reading]:
        """Return a fresh run at ``schedule`` (a Schedule, a function of the step, or a dict of one per optimizer)."""
        fields = {"weight_decay": weight_decay, "momentum": momentum}
        opening = partial(self._open, seed=self.seed if seed is None else seed, fields=fields)
        return self._run(schedule, opening)

    def snapshot(self) -> Branch:
        """Return the place where the run on stage is suspended, to go on from it with other schedules.

        Raises TaskError when no run is suspended.
        """
        run = self.stage.actor
        if not isinstance(run, _Run):
            raise TaskError("no run is under way: take a snapshot between two updates of task(schedule).")
        again = None if run.batches is None else run.batches.branch()
        return Branch(run.step, snapshot(self.stage.scene), again)

    def resume(self, branch: Branch, schedule: Any) -> Generator[Reading]:
        """Return a run that goes on from ``branch`` with update ``branch.step`` of ``schedule``, bit for bit."""
        return self._run(schedule, partial(self._reopen, branch=branch))

    def with_curvature(self, peak: Peak, *, seed: int = 0) -> Peak:
        """Return ``peak`` with what ``st.find(curvature=True)`` adds to it, measured where the objects are."""
        # Evidence is measured on tasks, so that its module needs this one first.
        from surefoot.torch.curvature.evidence import with_curvature  # noqa: PLC0415  as above

        with self.stage.held():
            return with_curvature(peak, self, seed=seed)

    def close(self) -> None:
        """End every run and put the user's state back."""
        self.stage.close()

    def _run(self, schedule: Any, opening: Callable[[_Run], None]) -> Generator[Reading]:
        run = _Run(None, Tally())
        total = _total(schedule)
        try:
            self.stage.enter(run)
            write = writer({name: innermost(o) for name, o in self.setup.optimizers.items()}, schedule)
            opening(run)
            tallied(self.setup, run.tally, lambda: write(run.step))
            while total is None or run.step < total:
                rate = write(run.step)
                outcome = self._update(run)
                run.step += 1
                yield self._reading(run, rate, outcome)
                if math.isnan(outcome.loss) and run.tally.skipped >= _PATIENCE:
                    return
                self.stage.resume(run)
        finally:
            # The loader's workers stop here and not whenever the garbage is collected.
            run.batches = None
            self.stage.leave(run)

    def _open(self, run: _Run, *, seed: int | None, fields: Mapping[str, float | None]) -> None:
        for name, value in fields.items():
            if value is not None:
                put_field(self.setup.optimizers, name, value)
        _clear(self.setup)
        if seed is not None:
            seed_all(self.stage.scene, seed)
        if self.loader is not None:
            run.batches = Batches(self.loader, partial(position, self.stage.scene))

    def _reopen(self, run: _Run, *, branch: Branch) -> None:
        run.batches = branch.again() if branch.again is not None else None
        run.step = branch.step
        branch.memory.restore()

    def _update(self, run: _Run) -> Outcome:
        run.tally.skipped = 0
        while run.tally.skipped < _PATIENCE:
            before = run.tally.applied
            outcome = attempt(self.setup, run.batches)
            if run.tally.applied > before:
                return outcome
            run.tally.skipped += 1
        if self.setup.step_fn is not None and self.setup.scaler is None and math.isfinite(outcome.loss):
            raise TaskError(f"step_fn was called {_PATIENCE} times and no optimizer made a step: is it the right one?")
        # Every gradient overflowed, whatever the scale: for a search that is a run that diverged.
        return replace(outcome, loss=math.nan)

    def _reading(self, run: _Run, rate: float, outcome: Outcome) -> Reading:
        judged = None if self.validation is None else partial(self._validated, run, run.step)
        step = run.step - 1
        return Reading(step, outcome.loss, lr=rate, val_loss=judged, grad_norm=outcome.grad_norm, **outcome.extra)

    def _validated(self, run: _Run, step: int) -> float:
        if self.stage.actor is not run or run.step != step or self.validation is None:
            raise TaskError("val_loss() was called after its run had moved on: call it before the next update.")
        return self.validation(self.setup, self.stage.scene)


def _total(schedule: Any) -> int | None:
    parts = schedule.values() if isinstance(schedule, Mapping) else (schedule,)
    totals: list[int | None] = [getattr(part, "total", None) for part in parts]
    known = [total for total in totals if total is not None]
    return max(known) if known and len(known) == len(totals) else None


def _clear(setup: Setup) -> None:
    """Begin as a loop would: no gradients, and training mode unless the model is in it already."""
    for model in setup.models:
        if not model.training:
            model.train()
    owned = [parameter for model in setup.models for parameter in model.parameters()]
    for parameter in [*owned, *setup.parameters]:
        parameter.grad = None
    inner: list[Any] = [innermost(optimizer) for optimizer in setup.optimizers.values()]
    for optimizer in inner:
        if hasattr(optimizer, "eval") and hasattr(optimizer, "train"):
            optimizer.train()


def task(
    model: Any,
    optimizer: Any,
    loader: Any = None,
    loss_fn: Callable[..., Any] | None = None,
    *,
    step_fn: Callable[..., Any] | None = None,
    val_loader: Any = None,
    validate: Callable[[], Any] | None = None,
    scheduler: Any = None,
    scaler: Any = None,
    accumulate: int = 1,
    clip: float | None = None,
    autocast: torch.dtype | bool | None = None,
    buffer: bool = False,
    seed: int | None = None,
    restore: Any = (),
) -> ObjectTask:
    """Return a Task that trains existing objects and leaves them as they were, bit for bit.

    ``model`` and ``optimizer`` may be one, a list or a dict of them (one schedule drives all, in their proportion, or
    a dict of one per optimizer). The loss is ``loss_fn(model(x), y)`` for batches ``(x, y)``; for a dict batch, by the
    names in ``forward``; without ``loss_fn`` the output's ``.loss``. ``step_fn(batch)`` (``step_fn()`` without a
    loader) is a whole step of your own that calls ``optimizer.step()`` and returns the loss. ``loader`` is anything
    that can be iterated over again, begun anew when it ends; ``buffer`` keeps the batches of one that can't.
    ``accumulate`` micro-batches make one update; ``clip`` is the largest gradient norm; ``autocast`` a dtype;
    ``scaler`` a GradScaler, whose skipped updates do not count. ``val_loader`` or ``validate()`` gives the
    readings' lazy ``val_loss``. ``scheduler`` and ``restore`` name what else a step changes (a scheduler that
    ``step_fn`` steps, an average of the weights). Raises ArgumentError for arguments that do not fit together.

    >>> layer = torch.nn.Linear(1, 1, bias=False)
    >>> _ = torch.nn.init.ones_(layer.weight)
    >>> batches = [(torch.ones(1, 1), torch.zeros(1, 1))]
    >>> run = task(layer, torch.optim.SGD(layer.parameters(), lr=1.0), batches, torch.nn.MSELoss())
    >>> [reading.loss for reading, _ in zip(run(lambda step: 0.25), range(3))]
    [1.0, 0.25, 0.0625]
    >>> layer.weight.item()
    1.0
    """
    optimizers, dtype = optimizers_of(optimizer), dtype_of(autocast, optimizers_of(optimizer))
    setup = Setup(models_of(model), optimizers, loss_fn, step_fn, scaler, accumulate, clip, dtype)
    check(setup, loader)
    if val_loader is not None and validate is not None:
        raise ArgumentError("val_loader and validate are two answers to one question: pass one of them.")
    loader = None if loader is None else rewindable(loader, buffer=buffer)
    val_loader = None if val_loader is None else rewindable(val_loader, buffer=buffer, name="val_loader")
    judged = None if val_loader is None and validate is None else Validation(val_loader, validate)
    inner = map(innermost, optimizers.values())
    whole = (*setup.models, *inner, *several(scheduler), *several(scaler), *several(restore))
    # What a buffer has drawn must stay drawn, so it is no part of the state that is put back.
    light = tuple(one for one in (loader, val_loader, *optimizers.values()) if not isinstance(one, Buffered))
    functions = tuple(one for one in (step_fn, loss_fn, validate) if one is not None)
    return ObjectTask(setup, Stage(Scene(whole, light, functions)), loader, judged, seed)
