"""Recovery: snapshots while a run is healthy, and the way back when it is not."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from statistics import median

from surefoot.errors import GuardStop
from surefoot.torch.acting import Action, Attempt, Pace, factor
from surefoot.torch.capture import Key, Run, captured, parameters, put
from surefoot.torch.cutting import Rates, rate_of
from surefoot.torch.places import Places, wait
from surefoot.torch.policies import Rollback
from surefoot.torch.ring import Ring, Snapshot
from surefoot.torch.trend import Band, Trend

_TREND: Key = ("trend",)
# Among so many first updates, one whose loss and norm are so many times the middle ones was a bad batch.
_START, _FAR = 5, 100.0


class Recovery:
    """The ring of snapshots of one run, when to add to it, and what to return to."""

    def __init__(
        self, run: Run, rates: Rates, rule: Rollback | None, *, places: Places, pace: Pace, ring: Ring, rewind: bool
    ) -> None:
        self.trend = Trend(Band() if rule is None else rule.band)
        self.ring = ring
        self._run, self._rates, self._rule, self._places, self._pace = run, rates, rule, places, pace
        self._rewind = rewind
        self._done = self._next = self._repeats = self._times = 0
        self._fell = -math.inf
        self._used: Snapshot | None = None
        self._begun: list[tuple[float, float]] = []

    def copy(self, now: Attempt) -> None:
        """Take a snapshot where one is due: these weights have just given a good loss and a finite gradient."""
        if self._rule is None or now.applied or self._done < self._next or not self.trend.healthy:
            return
        began = time.perf_counter()
        self.ring.add(self._rates.position, now.rate, {**captured(self._run), _TREND: self.trend})
        wait()
        self._pace.copied(time.perf_counter() - began)
        self.ring.every = self._pace.every
        self._next = self._done + self._pace.every

    def fed(self, now: Attempt) -> str:
        """Take an applied update; return why the run is lost, "" while it is not."""
        self._done += 1
        lost = self.trend.fed(now.loss, now.rate)
        if self._done <= _START:
            self._begun.append((now.loss, now.norm))
        return self._false_start() or lost

    def _false_start(self) -> str:
        """Return why the first updates count for nothing: nobody could tell yet that their batches were bad."""
        if self._done != _START:
            return ""
        for values in zip(*self._begun, strict=True):
            if not max(values) > _FAR * median(values) > 0.0:
                return ""
        losses = [loss for loss, _ in self._begun]
        return (
            f"an early batch with the loss {max(losses):.4g} lies far above the {median(losses):.4g} of its neighbours"
        )

    def back(self, why: str, save: Callable[..., None]) -> tuple[Action, ...]:
        """Return to a good snapshot and cut the rate; when that was tried often enough, save it and raise GuardStop."""
        rule, here = self._rule, self._rates.position
        if rule is None:
            return ()
        self._repeats = self._repeats + 1 if self._done - self._fell <= rule.window else 0
        if self._repeats and self._used is not None:
            # It led astray once already: what looked good there may not have been.
            self.ring.forget(self._used)
        # Before the peak has proven itself every state but the first may have been bent by it.
        innocent = self._done == _START and bool(self._false_start())
        found = self.ring.pick(here - rule.back if self.trend.proven or rule.exact else 0)
        if found is None:
            return self._stopped(f"{why}; no snapshot was taken before", save)
        proven = self.trend.proven
        self._return_to(found, rule)
        if self._times >= rule.times:
            return self._stopped(f"{why}, after {self._times} rollbacks", save)
        self._times += 1
        self._fell, self._used = self._done, found
        back = Action(here, "roll back", why, here, found.step)
        if innocent:
            # The rate has done nothing wrong, and what it did since is no sign either.
            self.trend.doubts = 0
            self._fell = -math.inf
            return (back,)
        return (back, *self._cut(why, found, rule, proven=proven))

    def _return_to(self, found: Snapshot, rule: Rollback) -> None:
        put(self._run, found.held, rewind=self._rewind)
        for optimizer in self._run.optimizers:
            if rule.moments == "reset":
                optimizer.state.clear()
            for parameter in parameters(optimizer):
                parameter.grad = None
        if self._rewind:
            self._rates.rewind(found.step)
        self._next = self._done + self._pace.every
        # The loss is judged against the best of the state it comes from, not against what the bad stretch reached.
        self.trend = copy.deepcopy(found.rest[_TREND])
        self.trend.restarted()
        self.trend.doubts = self._times + 1

    def _cut(self, why: str, found: Snapshot, rule: Rollback, *, proven: bool) -> tuple[Action, ...]:
        ahead = self._rates.ahead(rate_of(self._run.optimizers))
        k = factor(rule, found.rate, ahead, self._repeats, proven=proven)
        if k == 1.0 and not rule.rewarm:
            return ()
        self._rates.cut(k, why, rule.rewarm)
        return (Action(self._rates.position, "cut", why, ahead, ahead * k),)

    def _stopped(self, why: str, save: Callable[..., None]) -> tuple[Action, ...]:
        path = self._places.save
        save(path)
        raise GuardStop(
            f"the guard gave up at update {self._rates.position}: {why}. The last good state is in {str(path)!r}: "
            "look at the data, the initialisation and the precision before the rate.",
            path,
        )
