"""surefoot transfer: a peak rate from one scale to another, by every law that applies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from surefoot.errors import ArgumentError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from surefoot.laws.factor import Factor
    from surefoot.laws.fitting_law import FittedLaw
    from surefoot.laws.scale import Scale

HELP = """Carry a peak rate from one scale to another: what every published law says, which is recommended, and where
they contradict each other.

A scale is names and values with commas between: batch (samples, or 524288tok), tokens, samples, steps, sequence
(tokens a sample), width, depth, params (without the vocabulary), lr, momentum, beta1, beta2, eps, weight_decay,
warmup (updates), noise_scale (measured), kind (pretraining, fine-tuning, lora), optimizer. Numbers take k, M, B, T.

\b
Examples:
  surefoot transfer --from batch=256,tokens=1e10,lr=3e-4 --to batch=2048,tokens=1e11 --optimizer adamw
  surefoot transfer --from width=256,lr=1e-2 --to width=4096 --optimizer adamw --law mup
  surefoot transfer --from batch=256,lr=0.1,noise_scale=3000 --to batch=8192 --optimizer sgd --json
  surefoot transfer --fit sweeps.csv --from params=6e7,lr=3e-3 --to params=1e9 --optimizer adamw
  surefoot transfer --fit width=64:a/result.json --fit width=128:b/result.json --fit width=256:c/result.json
  surefoot transfer --laws

--fit takes sweeps of your own, a CSV table (a row a run: lr, loss, the columns of a scale, seed and status if there
are any) or a result.json of surefoot sweep with its scale before it. The law fitted on them is preferred to every
published one for what it covers; without --from it is shown by itself, with the best rate at --to.
"""


@click.command(help=HELP)
@click.option("--from", "from_text", metavar="SCALE", help="The scale at which the rate was found.")
@click.option("--to", "to_text", metavar="SCALE", help="The scale to carry it to.")
@click.option("--optimizer", help="The optimizer of both: adamw, sgd, lion, muon, ...")
@click.option("--law", help="Take this law for what it covers, in place of the recommended one.")
@click.option("--fit", "files", metavar="FILE", multiple=True, help="Fit a law on your own sweeps and prefer it.")
@click.option("--plot", "quantity", help="Draw against batch, horizon, params or width; else what changes most.")
@click.option("--laws", "listed", is_flag=True, help="List every law, with its range and its source.")
@click.option("--json", "as_json", is_flag=True, help="Print the factor as JSON, and nothing else.")
def command(**asked: Any) -> int:
    """Run the verb."""
    if asked["listed"]:
        return _listed(as_json=asked["as_json"])
    if asked["files"] and asked["law"]:
        raise ArgumentError("--fit and --law are two laws: give one of them.")
    for name in ("from", "to"):
        if not asked[f"{name}_text"] and not asked["files"]:
            raise ArgumentError(f"--{name} is missing: write the scale, such as --{name} batch=256,tokens=1e10.")
    from surefoot.cli.own_law import alone, fitted  # noqa: PLC0415  help must not import NumPy
    from surefoot.laws.spelling import scale_of  # noqa: PLC0415  same

    own = fitted(asked["files"]) if asked["files"] else None
    end = scale_of(asked["to_text"], "--to") if asked["to_text"] else None
    if own is not None and not asked["from_text"]:
        return alone(own, end, as_json=asked["as_json"])
    if end is None:
        raise ArgumentError(
            "--to is missing: write the scale to carry the rate to, such as --to batch=256,tokens=1e10."
        )
    return _carried(scale_of(asked["from_text"], "--from"), end, own, asked)


def _carried(start: Scale, end: Scale, own: FittedLaw | None, asked: dict[str, Any]) -> int:
    from surefoot.cli.own_law import told  # noqa: PLC0415  help must not import NumPy
    from surefoot.laws.transferring import transfer  # noqa: PLC0415  same

    law = own or asked["law"]
    factor = transfer(start, end, optimizer=asked["optimizer"], law=law)
    if asked["as_json"]:
        click.echo(factor.to_json())
        return 0
    _told(factor, start)
    if own is not None:
        told(own)
    _drawn(start, end, {**asked, "law": law})
    return 0


def _told(factor: Factor, start: Scale) -> None:
    from surefoot.cli.screen import beside, out  # noqa: PLC0415  rich is imported at use

    console = out()
    for line in _answer(factor, start):
        console.print(line, markup=False, style="bold")
    console.print("")
    console.print(_table(factor, start), soft_wrap=False)
    _groups(console, factor)
    for head, lines in (
        ("Formula", factor.formula.split("; ")),
        ("Why", [f"{part.law}: {part.why}" for part in factor.parts]),
        ("Disagreement", factor.disagreement),
        ("Note", factor.notes),
        ("Silent", factor.silent),
        ("Source", [f"{part.law}: {part.source} [{part.confidence}]" for part in factor.parts]),
    ):
        for line in lines:
            beside(console, f"{head:<12}", line)
    console.print("")


def _answer(factor: Factor, start: Scale) -> list[str]:
    """Return the lines that answer: the rate, and what changes with it."""
    from surefoot.chart.numbers import rate_text  # noqa: PLC0415  as above

    if factor.lr is None:
        lines = [f"{factor.law} says nothing on the rate."]
    elif start.lr is None:
        lines = [f"lr x {factor.lr:.3g} (give lr in --from for the rate itself)"]
    else:
        lines = [f"lr {rate_text(start.lr)} x {factor.lr:.3g} = {rate_text(start.lr * factor.lr)}"]
    if factor.low is not None and factor.high is not None and factor.lr is not None:
        lines[0] += f"; the laws that hold here say x {factor.low:.3g} to x {factor.high:.3g}"
    new = [f"{name} -> {v:.6g}" for name in ("beta1", "beta2") if (v := getattr(factor, name)) is not None]
    for name in ("eps", "weight_decay", "warmup"):
        times, before = getattr(factor, name), getattr(start, name)
        if times is not None:
            known = "" if before is None else f" = {before * times:.4g}"
            new.append(f"{name.replace('_', ' ')} x {times:.3g}{known}")
    return lines + ([", ".join(new)] if new else [])


def _table(factor: Factor, start: Scale) -> Table:
    from rich.table import Table as Made  # noqa: PLC0415  as above

    from surefoot.chart.numbers import rate_text  # noqa: PLC0415  as above

    table = Made(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for head in ("", "changed", "law", "lr x", "peak", "mark", "range"):
        table.add_column(head, overflow="fold", no_wrap=head not in {"range", "changed"})
    for one in (*factor.parts, *factor.others):
        taken = any(one is part for part in factor.parts)
        times = "-" if one.lr is None else f"{one.lr:.3g}"
        peak = "-" if one.lr is None or start.lr is None else rate_text(start.lr * one.lr)
        place = one.range if one.holds else f"OUTSIDE: {one.outside}"
        table.add_row("->" if taken else "", one.quantity, one.law, times, peak, one.confidence, place)
    return table


def _groups(console: Console, factor: Factor) -> None:
    for role, one in factor.groups:
        console.print(
            f"   {role:<10} lr x {one.lr:.4g}, weight decay x {one.weight_decay:.4g}, "
            f"init std x {one.init_std:.4g}, eps x {one.eps:.4g}"
        )
    console.print("")


def _drawn(start: Scale, end: Scale, asked: dict[str, Any]) -> None:
    from surefoot.cli.screen import printed  # noqa: PLC0415  as above
    from surefoot.laws.picture import transfer_chart  # noqa: PLC0415  as above

    try:
        chart = transfer_chart(start, end, optimizer=asked["optimizer"], law=asked["law"], quantity=asked["quantity"])
    except ArgumentError:
        # A change of kind, depth or optimizer is no axis; one that was asked for is refused.
        if asked["quantity"] is not None:
            raise
        return
    printed(chart)


def _listed(*, as_json: bool) -> int:
    from surefoot.cli.screen import beside, out  # noqa: PLC0415  as above
    from surefoot.laws.known import LAWS  # noqa: PLC0415  as above
    from surefoot.laws.sources import MARKS  # noqa: PLC0415  as above

    rows = [
        {"law": one.name, "covers": sorted(one.covers), "families": list(one.families), "range": one.range}
        | {"source": str(one.source), "mark": one.mark, "mark_in_words": MARKS[one.mark]}
        for one in LAWS
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return 0
    console = out()
    for one in LAWS:
        head = f"{one.name:<18} {'+'.join(sorted(one.covers)):<14} [{one.mark}]"
        beside(console, head, f"{', '.join(one.families)}; {one.range}. {one.source}.", style="bold")
    for mark, words in MARKS.items():
        beside(console, f"[{mark}]", words)
    return 0
