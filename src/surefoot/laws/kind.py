"""From one kind of training, or one optimizer, to another: habits with wide ranges, not laws."""

from __future__ import annotations

from surefoot.errors import ArgumentError
from surefoot.laws.factor import Factor, Law
from surefoot.laws.names import family
from surefoot.laws.scale import Scale
from surefoot.laws.typical import typical

# Rate over that of pretraining, with the ends of what is used: full fine-tuning is 10 to 100 times lower, LoRA's is
# about ten times that of full fine-tuning (2e-4 against 2e-5), 4 to 25 times.
_KINDS = {"pretraining": (1.0, 1.0, 1.0), "fine-tuning": (0.01, 0.1**1.5, 0.1), "lora": (0.1**0.9, 0.1**0.5, 0.8)}
# Rate over that of Adam. SGD's with momentum 0.9 on images is about 100 times Adam's (0.1 against 1e-3), Lion's 3 to
# 10 times lower; Muon takes Adam's where its step is scaled to Adam's size.
_OPTIMIZERS = {"adam": (1.0, 1.0, 1.0), "sgd": (10.0, 100.0, 1000.0), "lion": (0.1, 0.3**0.5 / 3, 1 / 3)}
_MUON = (0.5, 1.0, 2.0)


def kind_level(kind: str) -> tuple[float, float, float]:
    """Return (low, middle, high) of a kind's usual rate over that of pretraining; ArgumentError for an unknown one.

    >>> [round(v, 4) for v in kind_level("fine-tuning")]
    [0.01, 0.0316, 0.1]

    Source: the recipes in ``surefoot.laws.typical``: folklore.
    """
    if kind not in _KINDS:
        raise ArgumentError(f"kind={kind!r} must be one of {', '.join(_KINDS)}.")
    return _KINDS[kind]


def optimizer_level(optimizer: str) -> tuple[float, float, float]:
    """Return (low, middle, high) of an optimizer's usual rate over that of Adam.

    >>> optimizer_level("sgd")
    (10.0, 100.0, 1000.0)

    Sources: ResNet's 0.1 (1512.03385) against Adam's default 1e-3 (1412.6980); Lion 3 to 10 times lower than AdamW
    (2302.06675); Muon at Adam's rate if its step is scaled by 0.2 sqrt(larger side) (2502.16982 [m]): folklore.
    """
    name = family(optimizer)
    return _MUON if name == "muon" else _OPTIMIZERS[name]


def _between(first: tuple[float, float, float], second: tuple[float, float, float], formula: str, why: str) -> Factor:
    lr = second[1] / first[1]
    return Factor(lr=lr, low=second[0] / first[2], high=second[2] / first[0], formula=f"{formula} {lr:.4g}", why=why)


def of_kind(a: Scale, b: Scale) -> Factor:
    """Return the ratio of the kinds' usual rates."""
    if a.kind is None or b.kind is None:
        raise ArgumentError(f"kind is missing in {'from_scale' if a.kind is None else 'to_scale'}.")
    usual = typical(family(b.optimizer or "adamw"), b.kind)
    seen = "" if usual is None else f"; recipes use {usual.low:.0e} to {usual.high:.0e}: {usual.sources}"
    why = (
        "fine-tuning moves little from weights that are good: 10 to 100 times lower than pretraining; LoRA's new "
        f"matrices start at zero and take about 10 times more than full fine-tuning{seen}."
    )
    return _between(kind_level(a.kind), kind_level(b.kind), f"{a.kind} to {b.kind}: x", why)


def of_optimizer(a: Scale, b: Scale) -> Factor:
    """Return the ratio of the optimizers' usual rates."""
    if a.optimizer is None or b.optimizer is None:
        raise ArgumentError("optimizer is missing in one of the scales.")
    why = (
        "the two measure a step in different units: SGD's grows with the gradient, Adam's does not, so no law carries "
        "a rate across; find it anew (sf.find) and take this as where to start."
    )
    formula = f"{a.optimizer} to {b.optimizer}: x"
    return _between(optimizer_level(a.optimizer), optimizer_level(b.optimizer), formula, why)


_ALL = ("sgd", "adam", "lion", "muon")
_RECIPES = "recipes in surefoot.laws.typical"
KIND = (
    Law("kind", frozenset({"kind"}), ("adam", "lion"), "a start for a search", _RECIPES, "folklore", of_kind),
    Law("optimizer", frozenset({"optimizer"}), _ALL, "a start for a search", _RECIPES, "folklore", of_optimizer),
)
