"""What a page says of a run: the verdict, the loss with its findings, each finding's remedies, how the log was read."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from surefoot.chart.findings import findings_chart, marked, plans_chart
from surefoot.chart.runs import rates_chart
from surefoot.diagnosis.nouns import Finding
from surefoot.diagnosis.prescribing import Prescription
from surefoot.diagnosis.summing import Diagnosis
from surefoot.diagnosis.working import course, shown, understood
from surefoot.errors import ArgumentError
from surefoot.report.html import bullets, code_block, paragraph, picture, section, table
from surefoot.report.words import code, confidence_word, counted

_KINDS = {"error": "bad", "warning": "warn", "info": "faint"}
_DRAWN = 3
"""Edited schedules that are drawn; the others are said in words, so that the page stays small."""
_BY_RATE = ("SF107", "SF108", "SF2", "SF4")


def diagnosis_sections(found: Diagnosis) -> Iterator[str]:
    """Yield the verdict with the signs, the charts, the findings with their remedies, and what the log was read as."""
    yield _answer(found)
    charts = tuple(_charts(found))
    if charts:
        yield section("", *charts, kind="chart")
    left, said = _DRAWN, set[str]()
    for one in found.findings:
        new = tuple(each for each in found.prescriptions(one) if each.remedy.text not in said)
        said |= {remedy.text for remedy in one.remedies}
        yield _finding(one, new, left)
        left -= sum(each.schedule is not None for each in new)
    if found.notes:
        yield section("Notes", *map(paragraph, found.notes))
    yield _log(found)


def _answer(found: Diagnosis) -> str:
    kind = "good" if found.verdict.healthy else _KINDS[found.findings[0].severity]
    head = f'<p class="verdict {kind}">{escape(_capital(found.verdict.headline))}</p>'
    signs = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in found.verdict.signs.items())
    line = course(found.history)
    return section("", head, paragraph(f"{_capital(line)}."), f'<dl class="signs">{signs}</dl>')


def _charts(found: Diagnosis) -> Iterator[str]:
    try:
        yield picture(findings_chart(found.history, found.findings, title="The run: its loss, with findings"), 380)
    except ArgumentError:
        return
    rates = rates_chart(found.history.columns, title="The run: logged learning rate")
    if rates is not None:
        yield picture(marked(rates, found.findings, _BY_RATE), 220)


def _finding(one: Finding, prescriptions: tuple[Prescription, ...], left: int) -> str:
    where = "the run as a whole" if one.step is None else f"from step {one.step:,}"
    sure = f"{one.severity}, {where}, confidence {confidence_word(one.confidence)} ({one.confidence:.0%})"
    numbers = shown(one)
    parts = [f'<p class="{_KINDS[one.severity]} kind">{escape(sure)}</p>', paragraph(one.message)]
    if numbers:
        parts.append(table([name for name, _ in numbers], [("", [text for _, text in numbers])]))
    if prescriptions:
        items = "".join(
            _remedy(each, drawn=k < left, first=k == 0 and left == _DRAWN) for k, each in _numbered(prescriptions)
        )
        parts.append(f'<h3>What to try, in this order</h3><ol class="checklist">{items}</ol>')
    if len(prescriptions) < len(one.remedies):
        parts.append(paragraph("The remedies above hold here too.", "faint"))
    return section(f"{one.code} {one.name}", *parts, kind="finding")


def _numbered(prescriptions: tuple[Prescription, ...]) -> Iterator[tuple[int, Prescription]]:
    """Yield each remedy with the number of edited schedules before it."""
    before = 0
    for each in prescriptions:
        yield before, each
        before += each.schedule is not None


def _remedy(one: Prescription, *, drawn: bool, first: bool) -> str:
    box = f'<label><input type="checkbox"> <span>{escape(one.remedy.text)}</span></label>'
    why = f'<p class="faint">{escape(_capital(one.remedy.why))}.</p>'
    if one.schedule is None:
        note = f'<p class="faint">{escape(_capital(one.note))}</p>' if one.note else ""
        return f"<li>{box}{why}{note}</li>"
    chart = picture(plans_chart(one.plan, one.schedule), 220) if drawn and one.plan is not None else ""
    edited = paragraph(f"The plan then: {one.schedule.describe()}.")
    written = code_block(f"import surefoot as sf\n\nschedule = {code(one.schedule)}")
    opened = " open" if first else ""
    return (
        f"<li>{box}{why}<details{opened}><summary>The edited schedule</summary>{edited}{chart}{written}</details></li>"
    )


def _log(found: Diagnosis) -> str:
    said = [f"{_capital(text)}." for text in understood(found.history)]
    source = f"{found.history.source or 'A history'}: {counted(len(found.history), 'row')}."
    plan = []
    if found.plan is not None:
        plan.append(f"The schedule, {found.plan_said}: {found.plan.describe()}.")
    return section("How the log was understood", paragraph(source), bullets([*said, *plan]))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
