"""A law fitted on the small cells must predict the optimum of the large ones.

    OMP_NUM_THREADS=1 python benchmarks/laws/own_law.py > benchmarks/results/laws_own.md    # a minute

On made sweeps with Step Law's constants (own_law_surface.py), whose truth is known, and on the final losses of
published 124M runs (own_law_124m.csv: AdamW, linear cooldown, from github.com/fabian-sp/lr-scheduling, MIT, Schaipp et
al., arXiv 2501.18965). The public Step Law runs themselves are not in the project.
"""

from __future__ import annotations

import csv
from itertools import groupby
from pathlib import Path

import numpy as np
from own_law_surface import CELLS, Surface, best, regret, swept

import surefoot as sf

SEEDS = 20
SURFACES = {
    "as measured, root 2": Surface(),
    "as measured, factor 2": Surface(step=1.0),
    "symmetric, root 2": Surface(steep=0.0, soft=0.0),
    "steeper high side, root 2": Surface(steep=1.0),
    "twice as sharp, root 2": Surface(rate=0.02, batch=0.01),
    "twice the noise, factor 2": Surface(noise=0.0028, step=1.0),
}
SPLITS = {"N <= 268M to N >= 429M": (2.7e8, 4e8), "N <= 537M to 1.07B": (5.4e8, 1e9)}
RUNS = Path(__file__).with_name("own_law_124m.csv")


def main() -> None:
    print("# A law of one's own, fitted on small cells, on large ones\n")
    print(
        f"Made sweeps with Step Law's constants, {SEEDS} seeds. Regret at the nearest run, permille of the loss: mean"
    )
    print("over the large cells and seeds, the worst seed's mean, the worst cell. Covered: how often the 90 % interval")
    print(
        "of an exponent and of a large cell's best rate holds the truth. The true law's own regret is above 0 as well,"
    )
    print("because the lowest of a hundred noisy runs is lower than the optimum.\n")
    print("| surface, grid | cells | own law | worst seed | worst cell | true law | last cell reused | covered |")
    print("|---|---|---|---|---|---|---|---|")
    for name, surface in SURFACES.items():
        for split, (small, large) in SPLITS.items():
            print(f"| {name} | {split} | {row(surface, small, large)} |", flush=True)
    print("\n## 124M, AdamW, linear cooldown: the best peak by the length of the run\n")
    print("| cooldown | law (90 % interval of the exponent) | left out |")
    print("|---|---|---|")
    rows = list(csv.DictReader(RUNS.read_text().splitlines()))
    for cooldown, group in groupby(rows, key=lambda one: one["cooldown"]):
        print(f"| {cooldown} | {real(list(group))} |")


def row(surface: Surface, small: float, large: float) -> str:
    own, true, last, held = [], [], [], []
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        data = {cell: swept(*cell, rng, surface) for cell in CELLS}
        law = sf.fit_law([one for cell in CELLS if cell[0] <= small for one in data[cell]])
        held += [e.low <= t <= e.high for e, t in zip(law.exponents, (0.307, -0.713, 0.571, 0.0), strict=True)]
        biggest = max((cell for cell in law.cells if cell.status == "inside"), key=size)
        means = [[], [], []]
        for n, d in (cell for cell in CELLS if cell[0] >= large):
            scale = sf.Scale(params=n, tokens=d)
            lr, low, high = law.predict(scale)
            rate, batch = best(n, d)
            held.append(low <= rate <= high)
            places = ((lr, law.predict_batch(scale)[0]), (rate, batch / 2048), (biggest.lr, biggest.batch))
            for values, place in zip(means, places, strict=True):
                values.append(regret(data[n, d], *place))
        for values, mean in zip((own, true, last), means, strict=True):
            values.append(mean)
    shown = (np.mean(own), np.mean(own, 1).max(), np.max(own), np.mean(true), np.mean(last))
    return " | ".join([*(f"{value:.2f}" for value in shown), f"{np.mean(held):.0%}"])


def size(cell: object) -> float:
    return float(np.prod([value for _, value in cell.values]))


def real(rows: list[dict[str, str]]) -> str:
    try:
        law = sf.fit_law(rows)
    except sf.ArgumentError as error:
        return f"refused: {error} | "
    (one,) = law.exponents
    return f"{law.formula} ({one.low:.2f} to {one.high:.2f}) | x {law.error:.2f}"


if __name__ == "__main__":
    main()
