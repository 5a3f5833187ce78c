"""What surefoot transfer --fit shows: a law of one's own, fitted on sweeps in files, before it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from surefoot.laws.fitting_law import FittedLaw
    from surefoot.laws.scale import Scale


def fitted(files: tuple[str, ...]) -> FittedLaw:
    """Return the law that the sweeps in ``files`` carry."""
    from surefoot.laws.fitting import fit_law  # noqa: PLC0415  help must not import NumPy
    from surefoot.laws.fitting_files import runs_in  # noqa: PLC0415  same

    return fit_law(runs_in(files))


def alone(law: FittedLaw, scale: Scale | None, *, as_json: bool) -> int:
    """Show the law by itself, and what it says of ``scale``; return the exit code."""
    if as_json:
        click.echo(law.to_json())
        return 0
    from surefoot.cli.screen import beside, out, printed  # noqa: PLC0415  rich is imported at use

    console = out()
    if scale is not None:
        console.print(predicted(law, scale), markup=False, style="bold")
        for line in law.beyond(scale):
            beside(console, f"{'Outside':<12}", line)
        console.print("")
    told(law)
    printed(law.chart())
    return 0


def predicted(law: FittedLaw, scale: Scale) -> str:
    """Return the line that answers: the best rate at ``scale``, and the best batch where it was fitted.

    The interval is the law's, at 90 %.
    """
    from surefoot.chart.numbers import rate_text  # noqa: PLC0415  as above
    from surefoot.laws.fitting_cells import UNITS  # noqa: PLC0415  as above

    lr, low, high = law.predict(scale)
    said = f"lr {rate_text(lr)} (90 %: {rate_text(low)} to {rate_text(high)})"
    if law.batch is None:
        return said
    batch, low, high = law.predict_batch(scale)
    return f"{said}; best batch {batch:.4g} {UNITS[law.units.batch]} ({low:.3g} to {high:.3g})"


def told(law: FittedLaw) -> None:
    """Show the law: its exponents, the optimum of each scale, how it and others do on them, and what to doubt."""
    from surefoot.chart.numbers import rate_text  # noqa: PLC0415  as above
    from surefoot.cli.screen import beside, out  # noqa: PLC0415  as above

    console = out()
    beside(console, f"{'Own law':<12}", f"{law.formula}, preferred to every published law: it is fitted on your runs.")
    for one in law.exponents:
        words = f"{one.of} ~ {one.quantity}^{one.value:.3f} (90 %: {one.low:.3f} to {one.high:.3f})"
        beside(console, f"{'Exponent':<12}", words)
    for cell in law.cells:
        found = f"{rate_text(cell.lr)} ({rate_text(cell.low)} to {rate_text(cell.high)})"
        used = found if cell.status == "inside" else f"{rate_text(cell.lr)}, left out"
        beside(console, f"{'Scale':<12}", f"{cell}: {used}")
    beside(console, f"{'Left out':<12}", f"each scale in turn, its best rate is missed by a factor {law.error:.3g}.")
    for rival in law.rivals:
        words = f"{rival.law} ({rival.how}): {rival.mean:.2f} permille of the loss, worst {rival.worst:.2f}"
        beside(console, f"{'Regret':<12}", words)
    for note in law.notes:
        beside(console, f"{'Note':<12}", note)
    console.print("")
