"""Logs that are tables: Lightning, Keras, ultralytics, AlgoPerf, and any CSV."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from surefoot.history.formats.beside import algoperf_facts, file_name_facts, ultralytics_facts
from surefoot.history.formats.delimited import header, table
from surefoot.history.formats.table import Format, Source, Table
from surefoot.history.origin import Fact

Beside = Callable[[Source], dict[str, Fact]]


def _is_algoperf(names: tuple[str, ...]) -> bool:
    return {"global_step", "accumulated_submission_time"} <= set(names)


def _is_ultralytics(names: tuple[str, ...]) -> bool:
    return any(name.startswith("train/") and name.endswith("loss") for name in names) and "epoch" in names


def _is_lightning(names: tuple[str, ...]) -> bool:
    return {"epoch", "step"} <= set(names)


def _is_keras(names: tuple[str, ...]) -> bool:
    # Keras sorts the names of its metrics.
    return names[:1] == ("epoch",) and "loss" in names and list(names[1:]) == sorted(names[1:])


def _format(name: str, known: Callable[[tuple[str, ...]], bool], beside: Beside | None = None) -> Format:
    def tables(source: Source) -> tuple[Table, ...]:
        found = table(source)
        return (replace(found, facts=beside(source)) if beside else found,)

    return Format(name, lambda source: known(header(source)), tables)


ALGOPERF = _format("AlgoPerf measurements.csv", _is_algoperf, algoperf_facts)
ULTRALYTICS = _format("ultralytics results.csv", _is_ultralytics, ultralytics_facts)
LIGHTNING = _format("Lightning metrics.csv", lambda names: _is_lightning(names) and "" not in names)
KERAS = _format("Keras CSVLogger", _is_keras)
CSV = _format("CSV", bool, file_name_facts)
