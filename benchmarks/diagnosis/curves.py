"""Corpus B: 1,213 published loss curves, labelled by what is in the file and what is known of the run.

Not in the repository: the folder of the curves is given on the command line. Each rule is in the docstring of its
function; a run that no rule is sure of is "unclear" and not counted.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from labels import COLLAPSED, DIVERGED, HEALTHY, NAN, OVERFITTING, SLOW, UNCLEAR, Labelled

from surefoot import History

LN2 = float(np.log(2))
Columns = Mapping[str, np.ndarray]
_ROLES = {"train_loss": "loss"}


def curves(folder: Path) -> Iterator[Labelled]:
    """Yield every curve of ``folder``."""
    for family in ("mpl_25m", "mpl_100m"):
        yield from (_labelled(name, columns, *mpl(columns)) for name, columns in _runs(folder, family))
    yield from (_labelled(name, c, *schaipp(name, c)) for name, c in _runs(folder, "schaipp_124m"))
    yield from (_labelled(name, c, *why_warmup(c)) for name, c in _runs(folder, "why_warmup"))
    with gzip.open(folder / "taskset_lstm128_runs.csv.gz", "rt") as file:
        rates = {row["run_id"]: float(row["learning_rate"]) for row in csv.DictReader(file)}
    runs = (_labelled(n, c, *taskset(c, rates[n]), _flat(c)) for n, c in _runs(folder, "taskset_lstm128"))
    # Rates down to 1e-8 were drawn: four in ten of these curves are one flat line, and one in ten of those is enough.
    flat = 0
    for run in runs:
        flat += run.cause == "flat"
        if run.cause != "flat" or flat % 10 == 0:
            yield run


def mpl(columns: Columns) -> tuple[str, str]:
    """Healthy: every one of the eighteen language models was fitted by the law's authors as a normal run."""
    return (HEALTHY if np.isfinite(columns["loss"]).all() else NAN), "published as a normal run"


def schaipp(name: str, columns: Columns) -> tuple[str, str]:
    """Healthy, the published sweep of a 124M model; ``cos0-lr0.005`` is documented as diverged (7.585)."""
    if name.startswith("cos0-lr0.005"):
        return DIVERGED, "documented as diverged"
    val = columns["val_loss"][np.isfinite(columns["val_loss"])]
    return (HEALTHY if val[-1] < 4 else UNCLEAR), "published as part of a sweep, ends below 4 nats"


def why_warmup(columns: Columns) -> tuple[str, str]:
    """NaN in the file is nan; a test accuracy of at most 0.12 at the end (chance is 0.10) is collapsed.

    At least 0.75 is healthy; between the two nobody can say (the rate was too high, but it learns).
    """
    accuracy = columns["val_accuracy"][np.isfinite(columns["val_accuracy"])][-1]
    if not np.isfinite(columns["loss"]).all():
        return NAN, "NaN in the file"
    label = COLLAPSED if accuracy <= 0.12 else HEALTHY if accuracy >= 0.75 else UNCLEAR
    return label, f"accuracy {accuracy:.2f} at the end"


def taskset(columns: Columns, rate: float) -> tuple[str, str]:
    """Label a run of 51 rows on two balanced classes: chance is ln 2 = 0.693, the best of 1,000 runs reaches 0.356.

    nan: NaN in the file. diverged: the last validation loss is at least 1.1 x the first. collapsed: the loss rose to
    1.1 x the first at any time, or learnt (below 0.65), and ends within 2 % of ln 2. Of those that learnt: overfitting
    where validation ends 5 % above its minimum while the training loss is lower at the end than at that minimum;
    healthy where it ends below 0.53 (half of the way to the best of all) within 2 % of its minimum, and never rose.
    plateau/too-slow: rate at most 1e-4 with the loss never above 1.02 x its first value, and validation ends above
    0.53. All else is unclear: pinned at ln 2 at a medium rate may be the weight penalty, also drawn at random.
    """
    train, val = columns["loss"], columns["val_loss"]
    if not (np.isfinite(train).all() and np.isfinite(val).all()):
        return NAN, "NaN in the file"
    first, last, best, highest = val[0], val[-1], val.min(), max(val.max() / val[0], train.max() / train[0])
    said = f"validation {first:.3f}, lowest {best:.3f}, last {last:.3f}, highest x {highest:.2f}, rate {rate:.1e}"
    if last >= 1.1 * first:
        return DIVERGED, said
    if (highest >= 1.1 or best < 0.65) and abs(last / LN2 - 1) <= 0.02:
        return COLLAPSED, said
    if best < 0.65 and highest < 1.05:
        if last >= 1.05 * best and train[-1] < train[val.argmin()]:
            return OVERFITTING, said
        if last < (0.356 + first) / 2 and last <= 1.02 * best:
            return HEALTHY, said
    slow = rate <= 1e-4 and highest <= 1.02 and last > (0.356 + first) / 2
    return (SLOW if slow else UNCLEAR), said


def _flat(columns: Columns) -> str:
    """Return "flat" where the loss moved by less than 1 % in the whole run: too slow and not training look alike."""
    return "flat" if np.ptp(columns["val_loss"]) < 0.01 * columns["val_loss"][0] else ""


def _labelled(name: str, columns: Columns, label: str, source: str, cause: str = "") -> Labelled:
    # The blanks of a file are rows that did not say; the word nan is a NaN that was logged.
    blank = {name: np.isneginf(values) for name, values in columns.items() if np.isneginf(values).any()}
    said = {name: np.where(np.isneginf(values), np.nan, values) for name, values in columns.items()}
    kept = {name: values for name, values in said.items() if name not in blank or not blank[name].all()}
    return Labelled(
        name, History(kept, name, blank={n: m for n, m in blank.items() if n in kept}), label, cause, source
    )


def _runs(folder: Path, family: str) -> Iterator[tuple[str, Columns]]:
    with gzip.open(folder / f"{family}.csv.gz", "rt") as file:
        head, *rows = csv.reader(file)
    names = [_ROLES.get(name, name) for name in head[1:]]
    runs: dict[str, list[list[float]]] = {}
    for run, *cells in rows:
        runs.setdefault(run, []).append([float(cell) if cell else -np.inf for cell in cells])
    for run, values in runs.items():
        yield run, dict(zip(names, np.array(values).T, strict=True))
