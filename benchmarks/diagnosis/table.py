"""The tables: by label, how loudly a run is called unhealthy and whether the verdict is the label, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from judging import Judged, codes
from labels import COLLAPSED, DIVERGED, HEALTHY, LABELS, LOST, STUCK
from peers import RULES

OWN: Mapping[str, Callable[[Judged], bool | None]] = {
    "surefoot, error": lambda one: one.level == "error",
    "surefoot, error or warning": lambda one: one.level != "silent",
}
PEERS: Mapping[str, Callable[[Judged], bool | None]] = {
    name: lambda one, rule=rule: rule(one.run.history) for name, rule in RULES.items()
}
HEAD = ("label", "runs", "error", "warning", "silent", "verdict is the label", "what came first")


def table(runs: Sequence[Judged]) -> Iterator[str]:
    """Yield a line a label."""
    yield "| " + " | ".join(HEAD) + " |"
    yield "|" + "---|" * len(HEAD)
    for label in LABELS:
        some = [one for one in runs if one.run.label == label]
        if some:
            levels = [share(some, lambda one, level=level: one.level == level) for level in HEAD[2:5]]
            cells = (label, str(len(some)), *levels, share(some, lambda one: one.right), codes(some))
            yield "| " + " | ".join(cells) + " |"


def targets(runs: Sequence[Judged]) -> Iterator[str]:
    """Yield what the project promises of logs that it has not seen, counted here."""
    lost = [one for one in runs if one.run.label in LOST]
    well = [one for one in runs if one.run.label == HEALTHY]
    ill = [one for one in runs if one.run.label not in {HEALTHY, STUCK}]
    high = [one for one in runs if one.run.label in {DIVERGED, COLLAPSED, STUCK} or one.run.cause == "lr_too_high"]
    error, warning = (lambda one: one.level == "error"), (lambda one: one.level == "warning")
    if lost:
        yield f"- errors on diverged, collapsed, nan (at least 90 %): {share(lost, error)}"
    if well:
        yield f"- errors on healthy runs (at most 5 %): {share(well, error)}"
        yield f"- warnings on healthy runs (at most 15 %): {share(well, warning)}"
    if ill:
        yield f"- verdict is the label, unhealthy runs (at least 80 %): {share(ill, lambda one: one.right)}"
    if high:
        yield f"- diverged or collapsed and told to raise the rate (none): {share(high, lambda one: one.raises)}"


def beside(runs: Sequence[Judged]) -> Iterator[str]:
    """Yield a line a rule: on how many runs of each label it fires, of those on which it can be asked."""
    labels = [label for label in LABELS if any(one.run.label == label for one in runs)]
    yield "| rule | " + " | ".join(labels) + " |"
    yield "|" + "---|" * (len(labels) + 1)
    for name, rule in {**OWN, **PEERS}.items():
        by_label = [[rule(one) for one in runs if one.run.label == label] for label in labels]
        asked = [[said for said in found if said is not None] for found in by_label]
        yield f"| {name} | " + " | ".join(f"{sum(said)}/{len(said)}" if said else "" for said in asked) + " |"


def wrong(runs: Sequence[Judged]) -> Iterator[str]:
    """Yield the runs whose verdict is not their label, each with what was said of it."""
    for one in runs:
        if not one.right or (one.raises and one.run.label in {DIVERGED, COLLAPSED, STUCK}):
            said = "; ".join(f"{f.code} {f.severity} at {f.step}: {f.message}" for f in one.findings)
            raises = " RAISES THE RATE" if one.raises else ""
            yield f"- {one.run.name} [{one.run.label}] {len(one.run.history)} rows ({one.run.source}){raises}: {said}"


def share(runs: Sequence[Judged], true: Callable[[Judged], bool]) -> str:
    return shown(sum(map(true, runs)), len(runs))


def shown(count: int, total: int) -> str:
    """Return a count with its share and the interval of that share.

    >>> shown(9, 10)
    '9/10 = 90 % (60-98)'
    """
    low, high = wilson(count, total)
    return f"{count}/{total} = {100 * count / total:.0f} % ({100 * low:.0f}-{100 * high:.0f})"


def wilson(count: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the 95 % interval of a share, (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n).

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference (1927).
    """
    share, scale = count / total, 1 + z * z / total
    centre = share + z * z / (2 * total)
    spread = z * (share * (1 - share) / total + z * z / (4 * total * total)) ** 0.5
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)
