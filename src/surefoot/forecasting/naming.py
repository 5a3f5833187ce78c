"""A few words for a schedule, short enough for a table and a legend."""

from __future__ import annotations

from collections.abc import Iterable

from surefoot.schedule import facts
from surefoot.schedule.core import Schedule
from surefoot.schedule.facts import decay_index, is_hold


def named(schedule: Schedule) -> str:
    """Return a short name: the shape of the decay, how much of the updates it takes, and where it ends.

    >>> from surefoot.schedule.recipes.decays import constant, cosine
    >>> from surefoot.schedule.recipes.long import wsd
    >>> named(wsd(1e-3, total=1000, warmup=10)), named(cosine(1e-3, total=1000)), named(constant(1e-3, total=50))
    ('1-sqrt over the last 200 of 1000', 'cosine over 1000', 'no decay, 50 updates')
    """
    total, at = schedule.total, decay_index(schedule)
    if total is None:
        return "an open schedule"
    if at is None:
        return f"no decay, {total} updates"
    tail = schedule.phases[at:]
    start = facts.decay_start(schedule) or 0
    shapes = list(dict.fromkeys(phase.shape for phase in tail if not is_hold(phase)))
    word = " and ".join(shapes) if len(tail) <= 2 and shapes else f"{len(tail)} phases"
    warm = start <= facts.warmup_steps(schedule)
    length = f"{total}" if warm else f"the last {total - start} of {total}"
    end = tail[-1].end
    return f"{word} over {length}" + (f" to {end:.3g} of the peak" if end > 0 else "")


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names with a number after each that came before.

    >>> distinct(["a", "b", "a"])
    ('a', 'b', 'a (2)')
    """
    done: dict[str, int] = {}
    made = []
    for name in names:
        done[name] = done.get(name, 0) + 1
        made.append(name if done[name] == 1 else f"{name} ({done[name]})")
    return tuple(made)
