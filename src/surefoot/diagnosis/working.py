"""Working: the numbers behind a finding in words: how the run went, and what was seen beside what was expected."""

from __future__ import annotations

import math

import numpy as np

from surefoot.diagnosis.nouns import Finding, Value
from surefoot.history.columns import Column, History

_NAMED = 6


def course(history: History) -> str:
    """Return in one line how the loss of a run went, from its raw rows: start, lowest, last, and what is not finite.

    >>> from surefoot import Reading
    >>> course(History.of(Reading(step, loss) for step, loss in enumerate((2.5, 2.4, 2.6, 3.1, 4.2, float("nan")))))
    'loss 2.5 at step 0, lowest 2.4 at step 1, 4.2 at step 4 (1.75x the lowest), not finite from step 5 on'
    """
    for name, words in (("loss", "loss"), ("val_loss", "validation loss")):
        told = history.said(name) & np.isfinite(history["step"]) if name in history.names else np.zeros(0, dtype=bool)
        if told.any():
            return _course(history["step"][told], history[name][told], words)
    return "no loss"


def _course(step: Column, loss: Column, words: str) -> str:
    good = np.flatnonzero(np.isfinite(loss))
    if not len(good):
        return f"no finite {words}"
    first, last = int(good[0]), int(good[-1])
    low = int(good[np.argmin(loss[good])])
    parts = [f"{words} {loss[first]:.4g} at step {step[first]:,.0f}"]
    if low not in {first, last}:
        parts.append(f"lowest {loss[low]:.4g} at step {step[low]:,.0f}")
    if last != first:
        ratio = float(loss[last]) / float(loss[low]) if loss[low] > 0 else 1.0
        times = f" ({ratio:.3g}x the lowest)" if 1.1 <= ratio < math.inf else ""
        parts.append(f"{loss[last]:.4g} at step {step[last]:,.0f}{times}")
    return ", ".join([*parts, *_lost(loss, step, last)])


def _lost(loss: Column, step: Column, last: int) -> list[str]:
    bad = np.flatnonzero(~np.isfinite(loss))
    if not len(bad):
        return []
    after = bad[bad > last]
    if len(after) == len(bad):
        return [f"not finite from step {step[bad[0]]:,.0f} on"]
    return [f"not finite in {len(bad):,} of {len(loss):,} rows"]


def understood(history: History) -> tuple[str, ...]:
    """Return, a few words each, how a log was understood; a column that kept its own name needs none.

    >>> from surefoot.history.origin import Origin
    >>> origin = Origin("CSV", {"loss": "loss", "lr": "rate"}, notes=("2 runs: the last is shown.",))
    >>> understood(History({"step": [0], "loss": [1.0]}, origin=origin))
    ('read as CSV', 'taken: lr from rate', '2 runs: the last is shown')
    """
    origin = history.origin
    read = (f"read as {origin.format}",) if origin.format else ()
    roles = [f"{column} from {name}" for column, name in origin.roles.items() if column != name]
    taken = (f"taken: {', '.join(roles)}",) if roles else ()
    first = origin.ignored if len(origin.ignored) <= _NAMED + 1 else origin.ignored[:_NAMED]
    more = f" and {len(origin.ignored) - len(first)} more" if len(first) < len(origin.ignored) else ""
    left = (f"not used: {', '.join(first)}{more}",) if first else ()
    return (*read, *taken, *left, *(note.rstrip(".") for note in origin.notes))


def shown(finding: Finding) -> tuple[tuple[str, str], ...]:
    """Return the evidence of a finding as names and texts, ready to be read.

    >>> shown(Finding("SF102", "divergence", 4, "error", 0.9, "Up.", {"base": 2.4001, "lost_rows": 1200}))
    (('base', '2.4'), ('lost rows', '1,200'))
    """
    return tuple((name.replace("_", " "), _text(value)) for name, value in finding.evidence.items())


def _text(value: Value) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    number = float(value)
    if math.isfinite(number) and number == int(number) and abs(number) < 1e12:
        return f"{int(number):,}"
    return f"{number:.4g}"
