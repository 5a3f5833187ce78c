"""Guard: watch each update before it is made, and save a run that goes bad."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch.optim import Optimizer

from surefoot.diagnosis.nouns import Finding
from surefoot.errors import ArgumentError
from surefoot.history.reading import Reading
from surefoot.live import Watch
from surefoot.torch.acting import Action, Attempt, Pace, Record
from surefoot.torch.agreeing import agreed, rank
from surefoot.torch.capture import Buffers
from surefoot.torch.clipping import Clipper, gradients, scale, total_norm
from surefoot.torch.cutting import rate_of
from surefoot.torch.gate import Gate, Judge
from surefoot.torch.outliers import Outliers
from surefoot.torch.places import bound, checked, checkpoint, mean, members, overflowed, places, scale_of
from surefoot.torch.policies import Policy, ladder
from surefoot.torch.recovery import Recovery
from surefoot.torch.ring import Ring, Snapshot, written

# The findings that say a run is lost; the others are for the reader.
_HEEDED = frozenset({"SF102", "SF103"})
_EVERY = 25
# Running variances settle within a few updates; from then on one batch moves them by a few percent.
_SETTLED, _JUMP = 10, 100.0


class Guard:
    """Watch a run from the inside: ``with guard.update(loss): loss.backward(); optimizer.step()``.

    Just before the step the loss and the gradient norm are looked at, which costs one wait for the device. An update
    that is not finite, or whose batch is an outlier, passes without any effect; when the run leaves the band in which
    it was learning, the weights and the optimizer go back to a good snapshot and the rate is cut, while the schedule
    keeps its position and the data moves on. What is done is said by ``policy`` (see ``surefoot.torch.policies``).
    A run in which nothing happens is bit for bit the run without a guard.

    ``model``, ``optimizer`` and ``scheduler`` (an st.Scheduler, or None: then the guard cuts by itself) may be one or
    several. ``loader`` with ``state_dict`` is rewound with the rest if ``rewind``; ``scaler`` is the GradScaler.
    ``log`` is a file of readings. A snapshot is taken ``every`` updates while the run is healthy (None: as often as
    the share ``budget`` of the time allows), the last ``keep`` are held, each as large as the weights and the
    optimizer's state together (three times the weights for Adam), on disk in the folder ``where`` if it is given.
    ``save`` is where the last good state goes when the guard gives up, which raises GuardStop.
    Raises ArgumentError for a bad argument.

    >>> import torch
    >>> layer = torch.nn.Linear(1, 1)
    >>> optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    >>> guard = Guard(layer, optimizer)
    >>> for x in (1.0, float("nan"), 1.0):
    ...     loss = layer(torch.tensor([[x]])).square().mean()
    ...     optimizer.zero_grad()
    ...     with guard.update(loss):
    ...         loss.backward()
    ...         optimizer.step()
    >>> guard.position, guard.actions
    (2, (Action(step=1, what='skip', why='the loss is nan', before=None, after=None),))
    """

    def __init__(
        self,
        model: Any,
        optimizer: Any,
        scheduler: Any = None,
        *,
        log: str | Path | None = None,
        loader: Any = None,
        scaler: Any = None,
        policy: Policy | None = None,
        every: int | None = None,
        keep: int = 4,
        budget: float = 0.02,
        where: str | Path | None = None,
        save: str | Path | None = None,
        rewind: bool = False,
        watch: bool = True,
    ) -> None:
        checked(every, keep, budget)
        self.policy = ladder() if policy is None else policy
        if not isinstance(self.policy, Policy):
            raise ArgumentError(f"policy={policy!r:.60} is no Policy: call one, st.policies.ladder() for the default.")
        self.findings: tuple[Finding, ...] = ()
        self.actions: tuple[Action, ...] = ()
        self._run, self._rates = bound(members(model, optimizer, scaler, loader), scheduler)
        spots = places(log, where, save)
        pace = Pace(every or _EVERY, budget if every is None else None)
        ring, rule = Ring(keep, pace.every, spots.where), self.policy.rollback
        self._recovery = Recovery(self._run, self._rates, rule, places=spots, pace=pace, ring=ring, rewind=rewind)
        self._outliers = [Outliers(self.policy.skip) for _ in self._run.optimizers]
        self._clippers = [Clipper(self.policy.clip) for _ in self._run.optimizers]
        self._watching, self._watch = watch, Watch()
        self._pace, self._buffers = pace, Buffers(self._run.models)
        self._record = Record(spots.log)
        self._now, self._streak = Attempt(None), 0
        self._pending: list[Any] = []
        self._gate = Gate(self._run.optimizers, Judge(self._rates.before, self._allow, self._done))

    @property
    def position(self) -> int:
        """The number of updates that were applied."""
        return self._rates.position

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """The snapshots that are held, oldest first."""
        return self._recovery.ring.snapshots

    @contextmanager
    def update(self, loss: Any = None) -> Iterator[None]:
        """Guard the block: it holds ``loss.backward()`` and the step, a GradScaler's ``step`` and ``update`` too.

        ``loss`` may be left out where the step takes a closure. With accumulation wrap every micro-batch, or the last
        one only: a block without a step adds its loss to that of the next one. Several optimizers may step in a
        block: an update that is refused at one is refused at those that follow.
        """
        self._now = now = Attempt(loss, scale_of(self._run.scaler))
        self._pace.tick()
        self._gate.open()
        try:
            yield
        finally:
            self._gate.close()
            for optimizer in self._run.optimizers:
                self._rates.after(optimizer, applied=False)
        self._settle(now)

    def save(self, path: str | Path) -> None:
        """Write the state of the run as it is now to ``path``, whole or not at all, for ``torch.load``."""
        if rank() == 0:
            written(Path(path), checkpoint(self._run, self.position, self._rates))

    def close(self) -> None:
        """Take the guard off the optimizers, close the log and drop the snapshots."""
        self._gate.remove()
        self._recovery.ring.clear()
        self._record.close()

    def _allow(self, optimizer: Optimizer, loss: Any) -> bool:
        now, k = self._now, self._run.optimizers.index(optimizer)
        if now.skip:
            return False
        given = now.given if loss is None else loss
        if given is None:
            raise ArgumentError("update() needs the loss (update(loss)), unless the step is given a closure.")
        grads = gradients(optimizer)
        *losses, norm, jump = agreed([*self._pending, given, total_norm(grads), self._buffers.jump()])
        now.loss = mean(losses)
        # A fused optimizer gets gradients that are still scaled, and the scale beside them.
        amp = getattr(optimizer, "grad_scale", None)
        now.norms[k] = norm if amp is None else norm / float(amp)
        now.rate = max(now.rate, rate_of([optimizer]))
        now.judged = True
        now.overflow = amp is not None and math.isfinite(now.loss) and not math.isfinite(norm)
        now.skip = self._objection(now, k, jump)
        if now.skip:
            return False
        self._recovery.copy(now)
        factor = self._clippers[k].factor(now.norms[k])
        if factor < 1.0:
            scale(grads, factor)
            self._act("clip", "the gradient norm is too large", now.norms[k], now.norms[k] * factor)
        return True

    def _objection(self, now: Attempt, k: int, jump: float) -> str:
        if now.overflow:
            return "the gradients overflowed at this loss scale"
        if not math.isfinite(now.loss):
            return f"the loss is {now.loss}"
        if not math.isfinite(now.norms[k]):
            return f"the gradient norm is {now.norms[k]}"
        if self.policy.skip is not None and self.position >= _SETTLED and not jump <= _JUMP:
            return f"a running variance of the model jumped {jump:.3g}x"
        return self._outliers[k].odd(now.loss, now.norms[k])

    def _done(self, optimizer: Optimizer, applied: bool) -> None:
        self._rates.after(optimizer, applied=applied)
        self._now.hear(optimizer)
        self._now.applied = self._now.applied or applied

    def _settle(self, now: Attempt) -> None:
        """Look at what the block did: nothing (a micro-batch, an overflow), an update left out, or one applied."""
        if not now.judged:
            self._without_step(now)
        elif now.skip:
            self._pending.clear()
            self._skipped(now, now.skip)
        elif now.applied:
            self._pending.clear()
            self._applied(now)

    def _without_step(self, now: Attempt) -> None:
        if not overflowed(now.scale, self._run.scaler):
            if now.given is not None:
                self._pending.append(now.given.detach() if hasattr(now.given, "detach") else now.given)
            return
        self._pending.clear()
        now.loss = math.nan if now.given is None else agreed([now.given])[0]
        now.overflow = math.isfinite(now.loss)
        self._skipped(now, "the gradients overflowed at this loss scale" if now.overflow else f"the loss is {now.loss}")

    def _skipped(self, now: Attempt, why: str) -> None:
        self._act("skip", why)
        if not now.overflow:
            self._buffers.restore()
            self._streak += 1
        self._record.update(self.position, now, skipped=1.0)
        limit = 6 if self.policy.skip is None else self.policy.skip.streak
        if self._streak >= limit:
            self._roll_back(f"{self._streak} updates in a row were left out, the last since {why}")

    def _applied(self, now: Attempt) -> None:
        self._streak = 0
        self._buffers.keep()
        self._rates.counted()
        for k, norm in now.norms.items():
            self._outliers[k].add(now.loss, norm)
        self._record.update(self.position - 1, now)
        why = self._recovery.fed(now) or self._heeded(now)
        if why:
            self._roll_back(why)

    def _heeded(self, now: Attempt) -> str:
        if not self._watching:
            return ""
        new = self._watch.add(Reading(self.position - 1, now.loss, lr=now.rate, grad_norm=now.norm, **now.told))
        self.findings = (*self.findings, *new)
        grave = [one for one in new if one.severity == "error" and one.code in _HEEDED]
        return "" if self._recovery.trend.healthy or not grave else grave[0].message

    def _roll_back(self, why: str) -> None:
        done = self._recovery.back(why, self.save)
        if not done:
            return
        self.actions = (*self.actions, *done)
        self._streak = 0
        self._buffers.keep()
        for outliers in self._outliers:
            outliers.clear()
        self._watch = Watch()
        self._record.rolled(self.position, self._now, done)

    def _act(self, what: str, why: str, before: float | None = None, after: float | None = None) -> None:
        self.actions = (*self.actions, Action(self.position, what, why, before, after))
