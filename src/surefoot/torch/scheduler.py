"""Scheduler: a schedule applied to an optimizer, at the speed of applied updates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.hooks import RemovableHandle

from surefoot.errors import ArgumentError, BindingError
from surefoot.schedule.core import Schedule
from surefoot.torch import resume
from surefoot.torch.binding import inherited, plans, tracks
from surefoot.torch.factors import GroupFactors
from surefoot.torch.hooks import attach, attached, detach, innermost, is_attached
from surefoot.torch.intrusion import priming, quarrel, resting
from surefoot.torch.position import Cut, Position, counted
from surefoot.torch.reports import Change, RateOverwritten, ScheduleChanged, tell
from surefoot.torch.slots import Groups, plain
from surefoot.torch.track import Track


class Scheduler(LRScheduler):
    """Apply ``schedule`` to ``optimizer``: update t runs at ``schedule(t) * factor`` of its group, t from 0.

    ``schedule`` is a Schedule of the rate, or a dict of Schedules by field: ``lr``, ``momentum`` (``beta1`` where the
    optimizer has betas), ``beta1``, ``beta2``, ``weight_decay``, or any other number in the groups. A group's factor
    is its rate over the largest rate when the scheduler is built (weight decay likewise; momentum and betas are the
    same for all); ``groups`` overrides it: a factor for each group, or a function of the group, or a dict of these
    by field. ``position`` is the number of updates done before (a resume by hand). With ``strict`` a rate written
    by somebody else, or a checkpoint of another schedule, raises BindingError instead of warning.

    Building it writes nothing: the rate is written just before each update, and only applied updates count; ``step()``
    does nothing, however often it is called. Raises ArgumentError for a bad argument. For a compiled step give the
    rate as a tensor: torch 2.4 compiles the step again for each float (2.13 does not).

    >>> import torch
    >>> import surefoot as sf
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(2))], lr=1.0)
    >>> scheduler = Scheduler(optimizer, sf.linear(0.5, total=4))
    >>> for _ in range(2):
    ...     optimizer.step()
    ...     scheduler.step()
    >>> scheduler.position, scheduler.get_last_lr()
    (2, [0.375])
    """

    # torch's own constructor writes to the optimizer and patches its step: it is not run.
    def __init__(
        self,
        optimizer: Optimizer,
        schedule: Schedule | Mapping[str, Schedule],
        *,
        groups: GroupFactors | None = None,
        strict: bool = False,
        position: int | None = None,
    ) -> None:
        inner = innermost(optimizer)
        before = attached(inner, Scheduler)
        known = {} if before is None else before._tracks  # noqa: SLF001  another Scheduler
        built = tracks(inner.param_groups, inherited(plans(schedule), known), groups, known)
        start = None if position is None else counted(position, "position")
        self.optimizer = optimizer
        self.strict = strict
        self.overwritten: str | None = None
        self.changes: tuple[Change, ...] = ()
        self._innermost = inner
        self._tracks: dict[str, Track] = built
        self._lr = built.get("lr")
        self._position: Position = Position() if before is None else before._position  # noqa: SLF001  as above
        self._quick = tuple(built.values()) if self._lr is not None else ()
        self._armed = self._primed = self._seen = False
        self._step_count = 1
        self._successor: Scheduler | None = None
        if before is not None:
            self._position.keep(before.get_last_lr())
            detach(before._handles)  # noqa: SLF001  as above
            before._successor = self  # noqa: SLF001  as above
        if start is not None:
            self._position.move(start, max(start - 1, 0))
        self._handles: tuple[RemovableHandle, ...] = attach(inner, self._before, self._after, self._loaded)

    @property
    def position(self) -> int:
        """The number of updates that were applied: the next one is update ``position``."""
        return self._position.settled()

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """The cuts that were made, oldest first."""
        return self._position.cuts

    @property
    def schedules(self) -> dict[str, Schedule]:
        """The schedule of each field."""
        return {field: track.schedule for field, track in self._tracks.items()}

    @property
    def last_epoch(self) -> int:  # type: ignore[override]  # torch keeps an attribute that anybody may write
        """The position, under the name that frameworks read."""
        return self.position

    @property
    def base_lrs(self) -> list[float]:  # type: ignore[override]  # as above
        """The peak of each group."""
        groups = self._groups()
        if self._lr is None:
            return [plain(group["lr"]) for group in groups]
        return [self._lr.schedule.peak * factor for factor in self._lr.factors.values]

    def get_last_lr(self) -> list[Any]:
        """Return the rate of each group in the last applied update; before update 0, the rate it will have."""
        if self._successor is not None:
            return self._successor.get_last_lr()
        last = self._position.last_rates()
        return self._rates(self._position.last) if last is None else last

    def get_lr(self) -> list[Any]:
        """Return the rate that each group will have in the next update."""
        return self._rates(self.position)

    def step(self, epoch: int | None = None) -> None:
        """Do nothing; BindingError where the optimizer does not know this scheduler (a deep copy, an unpickled one)."""
        if self._seen and epoch is None:
            self._seen = False  # the pre-hook ran since the last call: there is nothing to look up
        elif epoch is not None:
            raise ArgumentError(f"epoch={epoch!r}: step() takes no position; use scheduler.set(update).")
        elif self._successor is None and not is_attached(self._innermost, self._handles):
            raise BindingError(
                "this scheduler's optimizer does not know it (a copy loses its hooks): build a new one with "
                f"Scheduler(optimizer, schedule, position={self._position.count})."
            )

    def set(self, step: int) -> None:
        """Go to update ``step`` and write its values now (for graph replay, sub-group steps and resume by hand).

        Calling it again, or out of order, gives the same values. Raises PositionError for a negative step.
        """
        t = counted(step, "step")
        self._write(self._groups(), t)
        self._position.move(t, t)

    def cut(self, k: float, why: str = "", *, rewarm: int = 0) -> None:
        """Multiply the rate by ``k`` (0 < k <= 1) from the next update on, climbing to it over ``rewarm`` updates."""
        if self._lr is None:
            raise ArgumentError(f"cut() needs a schedule of lr: this scheduler has only {', '.join(self._tracks)}.")
        self._position.cut(k, why, rewarm)

    def state_dict(self) -> dict[str, Any]:
        """Return the position, the cuts, and the schedules for comparison, as JSON-able data."""
        self._groups()
        return resume.dump(self._position, self._tracks)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the position and the cuts; the schedule in the code stays, and a difference is reported.

        It is a ScheduleChanged warning and ``changes``, with the jump; with ``strict`` a BindingError, and nothing is
        restored. Raises FormatError where the state is not one of surefoot.
        """
        saved = resume.load(state_dict)
        self._groups()
        changes = resume.changes(saved, self._tracks)
        if changes:
            end = ". Nothing was restored." if self.strict else ". The code's plan is used."
            tell("; ".join(map(str, changes)) + end, ScheduleChanged, strict=self.strict)
        for field, track in self._tracks.items():
            track.factors = resume.adopted(track, saved.factors.get(field))
        self.changes = changes
        self._position.cuts = saved.cuts
        self._position.move(saved.position, max(saved.position - 1, 0))
        self._loaded(self._innermost)

    def _before(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:  # noqa: ARG002  torch's signature
        position = self._position
        t = position.count if position.pending is None else position.settled()
        groups, self._seen = optimizer.param_groups, True
        if self._quick and not position.cuts:
            for track in self._quick:
                if not track.swap(groups, t):
                    break
            else:
                self._armed, self._primed = True, False
                return
        self._armed = False
        if self._lr is None and resting(groups):
            return
        self._groups()
        for track in self._tracks.values():
            if not track.writer.intact(groups) and self._disturbed(track, groups):
                return
        self._write(groups, t)
        self._armed, self._primed = True, False

    def _after(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:  # noqa: ARG002  torch's signature
        # An optimizer whose step calls its parent's runs the hooks twice: the inner one disarms, one update counts.
        if not self._armed:
            return
        self._armed = False
        position = self._position
        found_inf = optimizer.__dict__.get("found_inf")
        if found_inf is None:
            position.last, position.count = position.count, position.count + 1
        else:
            position.pending = found_inf.detach().clone()

    def _loaded(self, optimizer: Optimizer) -> None:
        """Accept what a checkpoint put into the groups as a rate that nobody wrote by hand."""
        for track in self._tracks.values():
            track.rebind(optimizer.param_groups)

    def _groups(self) -> Groups:
        """Return the optimizer's groups, those that were added since given their factors."""
        groups = self._innermost.param_groups
        for track in self._tracks.values():
            if len(groups) != len(track.factors.values):
                track.rebind(groups)
        return groups

    def _write(self, groups: Groups, t: int) -> None:
        for track in self._tracks.values():
            multiplier = self._position.multiplier(t) if track is self._lr else 1.0
            track.writer.write(groups, track.values(t, multiplier))

    def _rates(self, t: int) -> list[float]:
        groups = self._groups()
        if self._lr is None:
            return [plain(group["lr"]) for group in groups]
        return self._lr.values(t, self._position.multiplier(t))

    def _disturbed(self, track: Track, groups: Groups) -> bool:
        """Look at groups that do not hold what was left there; return whether to leave this step alone."""
        if track is self._lr and priming(track, groups, before=self._primed):
            self._primed = True
            return True
        said = quarrel(track, groups, self._position.count)
        if said is not None and (self.overwritten is None or self.strict):
            self.overwritten = said
            tell(said, RateOverwritten, strict=self.strict)
        track.rebind(groups)
        return False

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_handles": (), "_seen": False}

    def __repr__(self) -> str:
        return f"Scheduler({self.schedules!r}, position={self._position.count})"
