"""What the trials of the width sweep say: optima with intervals, how far they move, and the coordinate check."""

from __future__ import annotations

import math
import platform
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch.nn.functional import cross_entropy

import surefoot.torch as st
from surefoot.chart import Axis, Chart, Series
from surefoot.chart.numbers import spread
from surefoot.search.parabola import fitted, regrets
from surefoot.tasks.charlm import Transformer
from surefoot.tasks.text import text
from surefoot.torch.groups import mup, mup_init_

BASE, HEADS = 64, 4
KINDS = ("standard", "mup")
DRAWS, LEVEL = 1000, 0.9
TARGETS = {"standard": "more than 2.5", "mup": "less than 1.5"}
Key = tuple[str, int, int, int]
Trials = Mapping[Key, Mapping[str, float]]


def curve(done: Trials, kind: str, width: int) -> tuple[list[int], np.ndarray, float]:
    """Return octaves that every seed was run at, losses [seed, octave], and the mean first loss; a lost run has that.

    At the base width both kinds are one model.
    """
    kind = "standard" if width == BASE else kind
    mine = {key[2:]: row for key, row in done.items() if key[:2] == (kind, width)}
    seeds = sorted({seed for _, seed in mine})
    octaves = sorted({k for k, _ in mine if all((k, seed) in mine for seed in seeds)})
    start = float(np.mean([row["start"] for row in mine.values()]))
    end = lambda row: start if row["loss"] is None else min(row["loss"], start)
    return octaves, np.array([[end(mine[k, seed]) for k in octaves] for seed in seeds]), start


def optimum(octaves: list[int], losses: np.ndarray, start: float) -> float:
    """Return the octave of the best rate: a parabola through the mean losses of the (up to five) best rates."""
    return fitted([float(k) for k in octaves], regrets(list(losses.mean(0)), start)).center


def sharpest(octaves: list[int], losses: np.ndarray) -> float:
    """Return the octave of the best rate by the best of the grid and its two neighbours alone."""
    mean = losses.mean(0)
    k = min(max(int(np.argmin(mean)), 1), len(mean) - 2)
    left, middle, right = mean[k - 1 : k + 2]
    return octaves[k] + 0.5 * float((left - right) / (left - 2 * middle + right))


def resampled(octaves: list[int], losses: np.ndarray, start: float, rng: np.random.Generator) -> np.ndarray:
    """Return optima of seeds drawn with replacement."""
    picks = rng.integers(len(losses), size=(DRAWS, len(losses)))
    return np.array([optimum(octaves, losses[pick], start) for pick in picks])


def interval(values: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def table(done: Trials, widths: tuple[int, ...]) -> Iterator[str]:
    """Yield the lines of results/laws_mup.md."""
    rng = np.random.default_rng(0)
    yield from _head(done, widths)
    moves = []
    for kind in KINDS:
        yield f"\n## {'muP' if kind == 'mup' else 'Standard parametrisation'}\n"
        yield "| width | seeds | best rate (90 % interval) | loss there | loss at width 64's best rate | loss by rate |"
        yield "|---|---|---|---|---|---|"
        optima, draws, three = [], [], []
        for width in widths:
            octaves, losses, start = curve(done, kind, width)
            optima.append(optimum(octaves, losses, start))
            draws.append(resampled(octaves, losses, start, rng))
            three.append(sharpest(octaves, losses))
            yield _row(width, octaves, losses, optima, draws[-1])
        moves.append(_move(kind, widths, optima, np.array(draws), three))
    yield "\n## How far the best rate moves\n"
    pair = f"width {widths[-1]} against {widths[0]}: factor (90 % interval)"
    yield f"| parametrisation | {pair} | largest over smallest | by three rates only | asked |"
    yield "|---|---|---|---|---|"
    yield from moves
    yield from coordinates(widths)


def _head(done: Trials, widths: tuple[int, ...]) -> Iterator[str]:
    seconds = sum(row["seconds"] for row in done.values())
    yield "# The optimal rate when the width grows, with muP and without\n"
    yield (
        f"{platform.machine()}, one thread, Python {platform.python_version()}, torch {torch.__version__}; "
        f"{len(done)} runs, {seconds / 60:.0f} minutes of CPU.\n"
    )
    yield (
        f"The built-in transformer (charlm: two blocks, four heads, no biases in its matrices), widths {widths[0]} to "
        f"{widths[-1]}, AdamW with torch's defaults and weight decay 0.1, 100 updates of 16 x 32 characters, warmup "
        "over 10, then linear to zero. muP: `charlm(..., base_width=64)`, which is `st.groups.mup`, `mup_init_` "
        "and q.k/d. Rates are a factor 2 apart; data, their order, evaluation and initial weights of a seed are the "
        "same at all of them. Loss: held out, after the last update, mean over seeds. Best rate: a parabola in log "
        "rate through the best five. Interval: bootstrap over seeds (of 3 seeds only ten different samples exist)."
    )


def _row(width: int, octaves: list[int], losses: np.ndarray, optima: list[float], draws: np.ndarray) -> str:
    low, high = interval(draws)
    mean = losses.mean(0)
    by_rate = ", ".join(f"{2.0**k:.2g}: {value:.3f}" for k, value in zip(octaves, mean, strict=True))
    at = lambda octave: f"{np.interp(octave, octaves, mean):.3f}"
    best = f"{2 ** optima[-1]:.4f} ({2**low:.4f} to {2**high:.4f})"
    return f"| {width} | {len(losses)} | {best} | {at(optima[-1])} | {at(optima[0])} | {by_rate} |"


def _move(kind: str, widths: tuple[int, ...], optima: list[float], draws: np.ndarray, three: list[float]) -> str:
    low, high = interval(draws[-1] - draws[0])
    ends = f"{2 ** (optima[-1] - optima[0]):.2f} ({2**low:.2f} to {2**high:.2f})"
    slope = np.polyfit(np.log2(widths), optima, 1)[0]
    widest, sharp = (2 ** (max(found) - min(found)) for found in (optima, three))
    return f"| {kind} | {ends}, as width^{slope:+.2f} | {widest:.2f} | {sharp:.2f} | {TARGETS[kind]} |"


def transformer(width: int, kind: str) -> Transformer:
    scale = math.sqrt(BASE * HEADS) / width if kind == "mup" else None
    model = Transformer(len(text().alphabet), context=32, width=width, depth=2, heads=HEADS, scale=scale)
    return mup_init_(model, base_width=BASE, width=width) if kind == "mup" else model


def coordinates(widths: tuple[int, ...]) -> Iterator[str]:
    """Yield the exponents of the coordinate check of the same models, at about a fifth of the best rate."""
    page = text()
    batch = page.windows(torch.randint(len(page.train) - 33, (4,), generator=torch.Generator().manual_seed(0)), 32)
    lr = 2e-3
    factories = {
        "standard": lambda model: torch.optim.AdamW(model.parameters(), lr),
        "mup": lambda model: torch.optim.AdamW(mup(model, lr, base_width=BASE)),
    }
    found = {
        kind: st.coordinate_check(
            lambda w, kind=kind: transformer(w, kind), widths, batch, cross_entropy, factories[kind]
        )
        for kind in KINDS
    }
    yield f"\n## Coordinate check\n\nExponents of the width after 4 updates at {lr:g}, mean over 3 seeds.\n"
    yield "| layer | standard: activation | change | muP: activation | change |"
    yield "|---|---|---|---|---|"
    for one, other in zip(found["standard"].slopes, found["mup"].slopes, strict=True):
        cells = (one.activation, one.change, other.activation, other.change)
        yield f"| {one.layer} | " + " | ".join(f"{value:+.2f}" for value in cells) + " |"
    for kind in KINDS:
        yield f"\n{kind}: {found[kind].verdict}"


def picture(done: Trials, kind: str, widths: tuple[int, ...]) -> Chart:
    """Return the chart of loss by rate, a line a width."""
    tones = ("ink", "second", "good", "main")
    curves = [curve(done, kind, width) for width in widths]
    series = tuple(
        Series("line", tuple(2.0**k for k in octaves), tuple(losses.mean(0)), f"width {width}", tone)
        for width, (octaves, losses, _), tone in zip(widths, curves, tones, strict=True)
    )
    every = [curve(done, one, width) for one in KINDS for width in widths]
    rates = [2.0**k for octaves, _, _ in every for k in octaves]
    ends = [float(value) for _, losses, _ in every for value in losses.mean(0)]
    return Chart(
        "Loss by rate: " + ("muP" if kind == "mup" else "standard parametrisation"),
        Axis("learning rate", *spread(rates, log=True, margin=0.03), log=True),
        Axis("held-out loss", *spread(ends)),
        series,
    )
