"""Curves from text and files: what was written by surefoot, row by row, or as columns where there are many."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from surefoot.curve.packed import Packed, packed, trial_in
from surefoot.errors import ArgumentError, FormatError
from surefoot.trial import Trial, number, trial_of

LONG = 200_000
"""Bytes from which on trials are read as columns."""
_TEST = "range test"
_TESTED_FROM = 1e-6


def loaded(text: str, what: str) -> tuple[dict[str, Any], Sequence[Trial] | None]:
    """Return the object in ``text``, and its trials where there are so many that they were read apart."""
    trials, rest = _apart(text.encode()) if len(text) > LONG else (None, text)
    try:
        data = json.loads(rest)
    except ValueError as error:
        raise FormatError(f"text is no JSON ({error}): pass what {what.capitalize()}.to_json returned.") from None
    if not isinstance(data, dict):
        raise FormatError(f"text holds {type(data).__name__} where a {what} was expected.")
    return data, trials


def _apart(data: bytes) -> tuple[Packed | None, bytes]:
    """Return the trials in ``data`` as columns, and the text without them; None and all of it where they don't fit."""
    first = re.search(rb'"trials":\s*\[\s*(?=\{)', data)
    found = None if first is None else packed(data, first.end())
    if first is None or found is None or not data[found.stop : found.stop + 64].lstrip().startswith(b"]"):
        return None, data
    return found, data[: first.end()] + data[found.stop :]


def fields_of(data: Any, trials: Sequence[Trial] | None = None) -> dict[str, Any]:
    """Return the fields of the Curve that ``Curve.plain`` turned into ``data``; raise FormatError if it is none."""
    try:
        return {
            "trials": tuple(trial_of(trial) for trial in data["trials"]) if trials is None else trials,
            "start_loss": number(data["start_loss"]),
            "test_lrs": tuple(map(number, data["test_lrs"])),
            "test_losses": tuple(map(number, data["test_losses"])),
            "interrupted": bool(data["interrupted"]),
        }
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"data is no curve that surefoot wrote ({error!r}).") from None


def fields_in(path: Path) -> dict[str, Any]:
    """Return the fields of the Curve in a file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArgumentError(f"path={str(path)!r} cannot be read ({error.strerror}): name a file.") from None
    head = data[: max(data.find(b"\n"), 0)]
    first = _line(head)
    if first is not None and "step" in first:
        raise FormatError(f"{path} is a training log, which sf.read reads: a curve is of whole runs.")
    try:
        if first is not None and ("key" in first or "lr" in first or "search" in first):
            return _from_lines(data, first, len(head) + 1)
        document, trials = loaded(data.decode(), "curve")
        return _from_document(document, trials, str(path))
    except (UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise FormatError(
            f"{path} holds no curve ({error}): give a journal, JSON lines of trials, result.json, or what "
            "Curve.to_json wrote."
        ) from None


def _line(head: bytes) -> dict[str, Any] | None:
    try:
        data = json.loads(head)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


def _from_document(data: dict[str, Any], trials: Sequence[Trial] | None, name: str) -> dict[str, Any]:
    if "curve" in data:
        return fields_of(data["curve"], trials)
    if "range_test" in data:
        # result.json leaves the losses of its trials out, and has its range test as an object.
        rows = tuple(trial_in(row) for row in data["trials"]) if trials is None else trials
        test = {f"test_{key}": tuple(map(number, data["range_test"][key])) for key in ("lrs", "losses")}
        whole = {"start_loss": number(data["start_loss"]), "interrupted": bool(data.get("interrupted"))}
        return {"trials": rows, **whole, **test}
    if "lr" in data and "trials" not in data:
        return _whole((trial_in(data),), {})
    if "trials" not in data:
        raise FormatError(f"{name} holds no trials.")
    return fields_of(data, trials)


def _from_lines(data: bytes, first: dict[str, Any], second: int) -> dict[str, Any]:
    """Return the fields from JSON lines: a journal, whose first line says what was searched, or bare trials."""
    header = first if "search" in first else {}
    begin = second if header else 0
    end = data.rfind(b"\n") + 1
    if not header and data[end:].strip():
        end = len(data)
    found = packed(data, begin, end) if end - begin > LONG else None
    trials = found if found is not None else _each(data[begin:end])
    return _whole(trials, header.get("search", {}))


def _each(data: bytes) -> tuple[Trial, ...]:
    rows = [json.loads(line) for line in data.splitlines() if line.strip()]
    return tuple(trial_in(row.get("trial", row) if isinstance(row, dict) else row) for row in rows)


def _whole(trials: Sequence[Trial], search: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a curve of ``trials``, a range test among them told apart."""
    test: Trial | None = None
    if isinstance(trials, Packed):
        codes = [k for k, name in enumerate(trials.table.stages) if name == _TEST]
        places = np.flatnonzero(np.isin(trials.table.stage, codes)) if codes else np.zeros(0, np.int64)
        test = trials[int(places[0])] if len(places) else None
        trials = trials.without(places) if len(places) else trials
    elif any(trial.stage == _TEST for trial in trials):
        test = next(trial for trial in trials if trial.stage == _TEST)
        trials = tuple(trial for trial in trials if trial.stage != _TEST)
    start = math.nan if test is None else test.start
    if math.isnan(start):
        several = (trial.start for trial in trials if not math.isnan(trial.start))
        start = trials.first_start() if isinstance(trials, Packed) else next(several, math.nan)
    return {"trials": trials, "start_loss": start, **_tested(test, search)}


def _tested(test: Trial | None, search: Mapping[str, Any]) -> dict[str, Any]:
    if test is None:
        return {}
    low = search.get("low") or _TESTED_FROM
    rates = tuple(low * (test.lr / low) ** (k / test.total) for k in test.points)
    return {"test_lrs": rates, "test_losses": test.losses}
