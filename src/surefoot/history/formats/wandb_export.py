"""The CSV that W&B exports from a chart: one column a run, named ``run - metric``."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from surefoot.history.formats.delimited import header, table
from surefoot.history.formats.table import Format, Source, Table

_BETWEEN = " - "
_BOUNDS = ("__MIN", "__MAX")


def _fits(source: Source) -> bool:
    names = header(source)
    runs = [name for name in names[1:] if _BETWEEN in name]
    return bool(runs) and 2 * len(runs) > len(names) - 1


def _tables(source: Source) -> tuple[Table, ...]:
    found = table(source)
    runs: dict[str, dict[str, str]] = {}
    for name in found.columns:
        run, between, metric = name.rpartition(_BETWEEN)
        if between and not metric.endswith(_BOUNDS):
            runs.setdefault(run, {})[metric] = name
    return tuple(_run(found, run, metrics) for run, metrics in runs.items())


def _run(found: Table, run: str, metrics: dict[str, str]) -> Table:
    shared = {name: name for name in found.columns if _BETWEEN not in name}
    length = len(next(iter(found.columns.values())))
    blank = {metric: found.blank.get(name, np.zeros(length, dtype=bool)) for metric, name in (shared | metrics).items()}
    spoken = ~np.all([blank[metric] for metric in metrics], axis=0)
    columns = {metric: found.columns[name][spoken] for metric, name in (shared | metrics).items()}
    masks = {metric: mask[spoken] for metric, mask in blank.items() if mask[spoken].any()}
    return replace(found, columns=columns, blank=masks, run=run)


FORMAT = Format("W&B exported CSV", _fits, _tables)
