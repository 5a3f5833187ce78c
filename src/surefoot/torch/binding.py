"""Binding: turn a scheduler's arguments into tracks, reading the optimizer and writing nothing."""

from __future__ import annotations

from collections.abc import Mapping

from surefoot.errors import ArgumentError, BindingError
from surefoot.schedule.core import Schedule
from surefoot.torch.factors import ABSOLUTE, GroupFactors, bind, pick
from surefoot.torch.slots import Groups, Slot, slot
from surefoot.torch.track import Track


def plans(schedule: Schedule | Mapping[str, Schedule]) -> dict[str, Schedule]:
    """Return the schedules by field, the rate first; ArgumentError for anything that is not a Schedule."""
    given = schedule if isinstance(schedule, Mapping) else {"lr": schedule}
    if not given:
        raise ArgumentError("schedule={} has no field: give a Schedule, or a dict such as {'lr': schedule}.")
    for field, plan in given.items():
        if not isinstance(plan, Schedule):
            raise ArgumentError(
                f"schedule[{field!r}]={plan!r} is no Schedule: build one with sf.cosine, sf.wsd or sf.Schedule."
            )
        if field in ABSOLUTE and plan.peak >= 1.0:
            raise ArgumentError(f"schedule[{field!r}] has the peak {plan.peak!r}: a {field} must stay below 1.")
    return dict(sorted(given.items(), key=lambda item: item[0] != "lr"))


def inherited(given: dict[str, Schedule], known: Mapping[str, Track]) -> dict[str, Schedule]:
    """Return ``given`` unless an earlier scheduler drives other fields only: it would silently be replaced."""
    if known and not set(given) & set(known):
        raise BindingError(
            f"this optimizer has a scheduler of {', '.join(known)} already, and one of {', '.join(given)} would "
            "replace it: give both in one dict, Scheduler(optimizer, {field: schedule, ...})."
        )
    return given


def tracks(
    groups: Groups, given: Mapping[str, Schedule], factors: GroupFactors | None, known: Mapping[str, Track]
) -> dict[str, Track]:
    """Return a track for each field; the factors are given, those of an earlier scheduler, or read off the groups."""
    unknown = sorted(set(factors) - set(given)) if isinstance(factors, Mapping) else []
    if unknown:
        raise ArgumentError(f"groups has factors for {', '.join(unknown)}, which no schedule drives.")
    built: dict[str, Track] = {}
    for field, plan in given.items():
        place = slot(field, groups)
        twin = next((name for name, track in built.items() if _same(track.slot, place)), None)
        if twin is not None:
            raise ArgumentError(
                f"schedule has {twin!r} and {field!r}, which are one field of this optimizer: keep one."
            )
        source = pick(factors, field)
        earlier = known.get(field)
        if source is None and earlier is not None:
            found = earlier.factors.grown(place, groups)
        else:
            found = bind(place, groups, source)
        built[field] = Track(place, plan, found, groups)
    return built


def _same(one: Slot, other: Slot) -> bool:
    return (one.key, one.index) == (other.key, other.index)
