"""Arguments of the wrong kind or size: one sentence each, an error that is surefoot's and a ValueError."""

from __future__ import annotations

import pytest

import surefoot as sf

LINE = sf.linear(1e-3, total=10, warmup=2)
REFUSED = {
    "a peak too large": (lambda: sf.cosine(10**400, total=10), "peak must be finite"),
    "a peak that is a bool": (lambda: sf.cosine(True, total=10), "peak=True is a bool"),
    "a peak that is text": (lambda: sf.cosine("3e-4", total=10), "peak='3e-4' must be a number, not text"),
    "a floor that is bytes": (lambda: sf.cosine(1.0, total=10, floor=b"0.1"), "floor=b'0.1' must be a number, not"),
    "a rate of a table that is text": (lambda: sf.from_points([(0, "1"), (9, 0.5)]), "must be a number, not text"),
    "the opposite of a number": (lambda: sf.opposite(3), "schedule=3 must be a Schedule"),
    "a total too large": (lambda: sf.cosine(1.0, total=10**400), "total is more than 2"),
    "epochs too many": (
        lambda: sf.cosine(1.0, total=sf.epochs(1e308), clock=sf.Clock(steps_per_epoch=1e5)),
        "is more than 2",
    ),
    "epochs as words": (lambda: sf.epochs("x"), "epochs='x' must be"),
    "tokens as None": (lambda: sf.tokens(None), "tokens=None must be"),
    "a clock of words": (lambda: sf.Clock(steps_per_epoch="x"), "steps_per_epoch='x' must be"),
    "a clock of a bool": (lambda: sf.Clock(tokens_per_step=True), "tokens_per_step=True must be"),
    "an epoch that is a schedule": (lambda: sf.Clock(steps_per_epoch=LINE), "must be a finite number > 0"),
    "an open warmup": (lambda: sf.cosine(1.0, total=10, warmup=sf.hold(None)), "a warmup needs an end"),
    "a shape that is a list": (lambda: sf.wsd(1.0, total=10, shape=["linear"]), "is unknown"),
    "one milestone": (lambda: sf.step_decay(1.0, total=100, at=30), r"write at=\(30,\)"),
    "one milestone as text": (lambda: sf.step_decay(1.0, total=100, at="30ep"), r"write at=\('30ep',\)"),
    "a start of words": (lambda: sf.one_cycle(1.0, total=10, start="x", convention="torch"), "start='x'"),
    "growth too steep": (lambda: sf.restarts(1.0, total=10, growth=1e300), "growth=1e\\+300 must be"),
    "growth as words": (lambda: sf.restarts(1.0, total=10, growth="a"), "growth='a' must be"),
    "a law beyond numbers": (lambda: sf.power(1e-3, a=1e308, batch=1e9), "check the units"),
    "points that are no pairs": (lambda: sf.from_points([0, 1, 2]), "pairs of"),
    "a phase for phases": (lambda: sf.Schedule(1.0, sf.hold(3)), "must be a tuple"),
    "a step that is a bool": (lambda: LINE(True), "step=True must be an int"),
    "no schedule to follow": (lambda: LINE.then(3), "other=3 must be a Schedule"),
    "a floor above no peak": (
        lambda: sf.from_transformers("cosine_with_min_lr", peak=0, total=10, min_lr=0.1),
        "is above the peak",
    ),
    "a length of words": (
        lambda: sf.from_transformers("warmup_stable_decay", peak=1, total=10, num_decay_steps="a"),
        "num_decay_steps='a' must be",
    ),
    "a negative tolerance": (lambda: sf.recognise([1.0, 0.5], tolerance=-1.0), "tolerance=-1.0"),
}


@pytest.mark.parametrize(("call", "sentence"), REFUSED.values(), ids=REFUSED)
def test_one_sentence_refuses_it(call, sentence):
    with pytest.raises(sf.SurefootError, match=sentence) as caught:
        call()
    assert isinstance(caught.value, ValueError)
    assert "\n" not in str(caught.value)
