"""What a person sees while a search runs: a live panel on a terminal, plain lines elsewhere; all on standard error."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from types import FrameType

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from surefoot.chart import count_text, curve_chart, rate_text
from surefoot.cli.screen import drawn
from surefoot.curve import Curve, Progress
from surefoot.report.words import counted, duration
from surefoot.search.execution import Report
from surefoot.trial import Trial

_BAR, _BESIDE = 40, 56


@dataclass(slots=True)
class Watched:
    """What has been told so far; ``base`` is what a journal had already paid for."""

    now: Progress | None = None
    trials: list[Trial] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    base: int | None = None
    paid: int = 0

    @property
    def spent(self) -> int:
        """The updates spent, those of the trials that ended in this batch included."""
        if self.now is None or self.base is None:
            return 0
        flying = 0 if self.now.finished is not None else self.now.trial_step
        return max(self.now.spent, self.base + self.paid + flying)

    def told(self, progress: Progress) -> None:
        """Take one message."""
        if self.base is None:
            self.base = progress.spent - progress.trial_step
        self.now = progress
        if progress.finished is not None:
            self.trials.append(progress.finished)
            self.paid += progress.finished.steps

    def left(self) -> float | None:
        """Return the seconds that the rest of the budget should take at the speed so far; None before it is known."""
        if self.now is None or self.base is None or self.spent - self.base < 1:
            return None
        speed = (time.monotonic() - self.began) / (self.spent - self.base)
        return speed * max(self.now.budget - self.spent, 0)


@contextmanager
def insistent() -> Iterator[Report]:
    """Yield a callback that raises KeyboardInterrupt again if an earlier Ctrl-C got lost.

    An interrupt that falls into a compiled module's import, or a destructor, is dropped there without a word.
    """
    asked = False

    def handler(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        raise KeyboardInterrupt

    def check(_progress: Progress) -> None:
        if asked:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, handler)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def watching(console: Console) -> Iterator[Report]:
    """Yield the callback that a search reports to, and show what it is told on ``console`` until the block ends."""
    watched = Watched()
    with insistent() as check:

        def told(progress: Progress) -> None:
            check(progress)
            watched.told(progress)
            if not console.is_terminal:
                _line(console, progress, watched.spent)

        # The last frame is wiped: the summary that follows says the same, better.
        frame = lambda: panel(watched, console)
        with (
            Live(console=console, refresh_per_second=8, transient=True, get_renderable=frame)
            if (console.is_terminal)
            else nullcontext()
        ):
            yield told


def _line(console: Console, progress: Progress, paid: int) -> None:
    trial = progress.finished
    if trial is None:
        return
    spent = f"{count_text(paid)}/{count_text(progress.budget)} updates"
    console.print(
        f"{progress.stage}: rate {rate_text(trial.lr)}, loss {trial.loss:.4g}, {trial.status}, {spent}", soft_wrap=True
    )


def panel(watched: Watched, console: Console) -> Group:
    """Return what the live display shows: the trial in flight, the budget, the time left, and the curve so far."""
    now = watched.now
    if now is None:
        return Group(Text("Starting: the task is being set up.", style="bright_black"))
    rows = Table.grid(padding=(0, 2))
    width = max(8, min(_BAR, console.width - _BESIDE))
    trial = ProgressBar(total=max(now.trial_total, 1), completed=now.trial_step, width=width)
    spent = ProgressBar(total=max(now.budget, 1), completed=min(watched.spent, now.budget), width=width)
    rows.add_row(now.stage, trial, f"{now.trial_step}/{now.trial_total}  rate {rate_text(now.lr)}  loss {now.loss:.4g}")
    rows.add_row(
        "budget", spent, f"{count_text(watched.spent)}/{count_text(now.budget)} updates, {_remaining(watched)}"
    )
    done = [trial for trial in watched.trials if trial.lr > 0 and trial.stage != "range test"]
    if len(done) < 2 or console.height < 24:
        return Group(rows, Text(f"{counted(len(watched.trials), 'trial')} done", style="bright_black"))
    return Group(rows, Text(), drawn(console, curve_chart(Curve(tuple(done)), title="So far"), 9))


def _remaining(watched: Watched) -> str:
    left = watched.left()
    return "" if left is None else f"at most {duration(left)} left"
