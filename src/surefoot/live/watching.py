"""watch: the detectors over a run that is not over."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self, TypeVar, final

from surefoot.diagnosis.diagnosing import begun, fed, judged
from surefoot.diagnosis.nouns import Finding, Severity
from surefoot.diagnosis.verdict import Verdict, verdict
from surefoot.errors import ArgumentError
from surefoot.history.lines import Log
from surefoot.history.origin import Fact, Origin
from surefoot.history.reading import Reading
from surefoot.live.alarm import Alarm
from surefoot.live.batch import batch, judges
from surefoot.live.pace import Pace
from surefoot.live.plan import facts as known_facts
from surefoot.live.plan import rate
from surefoot.live.reporting import Reports, Sighting, grave
from surefoot.live.tuned import own
from surefoot.live.values import Row, count, is_read, read, taken

T = TypeVar("T")
LAG, FEED = 32, 256
_NO_FACTS: Mapping[str, Fact | None] = MappingProxyType({})


@final
class Watch:
    """A run as it is watched; ``watch`` (the function) says what the arguments mean and how it is used."""

    def __init__(
        self,
        *,
        total: int | None = None,
        optimizer: Any = None,
        schedule: Any = None,
        log: str | Path | None = None,
        on_finding: Callable[[Finding], object] | None = None,
        evaluate: int | None = None,
        clock: Callable[[], float] = time.perf_counter,
        facts: Mapping[str, Fact | None] = _NO_FACTS,
    ) -> None:
        self._origin = Origin(facts=known_facts(total, optimizer, schedule, facts))
        self._rate, self._own = rate(optimizer, schedule), own(optimizer)
        self._evaluate, self._asked, self._clock, self._on_finding = evaluate, 0, clock, on_finding
        self._progress, self._alarm, self._pace = begun(), Alarm(), Pace(clock)
        self._unread: list[Row] = []
        self._known: list[Row] = []
        self._findings: tuple[Finding, ...] = ()
        self._reports = Reports()
        self._newest = 0
        self._finished = False
        self._log = None if log is None else Log(log)

    def __call__(
        self,
        step: int,
        loss: Any = None,
        *,
        lr: Any = None,
        val_loss: Any = None,
        grad_norm: Any = None,
        **extra: Any,
    ) -> tuple[Finding, ...]:
        """Take one reading and return the findings that are new; the arguments are those of a Reading, or tensors."""
        row: Row = {"step": count(step)}
        if lr is None and self._rate is not None:
            lr = self._rate(row["step"])
        if callable(val_loss):
            val_loss = self._evaluated(val_loss)
        for name, value in (
            ("loss", loss),
            ("lr", lr),
            ("val_loss", val_loss),
            ("grad_norm", grad_norm),
            *{**self._own(), **extra}.items(),
        ):
            if value is not None:
                row[name] = taken(value, name)
        if loss is None and not any(map(judges, row)):
            raise ArgumentError(f"the reading of step {step} has neither a loss nor a validation value: give one.")
        return self._take(row)

    def add(self, reading: Reading) -> tuple[Finding, ...]:
        """Take one reading and return the findings that are new."""
        return self(**reading.row())

    def over(self, stream: Iterable[T], *, stop_on: Severity | None = None) -> Iterator[T]:
        """Yield what ``stream`` yields (readings, numbers or tensors, as a task does) and watch each of them.

        ``stop_on`` ends it after a finding of that severity or a graver one. The stream is closed and the watch
        finished at the end, also when the loop is left early.

        >>> [loss for loss in Watch().over([2.0, float("nan"), 1.0], stop_on="error")]
        [2.0, nan]
        """
        try:
            grave((), stop_on or "error")
            for step, said in enumerate(stream):
                news = self.add(said) if isinstance(said, Reading) else self(step, said)
                yield said
                if stop_on is not None and grave(news, stop_on):
                    return
        finally:
            getattr(stream, "close", lambda: None)()
            self.finish()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings on all readings so far, the gravest first: it reads and judges what waits."""
        self._catch_up()
        return self._findings

    @property
    def seen(self) -> tuple[Sighting, ...]:
        """Everything that was ever reported (the last 1,000), in its order; findings may have gone since."""
        return tuple(self._reports.seen)

    def verdict(self) -> Verdict:
        """Return the run so far in one word."""
        return verdict(self.findings)

    def finish(self) -> tuple[Finding, ...]:
        """Judge all readings, close the log, and return the findings: those of ``diagnose`` on the finished run."""
        self._catch_up()
        self._tell(at_once=True)
        self._finished = True
        if self._log is not None:
            self._log.close()
        return self._findings

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()

    def _evaluated(self, val_loss: Callable[[], Any]) -> Any:
        self._asked += 1
        return val_loss() if self._evaluate is not None and self._asked % self._evaluate == 0 else None

    def _take(self, row: Row) -> tuple[Finding, ...]:
        if self._finished:
            raise ArgumentError("the watch is finished: begin another with sf.watch(...).")
        if is_read(row) and not self._unread:
            self._settle(row)
        else:
            self._unread.append(row)
            if len(self._unread) >= 2 * LAG or _pressing(row):
                self._read(None if _pressing(row) else LAG)
        if self._pace.due():
            self._judge()
        return self._reports.news()

    def _read(self, rows: int | None) -> None:
        """Read the oldest ``rows`` of those that wait, all if None, or once an alarming one is among them."""
        kept = self._unread[:rows]
        del self._unread[:rows]
        for row in kept:
            self._settle(read(row))
        if self._pace.urgent and self._unread:
            self._read(None)

    def _settle(self, row: Row) -> None:
        if self._log is not None:
            self._log.append(row)
        if self._alarm.raised(row):
            self._pace.urgent = True
        self._newest = row["step"]
        self._pace.rows += 1
        self._known.append(row)
        if len(self._known) >= FEED:
            self._feed()

    def _feed(self) -> None:
        if self._known:
            self._progress = fed(self._progress, batch(self._known, self._origin))
            self._known = []

    def _catch_up(self) -> None:
        self._read(None)
        if self._pace.last < self._pace.rows:
            self._judge()

    def _judge(self) -> None:
        began = self._clock()
        self._feed()
        self._findings = judged(self._progress)
        self._pace.judged(self._clock() - began)
        self._tell()

    def _tell(self, *, at_once: bool = False) -> None:
        for finding in self._reports.told(self._findings, self._newest, self._pace.rows, at_once=at_once):
            if self._on_finding is not None:
                self._on_finding(finding)
        self._pace.ripe = self._reports.ripe


def watch(
    *,
    total: int | None = None,
    optimizer: Any = None,
    schedule: Any = None,
    log: str | Path | None = None,
    on_finding: Callable[[Finding], object] | None = None,
    evaluate: int | None = None,
    **facts: Fact | None,
) -> Watch:
    """Return a Watch on a run that begins: call it once per applied update, in any loop.

    ``watch(step, loss, lr=..., val_loss=..., grad_norm=..., **extra)`` returns the findings that are new, usually none;
    ``watch.add(reading)`` takes a Reading; ``watch.over(task(schedule))`` wraps a stream of them; ``watch.findings`` is
    the present state, ``watch.seen`` all that was ever reported, ``watch.verdict()`` one word; ``watch.finish()``
    returns what ``diagnose`` says of the finished run. An evaluation between two updates is a reading without a loss.

    - ``total``: planned updates; ``schedule``: a Schedule, whose total and rates stand where none are given.
    - ``optimizer``: a name, or an optimizer object, whose applied rate is then read at each reading: call the watch
      between ``optimizer.step()`` and ``scheduler.step()``.
    - ``facts``: what detectors know of a run besides (``batch``, ``weight_decay``, ``classes``, ...; see ``Origin``).
    - ``log``: a file of JSON lines to which each reading is appended; ``on_finding(finding)`` is called with each new
      finding; ``evaluate=k`` calls the lazy ``val_loss`` of every k-th reading (unless given, of none).

    Numbers and CPU tensors are looked at at once: a loss that is not finite is returned with its own reading. What may
    pass is reported once it has stood for 32 readings, or an eighth of the run; ``findings`` doesn't wait, and a
    finding that was reported may go again: a spike that heals is no divergence. Tensors on an accelerator
    are kept and read 32 to 64 readings later, so that the watch never waits for the device in between: alarms are
    that late. Asking for ``findings``, ``verdict()`` or ``finish()`` reads what waits.

    >>> look = watch(total=100, optimizer="adamw")
    >>> [len(look(step, loss)) for step, loss in enumerate((2.5, 2.4, float("nan")))][:2]
    [0, 0]
    >>> look.verdict().healthy
    False
    """
    named = {"optimizer": optimizer, "schedule": schedule, "log": log, "on_finding": on_finding, "evaluate": evaluate}
    return Watch(total=total, facts=facts, **named)


def _pressing(row: Row) -> bool:
    """Say whether what is known of a row already asks for reading the others: an evaluation, or a NaN."""
    return type(row.get("val_loss")) is float or any(type(v) is float and not math.isfinite(v) for v in row.values())
