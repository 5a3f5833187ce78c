"""Trial, Curve and Peak: what a search measured, and what it recommends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Status = Literal["done", "diverged", "stuck", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class Trial:
    """One short run at one rate: what it was asked to do, what it cost, and how it ended.

    ``lr`` is the peak tried, ``steps`` the updates spent (the cost), ``total`` the updates planned, ``loss`` the loss
    it is judged by (validation loss if ``validated``), ``status`` how it ended, ``stage`` the part of the search that
    asked for it, ``losses`` the training losses of its updates, thinned to a few hundred (``points`` are their steps).
    """

    lr: float
    seed: int
    steps: int
    total: int
    loss: float
    status: Status = "done"
    validated: bool = False
    stage: str = ""
    points: tuple[int, ...] = ()
    losses: tuple[float, ...] = ()
    seconds: float = 0.0
    message: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """The rate against the loss: trials, the loss at initialisation, and the range test that preceded them.

    ``test_lrs``/``test_losses`` are the range test's rate and raw loss at each of its updates (empty if none was run).
    """

    trials: tuple[Trial, ...] = ()
    start_loss: float = float("nan")
    test_lrs: tuple[float, ...] = ()
    test_losses: tuple[float, ...] = ()


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
