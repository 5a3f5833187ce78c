"""Every published law, in the order in which they are shown, and which one is recommended for what."""

from __future__ import annotations

from dataclasses import dataclass

from surefoot.errors import ArgumentError
from surefoot.laws.batch import BATCH
from surefoot.laws.factor import Law
from surefoot.laws.horizon import HORIZON
from surefoot.laws.kind import KIND
from surefoot.laws.momentum import MOMENTUM
from surefoot.laws.size import SIZE
from surefoot.laws.width import WIDTH

LAWS: tuple[Law, ...] = (*BATCH, *HORIZON, *SIZE, *WIDTH, *KIND, *MOMENTUM)


@dataclass(frozen=True, slots=True)
class Choice:
    """The ``laws`` to prefer for a ``quantity`` and a ``family`` of optimizers ("" is any), in order, and ``why``.

    The first that answers and holds is taken; where none holds, the first that answers.
    """

    quantity: str
    family: str
    laws: tuple[str, ...]
    why: str


RECOMMENDED: tuple[Choice, ...] = (
    Choice(
        *("batch", "sgd", ("noise-scale", "linear")),
        why="a measured noise scale says where the linear rule ends; without one, the linear rule is the one that was "
        "tested on large runs.",
    ),
    Choice(
        *("batch", "adam", ("noise-scale-adam", "adam-sde", "sqrt")),
        why="a measured noise scale says where the square root ends; without one, the SDE rule is the one with a "
        "derivation, which changes the betas and eps along with the rate.",
    ),
    Choice(
        *("batch", "lion", ("noise-scale-adam", "sqrt")),
        why="a step by signs follows the noise as Adam's does.",
    ),
    Choice(
        *("horizon", "adam", ("bjorck",)),
        why="fitted at fixed model and batch with the rate re-tuned; the 1/3 law agrees, and it lies between the weak "
        "-0.21 of one model and the convex -0.5. The one positive exponent is from runs that decay to a fixed rate.",
    ),
    Choice(
        *("horizon", "", ("one-third",)),
        why="the exponent that was found for seven optimizers alike.",
    ),
    Choice(
        *("params", "adam", ("bjorck-size",)),
        why="size and tokens were fitted apart, so it multiplies with the horizon's factor, and it lies between the "
        "extremes; the joint fits hold at their own batch only.",
    ),
    Choice(*("params", "muon", ("moonlight",)), why="the only fit made with Muon."),
    Choice(*("width", "", ("mup",)), why="the one rule with a derivation, by role of tensor."),
    Choice(*("depth", "adam", ("completep",)), why="the one rule that keeps the rate across depth."),
    Choice(
        *("kind", "", ("kind",)),
        why="a habit: no law carries a rate from one kind of training to another.",
    ),
    Choice(
        *("optimizer", "", ("optimizer",)),
        why="a habit: no law carries a rate from one optimizer to another.",
    ),
    Choice(
        *("momentum", "sgd", ("effective-rate",)),
        why="it keeps the distance per gradient; the edge only bounds.",
    ),
    Choice(
        *("momentum", "adam", ("averaged-momentum",)),
        why="the weights of an average add up to 1.",
    ),
)


def law_named(name: str) -> Law:
    """Return the law of that name; raise ArgumentError with all names otherwise.

    >>> law_named("adam-sde").mark
    'P'
    """
    for one in LAWS:
        if one.name == name:
            return one
    raise ArgumentError(f"law={name!r} is unknown: use one of {', '.join(one.name for one in LAWS)}.")


def recommended(quantity: str, of_family: str) -> tuple[tuple[str, ...], str]:
    """Return the names of the laws to prefer for ``quantity``, first to last, and the reason; none where none is known.

    >>> recommended("horizon", "sgd")[0]
    ('one-third',)
    """
    for one in RECOMMENDED:
        if one.quantity == quantity and one.family in {of_family, ""}:
            return one.laws, one.why
    return (), ""
