"""What a page says about a peak, a schedule, a history and findings, section by section, the answer first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

import numpy as np

from surefoot.chart import rate_text
from surefoot.chart.curves import curve_chart
from surefoot.chart.nouns import schedule_chart
from surefoot.chart.runs import losses_chart, rates_chart
from surefoot.curve import Curve, Peak
from surefoot.history.columns import History
from surefoot.report.advice import Advice, advice, changes
from surefoot.report.html import bullets, code_block, diff, facts, paragraph, picture, section, table
from surefoot.report.words import between, code, confidence_word, cost, counted, duration, measured, times
from surefoot.schedule.core import Schedule
from surefoot.search.planning import Choice
from surefoot.trial import Trial

_ROWS = 400
"""Trials that a table lists at most."""
_KINDS = {"diverged": "bad", "failed": "bad", "stuck": "warn", "stopped": "faint"}


def peak_sections(peak: Peak, plan: Schedule | Choice | None) -> Iterator[str]:
    """Yield the answer, the chart, the plan, the advice, the evidence and the limits of ``peak``."""
    yield _answer(peak)
    if peak.curve.trials or peak.curve.test_lrs:
        # Labels of what was measured take rows of their own.
        yield section("", picture(curve_chart(peak), 420 if peak.evidence else 370), kind="chart")
    if plan is not None:
        yield plan_section(plan)
    # A choice brings its own advice; beside a bare schedule the page gives what the evidence supports.
    found = () if isinstance(plan, Choice) else advice(peak, plan)
    if found:
        yield section("Warmup and clipping", _advice(found))
    if peak.curve.trials:
        yield _evidence(peak.curve, f"The search took {cost(peak)}.")
    yield section("What would change the answer", bullets(changes(peak)))


def _answer(peak: Peak) -> str:
    if peak.lr is None:
        what = "Nothing is recommended, because a wrong rate costs more than another search."
        return section(
            "", '<p class="rate">No answer</p>', paragraph(peak.why), paragraph(what, "faint"), kind="answer"
        )
    rate = f'<p class="rate">{rate_text(peak.lr)}<small>recommended peak learning rate</small></p>'
    return section("", rate, paragraph(peak.why), facts(_facts(peak, peak.lr)), kind="answer")


def _facts(peak: Peak, lr: float) -> Iterator[tuple[str, str, str]]:
    if peak.low is not None and peak.high is not None:
        yield "Good range", between(peak.low, peak.high), "loss within about 1% of the best"
    edge = "none found" if peak.edge is None else rate_text(peak.edge)
    remark = "no trial diverged" if peak.edge is None else f"lowest rate that failed, {times(peak.edge / lr)} the peak"
    yield "Edge", edge, remark
    for name, value in peak.knobs.items():
        yield name.replace("_", " ").capitalize(), f"{value:g}", "chosen beside the peak"
    for name, text, remark in measured(peak):
        yield name.capitalize(), text, remark
    judge = "validation loss" if peak.curve.validated else "training loss"
    yield "Confidence", confidence_word(peak.confidence), f"{peak.confidence:.0%}, judged by {judge}"
    runs = f"{peak.cost_steps / peak.total:.2f} full runs, " if peak.total else ""
    yield "Cost", counted(peak.cost_steps, "update"), runs + duration(peak.seconds)


def curve_sections(curve: Curve) -> Iterator[str]:
    """Yield the best rate of a sweep, its chart and its trials."""
    best, good, edge = curve.best, curve.plateau(), curve.edge
    if best is None:
        yield section("", '<p class="rate">No answer</p>', paragraph("No run ended with a finite loss."), kind="answer")
    else:
        rate = f'<p class="rate">{rate_text(best.lr)}<small>best rate of the sweep</small></p>'
        pairs = [("Loss", f"{best.loss:.4g}", "validation" if best.validated else "training")]
        if good is not None:
            pairs.append(("Good range", between(*good), "within 1% of the gain"))
        value = curve.sensitivity()
        if value is not None:
            pairs.append(("LR sensitivity", f"{value:.3g}", "mean loss above the best over 3 decades"))
        pairs.append(("Edge", "none found" if edge is None else rate_text(edge), "lowest rate that failed"))
        pairs.append(("Cost", counted(curve.cost_steps, "update"), counted(len(curve.trials), "run")))
        yield section("", rate, facts(pairs), kind="answer")
    if curve.trials or curve.test_lrs:
        yield section("", picture(curve_chart(curve), 370), kind="chart")
    if curve.trials:
        yield _evidence(curve, "")


def plan_section(plan: Schedule | Choice) -> str:
    """Return the plan: its chart, the code that builds it, and the lines it changes in a training loop."""
    schedule = plan.schedule if isinstance(plan, Choice) else plan
    chart = schedule_chart(schedule, title="The plan: learning rate by update")
    text = schedule.describe()
    said = [plan.reason, *plan.notes] if isinstance(plan, Choice) else []
    written = plan.code if isinstance(plan, Choice) else f"schedule = {code(schedule)}"
    return section(
        "",
        picture(chart, 260),
        paragraph(text[:1].upper() + text[1:] + "."),
        *map(paragraph, said),
        code_block(f"import surefoot as sf\n\n{written}"),
        "<h3>In your training loop</h3>",
        diff(_LOOP),
    )


_LOOP = (
    "+import surefoot.torch as st",
    "+scheduler = st.Scheduler(optimizer, schedule)",
    " for x, y in loader:",
    "     loss = criterion(model(x), y)",
    "     optimizer.zero_grad()",
    "     loss.backward()",
    "     optimizer.step()",
    "-    your_old_scheduler.step()",
)


def _advice(found: Iterable[Advice]) -> str:
    parts = (f"<dt>{escape(one.text)}</dt><dd>{escape(one.why)}</dd>" for one in found)
    return '<dl class="advice">' + "".join(parts) + "</dl>"


def _evidence(curve: Curve, said: str) -> str:
    trials = sorted(_some(curve), key=lambda trial: (trial.lr, trial.steps))
    if len(trials) < len(curve.trials):
        said = f"{said} Of {len(curve.trials):,} trials the best {len(trials)} are shown.".strip()
    best = min((t.loss for t in trials if t.status == "done" and math.isfinite(t.loss)), default=None)
    heads = ("rate", "loss", "status", "updates", "stage", "seed", "time")
    rows = ((_row_kind(trial, best), _cells(trial)) for trial in trials)
    parts = [table(heads, rows, texts=("status", "stage"))]
    drawn = [trial for trial in trials if len(trial.losses) > 1 and any(map(math.isfinite, trial.losses))]
    if len(drawn) > 1:
        parts.append(f"<h3>Their losses</h3>{picture(losses_chart(drawn, title='Training loss of the trials'), 260)}")
    return section("Evidence", *([paragraph(said)] if said else []), *parts)


def _some(curve: Curve) -> list[Trial]:
    """Return the trials, or of very many those with the lowest losses."""
    rows = curve.table
    order = np.argsort(np.where(rows.lost, np.inf, rows.loss), kind="stable")[:_ROWS]
    return [curve.trials[k] for k in order.tolist()]


def _row_kind(trial: Trial, best: float | None) -> str:
    if best is not None and trial.loss == best and trial.status == "done":
        return "best"
    return _KINDS.get(trial.status, "")


def _cells(trial: Trial) -> tuple[str, ...]:
    loss = f"{trial.loss:.4g}" if math.isfinite(trial.loss) else "-"
    status = f"{trial.status}: {trial.message}" if trial.message and trial.status == "failed" else trial.status
    judged = f"{loss} (val)" if trial.validated and loss != "-" else loss
    done = f"{trial.steps:,}" if trial.steps + trial.since >= trial.total else f"{trial.steps:,} of {trial.total:,}"
    done += f" (from {trial.since:,} on)" if trial.since else ""
    took = f"{trial.seconds:.1f} s" if trial.seconds >= 0.05 else "< 0.1 s"
    return rate_text(trial.lr), judged, status, done, trial.stage or "-", str(trial.seed), took


def history_section(history: History) -> str:
    """Return the losses of a run, and the rate it logged."""
    rates = rates_chart(history.columns, title="The run: logged learning rate")
    below = "" if rates is None else picture(rates, 220)
    return section("", picture(losses_chart(history, title="The run: loss by update")), below, kind="chart")


def findings_section(findings: Iterable[Any]) -> str:
    """Return findings, each with its remedies ranked."""
    parts = []
    for one in findings:
        remedies = bullets(str(getattr(remedy, "text", remedy)) for remedy in one.remedies)
        kind = {"error": "bad", "warning": "warn"}.get(one.severity, "faint")
        head = f"{one.code} {one.name}, update {one.step}"
        parts.append(f'<h3 class="{kind}">{escape(head)}</h3>{paragraph(one.message)}{remedies}')
    return section("Findings", *(parts or [paragraph("None: the run looks healthy.", "good")]))
