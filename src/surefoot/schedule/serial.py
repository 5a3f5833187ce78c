"""A schedule as JSON text and back: plain, versioned, and nothing in it is run on load."""

from __future__ import annotations

import json
from typing import Any

from surefoot.errors import ArgumentError, FormatError, kind
from surefoot.schedule.phase import Phase, rate

VERSION = 1
_KEYS = {"length", "start", "stop", "shape", "parameters", "gain", "window"}


def dumps(peak: float, phases: tuple[Phase, ...]) -> str:
    """Return the JSON text; floats are written so that they are read back to the bit."""
    data = {"surefoot": "schedule", "version": VERSION, "peak": peak, "phases": [_plain(phase) for phase in phases]}
    return json.dumps(data, allow_nan=False)


def _plain(phase: Phase) -> dict[str, Any]:
    found: dict[str, Any] = {"length": phase.steps, "start": phase.start, "stop": phase.stop, "shape": phase.shape}
    if phase.parameters:
        found["parameters"] = dict(phase.parameters)
    if phase.gain != 1.0:
        found["gain"] = phase.gain
    if phase.window is not None:
        found["window"] = phase.window
    return found


def loads(text: str) -> tuple[float, tuple[Phase, ...]]:
    """Return the peak and the phases that ``text`` holds, or raise FormatError."""
    data = _object(text)
    if data.get("surefoot") != "schedule":
        raise FormatError('this JSON is not a schedule: it has no "surefoot": "schedule".')
    if data.get("version") != VERSION:
        raise FormatError(f"version={data.get('version')!r} of the schedule format is unknown: this reads {VERSION}.")
    try:
        phases = data["phases"]
        if not isinstance(phases, list) or not phases:
            raise FormatError("the schedule's phases must be a list of at least one phase.")
        return rate(_number(data["peak"], "peak"), "peak"), tuple(map(_phase, phases))
    except KeyError as missing:
        raise FormatError(f"the schedule has no {missing}.") from None
    except (ArgumentError, TypeError, OverflowError) as wrong:
        raise FormatError(f"the schedule cannot be used: {wrong}") from None


def _object(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text, parse_constant=_no_constant)
    except FormatError:
        raise
    except (TypeError, ValueError, RecursionError) as wrong:
        raise FormatError(f"a schedule must be JSON text, and this is not: {wrong}.") from None
    if not isinstance(data, dict):
        raise FormatError(f"a schedule must be a JSON object, not {kind(data)}.")
    return data


def _no_constant(name: str) -> Any:
    raise FormatError(f"the text holds {name}, which is no number of a schedule.")


def _phase(data: Any) -> Phase:
    if not isinstance(data, dict) or set(data) - _KEYS:
        raise FormatError(f"phase {data!r:.80} must be an object with keys of {', '.join(sorted(_KEYS))}.")
    length, parameters = data["length"], data.get("parameters", {})
    if not (length is None or type(length) is int) or not isinstance(parameters, dict):
        raise FormatError(f"phase {data!r:.80} needs a length in steps (or null) and parameters as an object.")
    numbers = [_number(data.get(key, 1.0), key) for key in ("start", "stop", "gain")]
    start, stop, gain = numbers
    if not isinstance(data["shape"], str):
        raise FormatError(f"shape={data['shape']!r:.80} must be the name of a shape.")
    return Phase(length, start, stop, data["shape"], tuple(parameters.items()), gain, data.get("window"))


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise FormatError(f"{name}={value!r:.80} must be a number.")
    return float(value)
