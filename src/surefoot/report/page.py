"""page: a self-contained HTML file about a peak, a schedule, a run and its diagnosis, written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from surefoot._version import __version__
from surefoot.curve import Curve, Peak
from surefoot.curve.surface import Surface
from surefoot.diagnosis.nouns import Finding
from surefoot.diagnosis.summing import Diagnosis, diagnosed
from surefoot.errors import ArgumentError
from surefoot.history.columns import History
from surefoot.laws.sweeps import Sweeps
from surefoot.report.diagnosis import diagnosis_sections
from surefoot.report.html import code_block, document, paragraph, section
from surefoot.report.racing import race_section
from surefoot.report.sections import curve_sections, findings_section, history_section, peak_sections, plan_section
from surefoot.report.sweeps import surface_sections, sweeps_sections
from surefoot.schedule.core import Schedule
from surefoot.search.planning import Choice
from surefoot.search.racing import Race


def page(
    items: Iterable[Any],
    path: str | Path,
    *,
    title: str = "Learning rate report",
    subtitle: str = "",
    resume: str = "",
) -> Path:
    """Write one HTML page about ``items`` to ``path`` and return the path.

    An item is a Peak, a Schedule (or a Choice of one), a Curve, Sweeps, a Surface, a Race, a History, a Diagnosis or a
    Finding (or a tuple of findings); the first Schedule is the plan of the first Peak. A History is diagnosed; findings
    that come with a single one are shown on it instead. ``resume`` is the command that goes on with the search. The
    page loads nothing from anywhere. It is written beside ``path`` and then renamed: a reader never sees half of it.
    Raises ArgumentError for an item of another kind, or a ``path`` that cannot be written.
    """
    found = list(items)
    text = document(title, subtitle, sections(found, resume), f"Written by surefoot {__version__}.")
    return write(path, text)


def sections(items: list[Any], resume: str = "") -> Iterator[str]:
    """Yield the sections of the page, peaks before plans before runs."""
    peaks = [item for item in items if isinstance(item, Peak)]
    schedules = [item for item in items if isinstance(item, (Schedule, Choice))]
    for k, peak in enumerate(peaks):
        yield from peak_sections(peak, schedules[0] if k == 0 and schedules else None)
    yield from (plan_section(schedule) for schedule in schedules[bool(peaks) :])
    yield from (race_section(item) for item in items if isinstance(item, Race))
    yield from (text for item in items if isinstance(item, Curve) for text in curve_sections(item))
    yield from (text for item in items if isinstance(item, Sweeps) for text in sweeps_sections(item))
    yield from (text for item in items if isinstance(item, Surface) for text in surface_sections(item))
    known = (Peak, Schedule, Choice, Race, Curve, Sweeps, Surface, History, Diagnosis)
    others = [item for item in items if not isinstance(item, known)]
    yield from _runs(items, tuple(one for item in others for one in _findings(item)))
    if resume:
        said = "Finished trials are kept in a journal beside this page; the same command goes on where it stopped:"
        yield section("Resume or extend the search", paragraph(said), code_block(resume))


def _runs(items: list[Any], given: tuple[Any, ...]) -> Iterator[str]:
    runs = [item for item in items if isinstance(item, (History, Diagnosis))]
    own = len(runs) == 1 and all(isinstance(one, Finding) for one in given)
    for run in runs:
        if isinstance(run, Diagnosis):
            yield from diagnosis_sections(run)
        elif given and own:
            yield from diagnosis_sections(diagnosed(run, given))
        elif given:
            yield history_section(run)
        else:
            yield from diagnosis_sections(diagnosed(run))
    if given and not own:
        yield findings_section(given)


def _findings(item: Any) -> tuple[Any, ...]:
    found = tuple(item) if isinstance(item, (tuple, list)) else (item,)
    for one in found:
        if not all(hasattr(one, name) for name in ("code", "name", "severity", "message", "remedies")):
            raise ArgumentError(
                f"items holds {type(one).__name__} {repr(one)[:60]}: a page shows Peak, Schedule, Curve, History, "
                "Diagnosis and Finding objects."
            )
    return found


def write(path: str | Path, text: str) -> Path:
    """Write ``text`` to ``path`` by way of a temporary file and a rename; raise ArgumentError where that fails."""
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise ArgumentError(
            f"path={str(path)!r} cannot be written ({error.strerror}): name a writable place."
        ) from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return target
