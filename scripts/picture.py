"""Draw the README's picture from a real search: python scripts/picture.py."""

from pathlib import Path

import surefoot as sf
from surefoot.chart import curve_chart
from surefoot.svg import svg
from surefoot.tasks import resolve

if __name__ == "__main__":
    peak = sf.tune(resolve("charlm"), total=1000, budget=1.0)
    print(peak)
    title = "A character transformer on Python's manual: the rate against the validation loss"
    path = Path(__file__).parents[1] / "docs" / "tune-charlm.svg"
    path.write_text(svg(curve_chart(peak, title=title), file=True))
