"""What forecast() takes, in its several spellings, made one; refused in one sentence where it is something else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from surefoot.errors import ArgumentError
from surefoot.forecasting.law import LossLaw
from surefoot.forecasting.multipower import MULTIPOWER
from surefoot.forecasting.naming import distinct, named
from surefoot.forecasting.tissue import TISSUE
from surefoot.history.columns import History
from surefoot.schedule.core import Schedule

LAWS = {"multi-power": MULTIPOWER, "tissue": TISSUE}
_ALSO = {"mpl": "multi-power", "multipower": "multi-power"}

Histories = History | Iterable[History]
Schedules = Schedule | Iterable[Schedule] | Mapping[str, Schedule]
Ran = Schedule | Sequence[Schedule | None] | None


def law_of(law: str | LossLaw | None) -> LossLaw:
    """Return the law of a name, the multi-power law for None; ArgumentError for a name that is none."""
    if law is None:
        return MULTIPOWER
    if isinstance(law, LossLaw):
        return law
    name = _ALSO.get(str(law).lower(), str(law).lower())
    if name not in LAWS:
        raise ArgumentError(f"law={law!r} must be one of {', '.join(LAWS)}, or a LossLaw.")
    return LAWS[name]


def histories_of(history: Any) -> tuple[History, ...]:
    """Return one history or several as a tuple; ArgumentError for anything else."""
    found = (history,) if isinstance(history, History) else tuple(history) if isinstance(history, Iterable) else ()
    if not found or not all(isinstance(one, History) for one in found):
        raise ArgumentError(f"history={history!r} must be a History (sf.read(path) makes one), or several.")
    return found


def ran_of(ran: Any, runs: int) -> tuple[Schedule | None, ...]:
    """Return the schedule of each run, None where its log has to tell; ArgumentError unless there are ``runs``."""
    found = (
        (ran,) * runs if ran is None or isinstance(ran, Schedule) else tuple(ran) if isinstance(ran, Iterable) else ()
    )
    if len(found) != runs or not all(one is None or isinstance(one, Schedule) for one in found):
        raise ArgumentError(f"ran={ran!r} must be the Schedule that the runs had, or a list of one (or None) for each.")
    return found


def plans_of(schedules: Any) -> tuple[tuple[str, Schedule], ...]:
    """Return names and schedules; ArgumentError unless there is at least one, all of them schedules."""
    given = schedules
    if isinstance(schedules, Schedule):
        given = (schedules,)
    plans = tuple(given.values()) if isinstance(given, Mapping) else tuple(given) if isinstance(given, Iterable) else ()
    if not plans or not all(isinstance(plan, Schedule) for plan in plans):
        raise ArgumentError(f"schedules={schedules!r} must be a Schedule, such as sf.cosine(...), or several.")
    if isinstance(given, Mapping):
        return tuple(zip(map(str, given), plans, strict=True))
    return tuple(zip(distinct(map(named, plans)), plans, strict=True))
