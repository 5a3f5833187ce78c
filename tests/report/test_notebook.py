"""What a notebook shows of the nouns."""

from xml.etree import ElementTree as ET

import pytest

import surefoot as sf

TRIALS = tuple(sf.Trial(lr, 0, 10, 10, loss) for lr, loss in ((1e-3, 2.0), (1e-2, 1.0), (1e-1, 1.5)))
CURVE = sf.Curve(TRIALS, 2.3)


@pytest.mark.parametrize(
    "noun",
    [
        sf.cosine(3e-4, total=1000, warmup=50),
        sf.constant(1e-3),
        CURVE,
        sf.Peak(1e-2, 5e-3, 2e-2, None, "tune", 0.7, 30, "three probes.", curve=CURVE),
    ],
    ids=["schedule", "open schedule", "curve", "peak"],
)
def test_a_noun_draws_itself(noun):
    assert ET.fromstring(noun._repr_html_()).tag.endswith("svg")  # noqa: S314  our own drawing


@pytest.mark.parametrize("noun", [sf.Curve(), sf.Peak(None, None, None, None, "find", 0.0, 0, "no budget.")])
def test_nothing_to_draw_leaves_the_text(noun):
    assert noun._repr_html_() is None
