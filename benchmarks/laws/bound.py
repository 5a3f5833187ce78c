"""The convex bound: check values, a million updates, and whether it ranks the published 124M runs as measured.

    OMP_NUM_THREADS=1 python benchmarks/laws/bound.py > benchmarks/results/laws_bound.md

The losses are final validation losses of fabian-sp/lr-scheduling (commit 8ace3a3, MIT, arXiv 2501.18965): 124M
parameters, 50,000 updates, warmup 300. Edges and best rates on quadratics are in surefoot.laws.quadratics.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from itertools import combinations

import numpy as np

import surefoot as sf
from surefoot.forecasting.bound import Bound, bound, relative_peak, second_stage
from surefoot.forecasting.planner import compare

PEAKS = (1e-4, 5e-4, 1e-3, 2e-3)
# Final validation loss at each of the peaks; the first seven are those most often compared.
LOSSES = {
    "constant": (3.13044, 3.112109, 3.140548, 3.193861),
    "cosine to 10 %": (3.124959, 2.990345, 2.981937, 2.991083),
    "linear 0.2": (3.064589, 2.972813, 2.965991, 2.974231),
    "1-sqrt 0.2": (3.066822, 2.969459, 2.959903, 2.964628),
    "cosine to 0": (3.134065, 2.982428, 2.963531, 2.953371),
    "linear 0.9": (3.121766, 2.97707, 2.958008, 2.95322),
    "linear 0.6": (3.08793, 2.96696, 2.952865, 2.951256),
    "linear 0.1": (3.065894, 2.984939, 2.982548, 2.995363),
    "linear 0.4": (3.072888, 2.965896, 2.954782, 2.957949),
    "linear 0.8": (3.108661, 2.97427, 2.955023, 2.95226),
    "linear 0.994": (3.134728, 2.981206, 2.960512, 2.953523),
}
NAMED = tuple(LOSSES)[:7]
NOISE = 0.002
# Best peaks of a parabola in log rate through the losses, by share of decay.
BEST_PEAKS = {0.1: 0.82e-3, 0.2: 0.94e-3, 0.6: 1.26e-3, 0.9: 1.49e-3}
TABLE = {
    "constant": (0.3435, 2.9141, 0.3433, 2.9128),
    "linear 0.1": (0.4573, 2.3032, 0.4570, 2.3022),
    "linear 0.2": (0.5115, 2.1736, 0.5111, 2.1727),
    "linear 0.4": (0.6052, 2.0669, 0.6047, 2.0659),
    "linear 0.6": (0.7061, 2.0247, 0.7054, 2.0237),
    "linear 0.8": (0.8301, 2.0094, 0.8291, 2.0085),
    "linear 1": (0.9965, 2.0070, 0.9960, 2.0060),
    "cosine to 0": (0.9689, 2.0642, 0.9684, 2.0632),
    "1-sqrt 0.1": (math.nan, math.nan, 0.4748, 2.2553),
    "1-sqrt 0.2": (math.nan, math.nan, 0.5401, 2.1351),
    "1-sqrt 0.4": (math.nan, math.nan, 0.6655, 2.0475),
}


def main() -> None:
    print("\n".join([*intro(), *checks(), *speed(), *ranking(), *peaks(), *extending()]))


def intro() -> Iterator[str]:
    yield "# The convex last-iterate bound"
    yield ""
    yield "Theorem 10 of arXiv 2310.07831; code of arXiv 2501.18965 read. Made by benchmarks/laws/bound.py."


def plan(name: str, total: int, *, peak: float = 1.0, warmup: int = 0, whole: int | None = None) -> sf.Schedule:
    """Return the schedule ``name``; shares are of ``whole`` updates, the total unless given."""
    kind, _, share = name.partition(" ")
    if kind == "constant":
        return sf.constant(peak, total=total, warmup=warmup)
    if kind == "cosine":
        return sf.cosine(peak, total=total, warmup=warmup, floor=0.1 if share == "to 10 %" else 0.0)
    down = min(round(float(share) * (whole or total)), total - warmup)
    return sf.wsd(peak, total=total, warmup=warmup, decay=down, shape=kind)


def checks() -> Iterator[str]:
    yield from ("", "## Check values", "")
    yield "Best peak and best bound, times sqrt(1000), for 1,000 updates at unit distance and norms. Theirs: the"
    yield "official sampling, whose last rate is 0, so that 999 updates count; ours: i/n, all 1,000."
    yield from ("", "| schedule | theirs | expected | ours | expected |", "|---|---|---|---|---|")
    for name, expected in TABLE.items():
        theirs, ours = bound(plan(name, 999, whole=1000)), bound(plan(name, 1000))
        told = [f"{a:.4f} / {b:.4f}" if math.isfinite(a) else "-" for a, b in (expected[:2], expected[2:])]
        yield f"| {name} | {scaled(theirs)} | {told[0]} | {scaled(ours)} | {told[1]} |"


def scaled(found: Bound) -> str:
    return f"{found.best_peak * 1000**0.5:.4f} / {found.best * 1000**0.5:.4f}"


def speed(total: int = 1_000_000) -> Iterator[str]:
    rates = sf.cosine(1.0, total=total).array()
    norms = np.linspace(2.0, 1.0, total)
    times = []
    for _ in range(9):
        began = time.perf_counter()
        bound(rates, grad_norms=norms)
        times.append(time.perf_counter() - began)
    harmonic = math.fsum(1.0 / k for k in range(1, total))
    error = abs(bound(np.ones(total)).best / math.sqrt((1.0 + harmonic) / total) - 1.0)
    yield from ("", "## A million updates", "")
    yield (
        f"{1e3 * sorted(times)[4]:.0f} ms (median of 9) with a gradient norm for each update; a constant rate differs "
        f"from its closed form by {error:.0e} of its value."
    )


def ranking() -> Iterator[str]:
    measured = {name: min(losses) for name, losses in LOSSES.items()}
    theory = {name: bound(plan(name, 50_000, warmup=300)).best for name in LOSSES}
    yield from ("", "## Does it rank 124M runs as measured?", "")
    yield "Each schedule at its best peak, in the runs and in theory (50,000 updates, warmup 300)."
    yield from ("", "| schedule | best loss | bound x sqrt T |", "|---|---|---|")
    for name in sorted(LOSSES, key=measured.__getitem__):
        yield f"| {name} | {measured[name]:.4f} | {theory[name] * 50_000**0.5:.4f} |"
    yield ""
    for title, names in (
        ("Constant, cosine to 10 % and 0, linear .2, .6, .9, 1-sqrt .2", NAMED),
        ("All eleven", tuple(LOSSES)),
    ):
        whole, clear = (tau(names, measured, theory, least) for least in (0.0, NOISE))
        yield (
            f"- {title}: Kendall's tau {whole[0]:.2f} ({whole[1]} pairs); over the {clear[1]} pairs that differ by "
            f"more than {NOISE}, the noise of repeats, {clear[0]:.2f}."
        )
    yield from ("", "At one peak, the bound at the distance at which that peak is the best one for linear 0.6:", "")
    for k, peak in enumerate(PEAKS[1:], 1):
        tuned = plan("linear 0.6", 50_000, peak=BEST_PEAKS[0.6], warmup=300)
        distance = tuned.peak / bound(tuned).best_peak
        theory = {n: bound(plan(n, 50_000, peak=peak, warmup=300), distance=distance).value for n in LOSSES}
        whole, clear = (tau(tuple(LOSSES), {n: row[k] for n, row in LOSSES.items()}, theory, x) for x in (0.0, NOISE))
        yield f"- peak {peak:g}: tau {whole[0]:.2f}, over the {clear[1]} pairs beyond the noise {clear[0]:.2f}."


def tau(names: tuple[str, ...], one: dict[str, float], other: dict[str, float], least: float) -> tuple[float, int]:
    """Return Kendall's tau over the pairs whose first values differ by more than ``least``, and their number."""
    pairs = [(a, b) for a, b in combinations(names, 2) if abs(one[a] - one[b]) > least]
    agree = sum(math.copysign(1.0, (one[a] - one[b]) * (other[a] - other[b])) for a, b in pairs)
    return agree / len(pairs), len(pairs)


def peaks() -> Iterator[str]:
    reference = plan("linear 0.2", 50_000, warmup=300)
    yield from ("", "## How best peaks compare", "")
    yield "Over the best peak of linear 0.2: a parabola in log rate through the losses, and the bound."
    yield from ("", "| decay | measured | bound |", "|---|---|---|")
    for share, peak in BEST_PEAKS.items():
        told = relative_peak(plan(f"linear {share}", 50_000, warmup=300), reference)
        yield f"| {share} | {peak / BEST_PEAKS[0.2]:.2f} | {told:.2f} |"
    half = relative_peak(sf.wsd(1.0, total=1000, shape="linear"), sf.cosine(1.0, total=1000))
    yield from ("", f"WSD with a fifth of decay wants {half:.2f} of cosine's peak.")


def extending() -> Iterator[str]:
    first = sf.wsd(1e-3, total=50_000, warmup=300, shape="linear")
    yield from ("", "## Extending 50,000 updates", "")
    for total, published in ((100_000, 0.525), (200_000, 0.375)):
        longer = sf.wsd(1e-3, total=total, warmup=300, shape="linear")
        stage = second_stage(first, longer, 40_000)
        yield f"- to {total:,}: second stage at {stage:.3f} of the rate (published, in steps of 0.025: {published})."
    found = {p.candidate.name: p.bound for p in compare(first, total=100_000).prospects if p.candidate.start == 40_000}
    stage = next(value for name, value in found.items() if name.startswith("second stage") and "linear" in name)
    yield ""
    yield "To 100,000, branched off at 40,000, bound over the lowest; measured losses (124M) of the same three ways:"
    yield from ("", "| way on | bound | loss |", "|---|---|---|")
    yield f"| same rate, 20 % linear | {found['hold on, 20 % linear']:.3f} | 2.9037 |"
    yield f"| second stage, 20 % linear | {stage:.3f} | 2.8975 |"
    yield f"| decay over the last 60 % | {found['decay at once, linear']:.3f} | 2.8878 |"


if __name__ == "__main__":
    main()
