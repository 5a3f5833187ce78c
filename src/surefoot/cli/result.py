"""result.json: what a search found, for programs. Format "surefoot result 1"; fields may be added, none change meaning.

====================  ==================================================================================
``format``            "surefoot result 1"
``verb`` ``task``     what was asked: "tune", "find" or "sweep", and the task as it was named
``peak`` ``lr``       the recommended peak rate (of a sweep: the best rate that ran), null without an answer
``low`` ``high``      the range within about one percent of the best, or null
``edge``              the lowest rate seen to fail above the peak, or null
``sensitivity``       of a sweep only: its LR sensitivity in units of the loss, null where it shows none
``confidence``        0 to 1; not in a sweep, nor are the next three
``why`` ``method``    one sentence, and the search that says it
``schedule``          the plan as Schedule.from_json reads it, or null; ``python`` the code that makes it
``advice``            ``reason`` of the plan, ``warmup`` [updates], ``clip`` [gradient norm], ``notes``; or null
``knobs``             what else was chosen, by name (``tune --second``); not in a sweep
``evidence``          of ``tune`` and ``find``: what was measured beside the runs, by name (Peak.evidence)
``interrupted``       whether Ctrl-C ended the search: then this is the best answer so far
``total``             the updates of the full run; ``cost_steps`` the updates that were spent
``cost``              ``updates``, ``runs`` (of ``total`` updates), ``trials``, ``seconds``, ``minutes``
``start_loss``        the loss at initialisation, null if it is not known
``trials``            one object a trial, the fields of surefoot.curve.Trial without its losses
``range_test``        ``lrs`` and ``losses`` of the range test, thinned to 400
``rules``             what rules of the field say of it: a rate, a lower and an upper one, or none, by name
``race``              of ``tune --include``: ``best`` and ``entries``, a full run of each, or null; not in a sweep
``versions``          of surefoot, Python, NumPy, and torch if it was used
====================  ==================================================================================

A sweep across scales (``scales``, ``optima``) or over two rates (``names``, ``best``, ``pairs``) has fields of its own:
see ``sweeps_result`` and ``surface_result``.
"""

from __future__ import annotations

import json
import platform
import sys
from typing import Any

import numpy as np

from surefoot._version import __version__
from surefoot.chart.numbers import drawn_steps
from surefoot.curve import Curve, Peak
from surefoot.curve.surface import Surface
from surefoot.laws.scale import Scale
from surefoot.laws.sweeps import Sweeps
from surefoot.rules import suggestions
from surefoot.schedule.lengths import Length
from surefoot.search.planning import Choice
from surefoot.search.racing import Race
from surefoot.trial import plain

FORMAT = "surefoot result 1"
_KEPT = 400


def peak_result(verb: str, task: str, peak: Peak, choice: Choice | None, contest: Race | None = None) -> dict[str, Any]:
    """Return the result of ``tune`` or ``find`` as plain data."""
    own = ("lr", "low", "high", "edge", "confidence", "why", "method", "total", "cost_steps")
    found = {name: plain(getattr(peak, name)) for name in own}
    return {
        "format": FORMAT,
        "verb": verb,
        "task": task,
        "peak": peak.lr,
        **found,
        "knobs": dict(peak.knobs),
        "evidence": dict(peak.evidence),
        "interrupted": peak.curve.interrupted,
        "cost": _cost(peak.curve, peak.cost_steps, peak.total, peak.seconds),
        **_planned(choice),
        **_evidence(peak.curve),
        "race": None if contest is None else contest.row(),
        "versions": versions(),
    }


def sweep_result(task: str, curve: Curve, total: int, seconds: float) -> dict[str, Any]:
    """Return the result of ``sweep`` as plain data; its ``peak`` is the best rate that was run."""
    best, between = curve.best, curve.plateau()
    low, high = between or (None, None)
    return {
        "format": FORMAT,
        "verb": "sweep",
        "task": task,
        "peak": None if best is None else best.lr,
        "lr": None if best is None else best.lr,
        "low": low,
        "high": high,
        "edge": curve.edge,
        "sensitivity": curve.sensitivity(),
        "interrupted": curve.interrupted,
        "total": total,
        "cost_steps": curve.cost_steps,
        "cost": _cost(curve, curve.cost_steps, total, seconds),
        **_evidence(curve),
        "versions": versions(),
    }


def sweeps_result(task: str, sweeps: Sweeps, total: int | None, seconds: float) -> dict[str, Any]:
    """Return the result of a sweep across scales: ``scales`` holds a sweep's result for each, its scale in it.

    ``optima`` are the best rates by scale: their quantities, lr, low, high (null where not known) and status.
    """
    by_scale = [
        {"scale": _scale(scale)} | _without(sweep_result(task, curve, int(scale.steps or total or 0), 0.0), _SHARED)
        for scale, curve in sweeps.items()
    ]
    optima = sweeps.optima if any(curve.trials for curve in sweeps.values()) else ()
    rows = [
        {**dict(one.values), **{n: plain(getattr(one, n)) for n in ("lr", "low", "high", "status")}} for one in optima
    ]
    return _several(task, total, seconds, sweeps) | {"optima": rows, "scales": by_scale, "versions": versions()}


def surface_result(task: str, surface: Surface, total: int | None, seconds: float) -> dict[str, Any]:
    """Return the result of a sweep over two rates: their ``names``, the ``best`` pair, and every pair with its loss.

    ``along`` is the best first rate for each second one.
    """
    best = surface.best
    pairs = [[lr, other, plain(loss)] for (lr, other), loss in surface.by_rates().items()]
    found = {
        "peak": None if best is None else best.lr,
        "lr": None if best is None else best.lr,
        "names": list(surface.names),
        "best": plain(best),
        "along": [plain(one) for one in surface.along()],
        "pairs": pairs,
    }
    return _several(task, total, seconds, surface) | found | {"versions": versions()}


_SHARED = ("format", "verb", "task", "versions", "interrupted", "cost")


def _several(task: str, total: int | None, seconds: float, found: Sweeps | Surface) -> dict[str, Any]:
    curves = found.values() if isinstance(found, Sweeps) else [curve for _, curve in found.curves]
    times = {"seconds": round(seconds, 3), "minutes": round(seconds / 60, 3)}
    spent = {"updates": found.cost_steps, "trials": sum(len(curve.trials) for curve in curves)}
    head = {"format": FORMAT, "verb": "sweep", "task": task, "interrupted": found.interrupted, "total": total}
    return head | {"cost_steps": found.cost_steps, "cost": spent | times}


def _scale(scale: Scale) -> dict[str, Any]:
    values = {name: getattr(scale, name) for name in scale.given}
    return {name: f"{v.amount!r}{v.unit}" if isinstance(v, Length) else v for name, v in values.items()}


def _without(result: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in result.items() if name not in names}


def _cost(curve: Curve, updates: int, total: int | None, seconds: float) -> dict[str, Any]:
    runs = None if total is None else updates / total
    times = {"seconds": round(seconds, 3), "minutes": round(seconds / 60, 3)}
    return {"updates": updates, "runs": runs, "trials": len(curve.trials), **times}


def _planned(choice: Choice | None) -> dict[str, Any]:
    if choice is None:
        return {"schedule": None, "python": None, "advice": None}
    advice = {"reason": choice.reason, "warmup": choice.warmup, "clip": choice.clip, "notes": list(choice.notes)}
    return {
        "schedule": json.loads(choice.schedule.to_json()),
        "python": choice.code.removeprefix("schedule = "),
        "advice": advice,
    }


def _evidence(curve: Curve) -> dict[str, Any]:
    trials = [{k: v for k, v in plain(trial).items() if k not in {"losses", "points"}} for trial in curve.trials]
    kept = drawn_steps(len(curve.test_lrs), (), _KEPT) if curve.test_lrs else ()
    test = {"lrs": [curve.test_lrs[k] for k in kept], "losses": [plain(curve.test_losses[k]) for k in kept]}
    rules = {said.rule: list(said.rates) for said in suggestions(curve)}
    return {"start_loss": plain(curve.start_loss), "trials": trials, "range_test": test, "rules": rules}


def versions() -> dict[str, str]:
    """Return the versions of what the answer was made with."""
    found = {"surefoot": __version__, "python": platform.python_version(), "numpy": np.__version__}
    torch = sys.modules.get("torch")
    return found if torch is None else {**found, "torch": str(torch.__version__)}


def text(result: dict[str, Any]) -> str:
    """Return a result as JSON text, indented, a line feed at its end."""
    return json.dumps(result, indent=1, allow_nan=False) + "\n"
