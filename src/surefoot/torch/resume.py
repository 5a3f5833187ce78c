"""Resume: a scheduler's state as JSON, and what differs between a checkpoint and the code."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from surefoot.errors import FormatError, SurefootError
from surefoot.schedule.core import Schedule
from surefoot.torch.factors import Factors
from surefoot.torch.position import Cut, Position
from surefoot.torch.reports import Change
from surefoot.torch.track import Track

_CLOSE = 1e-6


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint as read: the position, the cuts, and of each field the schedule's text and the factors."""

    position: int
    cuts: tuple[Cut, ...]
    schedules: dict[str, str]
    factors: dict[str, Factors]


def dump(position: Position, tracks: Mapping[str, Track]) -> dict[str, Any]:
    """Return the state as JSON-able data: a position, the cuts, and the plan for comparison."""
    return {
        "surefoot": 1,
        "position": position.settled(),
        "cuts": [[cut.step, cut.factor, cut.why, cut.rewarm] for cut in position.cuts],
        "fields": {
            field: {
                "schedule": track.schedule.to_json(),
                "factors": list(track.factors.values),
                "reference": track.factors.reference,
            }
            for field, track in tracks.items()
        },
    }


def load(state: Mapping[str, Any]) -> Saved:
    """Read what ``dump`` wrote; FormatError for anything else."""
    if not isinstance(state, Mapping):
        raise FormatError(f"the scheduler state is {state!r:.60}: pass the dict that state_dict() returned.")
    if "surefoot" not in state:
        epoch = state.get("last_epoch")
        hint = f" If its last_epoch={epoch} counts applied updates, call scheduler.set({epoch})." if epoch else ""
        raise FormatError(f"the scheduler state has the keys {sorted(state)}: it is not one of surefoot.{hint}")
    try:
        position = operator.index(state["position"])
        # States that were written before there was a rewarm have none.
        cuts = tuple(Cut(int(cut[0]), float(cut[1]), str(cut[2]), *map(int, cut[3:])) for cut in state["cuts"])
        fields = dict(state["fields"])
        schedules = {field: str(saved["schedule"]) for field, saved in fields.items()}
        factors = {
            field: Factors(tuple(map(float, saved["factors"])), float(saved["reference"]))
            for field, saved in fields.items()
        }
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(f"the scheduler state is damaged ({error!r}): it needs position, cuts and fields.") from error
    if position < 0:
        raise FormatError(f"the scheduler state has position={position}: updates are counted from 0.")
    return Saved(position, cuts, schedules, factors)


def changes(saved: Saved, tracks: Mapping[str, Track]) -> tuple[Change, ...]:
    """Return what the code plans otherwise than the checkpoint, with the values of the next update."""
    step = saved.position
    found: list[Change] = []
    for field in sorted({*saved.schedules, *tracks}):
        text, track = saved.schedules.get(field), tracks.get(field)
        old, new = _parsed(text), None if track is None else track.schedule
        if old is None or old != new:
            values = [None if plan is None else plan(step) for plan in (old, new)]
            found.append(Change(field, step, values[0], values[1]))
        if track is not None and field in saved.factors:
            found.extend(_regrouped(field, step, saved.factors[field], track))
    return tuple(found)


def adopted(track: Track, saved: Factors | None) -> Factors:
    """Return the factors to go on with: the saved ones, exact, where the code's agree or could not be known.

    Ratios read back from a loaded optimizer are rounded, and after an update at rate 0 they are gone.
    """
    own = track.factors
    if saved is None or own.rule is not None or not (own.reference == 0.0 or _agree(own, saved)):
        return own
    values = (*saved.values[: len(own.values)], *own.values[len(saved.values) :])
    return Factors(values, saved.reference)


def _agree(own: Factors, saved: Factors) -> bool:
    pairs = zip(own.values, saved.values, strict=False)
    return all(math.isclose(a, b, rel_tol=_CLOSE) for a, b in pairs)


def _regrouped(field: str, step: int, saved: Factors, track: Track) -> list[Change]:
    own = track.factors
    if own.reference == 0.0:
        return []
    value = track.schedule(step)
    return [
        Change(f"{field} of group {k}", step, value * old, value * new, "group factor")
        for k, (old, new) in enumerate(zip(saved.values, own.values, strict=False))
        if not math.isclose(old, new, rel_tol=_CLOSE)
    ]


def _parsed(text: str | None) -> Schedule | None:
    if text is None:
        return None
    try:
        return Schedule.from_json(text)
    except SurefootError:
        return None
