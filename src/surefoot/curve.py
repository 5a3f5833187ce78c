"""Curve and Peak: what a search measured, and what it recommends."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any

from surefoot.chart.nouns import curve_chart
from surefoot.errors import ArgumentError, FormatError
from surefoot.svg import svg
from surefoot.trial import Trial, number, plain, trial_of


@dataclass(frozen=True, slots=True)
class Curve:
    """The rate against the loss: trials, the loss at initialisation, and the range test that preceded them.

    ``test_lrs``/``test_losses`` are the range test's rate and raw loss at each of its updates (empty if none was run).
    ``interrupted`` says that the search was stopped before its last trial.

    >>> curve = Curve((Trial(0.1, 0, 50, 50, 0.7), Trial(0.2, 0, 50, 50, 0.3), Trial(0.4, 0, 9, 50, 2.0, "diverged")))
    >>> curve.best.lr, curve.edge, curve.cost_steps
    (0.2, 0.4, 109)
    """

    trials: tuple[Trial, ...] = ()
    start_loss: float = float("nan")
    test_lrs: tuple[float, ...] = ()
    test_losses: tuple[float, ...] = ()
    interrupted: bool = False

    @property
    def best(self) -> Trial | None:
        """The trial with the lowest loss among the longest ones; None where every run failed."""
        longest = max((trial.total for trial in self.trials if not trial.failed), default=0)
        whole = (trial for trial in self.trials if not trial.failed and trial.total == longest)
        return min(whole, key=lambda trial: trial.loss, default=None)

    @property
    def edge(self) -> float | None:
        """The lowest rate above the best one that diverged, or whose loss did not fall; None if none was seen."""
        floor = 0.0 if self.best is None else self.best.lr
        return min((t.lr for t in self.trials if t.lr > floor and (t.failed or t.status == "stuck")), default=None)

    @property
    def cost_steps(self) -> int:
        """The updates spent on the trials and on the range test."""
        return sum(trial.steps for trial in self.trials) + len(self.test_lrs)

    @property
    def validated(self) -> bool:
        """Whether every trial that ended well was judged by validation loss."""
        whole = [trial for trial in self.trials if not trial.failed]
        return bool(whole) and all(trial.validated for trial in whole)

    def by_rate(self, total: int | None = None) -> dict[float, float]:
        """Return the mean loss over seeds of each rate tried at length ``total`` (the longest unless given).

        A rate whose run failed under any seed counts as infinite.
        """
        length = max((trial.total for trial in self.trials), default=0) if total is None else total
        losses: dict[float, list[float]] = {}
        for trial in self.trials:
            if trial.total == length:
                losses.setdefault(trial.lr, []).append(math.inf if trial.failed else trial.loss)
        return {lr: math.fsum(values) / len(values) for lr, values in sorted(losses.items())}

    def plateau(self, within: float = 0.01) -> tuple[float, float] | None:
        """Return the lowest and highest rate around the best whose regret is at most ``within``.

        regret(lr) = (loss(lr) - best) / (loss at initialisation - best), on the longest trials; None where no trial
        improved on the start.
        """
        rates = self.by_rate()
        best = min(rates.values(), default=math.inf)
        gain = self.start_loss - best
        if not (math.isfinite(best) and gain > 0):
            return None
        lrs = list(rates)
        good = [(rates[lr] - best) / gain <= within for lr in lrs]
        low = high = min(range(len(lrs)), key=lambda k: rates[lrs[k]])
        while low > 0 and good[low - 1]:
            low -= 1
        while high < len(lrs) - 1 and good[high + 1]:
            high += 1
        return lrs[low], lrs[high]

    def _repr_html_(self) -> str | None:
        return _drawn(self)

    def to_json(self) -> str:
        """Return the curve as JSON text; ``from_json`` reads it back to an equal curve (NaN included, as null)."""
        return json.dumps(plain(self), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Curve:
        """Return the curve that ``to_json`` wrote; raise FormatError if it is none."""
        return _curve(_loaded(text, "curve"))


@dataclass(frozen=True, slots=True)
class Peak:
    """A recommended peak rate with its evidence; ``lr`` is None when the evidence carries no answer.

    ``low``..``high`` is the range within about one percent of the best, ``edge`` the lowest rate seen to diverge,
    ``confidence`` in [0, 1], ``cost_steps`` the updates spent, ``total`` the length of the full run they are compared
    with, ``seconds`` the wall time, ``why`` one sentence.
    """

    lr: float | None
    low: float | None
    high: float | None
    edge: float | None
    method: str
    confidence: float
    cost_steps: int
    why: str
    total: int | None = None
    seconds: float = 0.0
    curve: Curve = field(default_factory=Curve)

    @property
    def cost_runs(self) -> float | None:
        """The cost in full runs of ``total`` updates; None where no total was given."""
        return None if self.total is None else self.cost_steps / self.total

    def _repr_html_(self) -> str | None:
        return _drawn(self)

    def to_json(self) -> str:
        """Return the peak as JSON text, its curve included; ``from_json`` reads it back."""
        return json.dumps(plain(self), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Peak:
        """Return the peak that ``to_json`` wrote; raise FormatError if it is none."""
        data = _loaded(text, "peak")
        try:
            return cls(**(data | {"curve": _curve(data["curve"])}))
        except (KeyError, TypeError) as error:
            raise FormatError(
                f"text is no peak that surefoot wrote ({error}): pass what Peak.to_json returned."
            ) from None

    def __str__(self) -> str:
        cost = f"{self.cost_steps} updates" + ("" if self.total is None else f", {self.cost_runs:.2f} runs")
        minutes = f"{self.seconds:.0f} s" if self.seconds < 90 else f"{self.seconds / 60:.1f} min"
        if self.lr is None:
            return f"no peak ({cost}, {minutes}): {self.why}"
        between = "" if self.low is None or self.high is None else f" ({self.low:.2g} to {self.high:.2g})"
        edge = "" if self.edge is None else f", edge {self.edge:.2g}"
        return f"peak {self.lr:.3g}{between}{edge}, confidence {self.confidence:.0%}, {cost}, {minutes}: {self.why}"


@dataclass(frozen=True, slots=True)
class Progress:
    """What a search tells whoever watches it, once in a while: the stage, the trial in flight, the budget spent."""

    stage: str
    lr: float
    loss: float
    trial_step: int
    trial_total: int
    spent: int
    budget: int
    finished: Trial | None = None


def _curve(data: dict[str, Any]) -> Curve:
    try:
        return Curve(
            tuple(trial_of(trial) for trial in data["trials"]),
            number(data["start_loss"]),
            tuple(map(number, data["test_lrs"])),
            tuple(map(number, data["test_losses"])),
            bool(data["interrupted"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"data is no curve that surefoot wrote ({error!r}).") from None


def _loaded(text: str, what: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise FormatError(f"text is no JSON ({error}): pass what {what.capitalize()}.to_json returned.") from None
    if not isinstance(data, dict):
        raise FormatError(f"text holds {type(data).__name__} where a {what} was expected.")
    return data


def _drawn(found: Curve | Peak) -> str | None:
    """Return the picture a notebook shows; None, so that it shows the text, where there is nothing to draw."""
    try:
        return svg(curve_chart(found))
    except ArgumentError:
        return None
