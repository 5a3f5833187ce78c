"""Trial: one short run of a search, and how what was measured becomes JSON."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal, get_args

from surefoot.errors import FormatError

Status = Literal["done", "diverged", "stuck", "stopped", "failed"]
STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True, slots=True)
class Trial:
    """One short run at one rate: what it was asked to do, what it cost, and how it ended.

    ``lr`` is the peak tried, ``steps`` the updates spent (the cost), ``total`` the updates planned, ``loss`` the loss
    it is judged by (validation loss if ``validated``), ``status`` how it ended, ``stage`` the part of the search that
    asked for it, ``losses`` the training losses of its updates, thinned to a few hundred (``points`` are their steps),
    ``start`` the loss at its first update, the validation loss if ``judged_start``. Where it went on from a shorter
    trial at the same rate, ``since`` is how many updates that one had paid for: they are in ``losses`` but not in
    ``steps``. ``trunk`` is the number of updates from which a longer trial could go on (0: none can).
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
    start: float = float("nan")
    judged_start: bool = False
    since: int = 0
    trunk: int = 0

    @property
    def tail(self) -> float:
        """The mean of the last tenth of the training losses kept (NaN if there are none)."""
        last = self.losses[-max(1, round(len(self.losses) / 10)) :]
        return math.fsum(last) / len(last) if last else math.nan

    @property
    def failed(self) -> bool:
        """Whether the run carries no loss to compare: it diverged, or its loss is no finite number."""
        return self.status in {"diverged", "failed"} or not math.isfinite(self.loss)


def plain(value: Any) -> Any:
    """Return frozen data as dicts, lists and numbers that strict JSON can hold: NaN is null, infinity is "inf".

    >>> plain(Trial(0.1, 0, 5, 5, float("inf")))["loss"]
    'inf'
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None if math.isnan(value) else str(value)
    if is_dataclass(value):  # not asdict, which would copy every loss
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value


def trial_of(data: dict[str, Any]) -> Trial:
    """Return the trial that ``plain`` turned into ``data``; raise FormatError if it is none."""
    try:
        numbers = {name: number(data[name]) for name in ("lr", "loss", "seconds", "start")}
        losses = tuple(map(number, data["losses"]))
        return Trial(**(data | numbers | {"losses": losses, "points": tuple(data["points"])}))
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"data is no trial that surefoot wrote ({error!r}).") from None


def number(value: Any) -> float:
    """Return a number that ``plain`` wrote."""
    return math.nan if value is None else float(value)
