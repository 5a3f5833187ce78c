"""The recipes that ``plan`` and ``--recipe`` know, and the command that each becomes by its signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any, get_args, get_type_hints

import click

from surefoot.cli.lazy import unknown
from surefoot.cli.values import literal, several
from surefoot.errors import ArgumentError

# Where each recipe lives, and its line: known without importing NumPy, so that help is quick.
RECIPES: dict[str, tuple[str, str]] = {
    "constant": ("decays", "One rate, after a warmup."),
    "linear": ("decays", "Warmup, then a straight fall."),
    "cosine": ("decays", "Warmup, then half a cosine."),
    "polynomial": ("decays", "Warmup, then (1 - u)^power."),
    "one_minus_sqrt": ("decays", "Warmup, then 1 - sqrt(u)."),
    "one_minus_square": ("decays", "Warmup, then 1 - u^2."),
    "root": ("decays", "Warmup, then sqrt(1 - u)."),
    "mirror_cosine": ("decays", "Warmup, then the cosine mirrored about the line."),
    "half_life": ("decays", "Warmup, then one half-life, moved to end at the floor."),
    "exponential": ("decays", "Warmup, then a geometric fall."),
    "rex": ("decays", "Warmup, then REX, which falls late."),
    "warmup_decay": ("decays", "Warmup, then a decay of any shape."),
    "wsd": ("long", "Warmup, hold, then a short decay: can be extended."),
    "warmup_hold_decay": ("long", "Warmup, a hold of given length, then a decay."),
    "trapezoidal": ("long", "Warmup, hold, linear decay."),
    "tri_stage": ("long", "Warmup, hold, exponential decay."),
    "infinite": ("long", "Warmup, cooldown to a hold, then an anneal: for continued pretraining."),
    "power": ("long", "The power law over tokens, whatever batch and length."),
    "inverse_sqrt": ("inverse", "Warmup, then 1/sqrt(t)."),
    "inverse_time": ("inverse", "Warmup, then 1/t."),
    "noam": ("inverse", "The Transformer's own schedule, by width."),
    "one_cycle": ("one_cycle", "One cycle in two or three phases."),
    "cyclic": ("cycles", "Triangles between the floor and the peak."),
    "restarts": ("cycles", "Cosines one after another, growing and shrinking."),
    "step_decay": ("stairs", "Drops by a factor at milestones or every so often."),
    "staircase": ("stairs", "Given values, each from its milestone on."),
    "from_points": ("given", "Your own table of points, interpolated."),
    "from_function": ("given", "Your own module:function of the step."),
}
_CLOCK = {
    "steps_per_epoch": "Updates in an epoch, for lengths such as 3ep.",
    "tokens_per_step": "Tokens in an update, for lengths such as 2e9tok.",
    "samples_per_step": "Samples in an update, for lengths such as 5e4smp.",
}
_HELP = {
    "peak": "Highest rate.",
    "total": "Updates of the run: 10000, 90ep, 2e9tok.",
    "warmup": "Updates (500) or share of the run (0.05) until the peak.",
    "floor": "End of the decay, as a fraction of the peak.",
    "floor_lr": "End of the decay, as a rate.",
    "start": "First rate, as a fraction of the peak.",
    "decay": "Length of the final decay: updates or a share.",
    "shape": "Shape of the decay, such as cosine or 1-sqrt.",
    "at": "Milestones: 0.3,0.6,0.9 or 30ep,60ep.",
}
_LEFT_OUT = {"clock", "parameters"}


def recipe_function(name: str) -> Callable[..., Any]:
    """Return the recipe called ``name`` (hyphens are read as underscores), or raise ArgumentError with the nearest."""
    key = name.replace("-", "_")
    if key not in RECIPES:
        raise ArgumentError(unknown("recipe", name, list(RECIPES)))
    found: Callable[..., Any] = getattr(import_module(f"surefoot.schedule.recipes.{RECIPES[key][0]}"), key)
    return found


def parameters(recipe: Callable[..., Any]) -> dict[str, Any]:
    """Return the parameters of a recipe with their defaults (``inspect.Parameter.empty`` if required).

    The keywords of a ``**common: Unpack[Common]`` count as parameters, their defaults being the recipe's own: absent.
    """
    found: dict[str, Any] = {}
    for parameter in inspect.signature(recipe).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            (common,) = get_args(get_type_hints(recipe, include_extras=True)[parameter.name])
            found |= dict.fromkeys(common.__annotations__)
        else:
            found[parameter.name] = parameter.default
    return {name: default for name, default in found.items() if name not in _LEFT_OUT}


def options(recipe: Callable[..., Any]) -> Iterator[click.Option]:
    """Yield a command-line option for every parameter of ``recipe``, and those of the clock."""
    signature = inspect.signature(recipe).parameters
    for name, default in parameters(recipe).items():
        listed = name in signature and str(signature[name].annotation).startswith("Sequence")
        flag = "--" + name.replace("_", "-")
        if isinstance(default, bool):
            yield click.Option([flag, name], is_flag=True, help=_HELP.get(name))
            continue
        required = default is inspect.Parameter.empty
        shown = "" if required or default is None else f" [default: {_shown(default)}]"
        help_text = (_HELP.get(name, "") + shown).strip() or None
        yield click.Option(
            [flag, name], type=several if listed else literal, metavar="VALUE", required=required, help=help_text
        )
    for name, line in _CLOCK.items():
        yield click.Option(["--" + name.replace("_", "-"), name], type=float, default=None, help=line)


def _shown(default: Any) -> str:
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)


def given(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, float]]:
    """Return the arguments for the recipe and those for the clock, the ones that were given."""
    said = {name: value for name, value in values.items() if value is not None}
    clock = {name: value for name, value in said.items() if name in _CLOCK}
    return {name: value for name, value in said.items() if name not in _CLOCK}, clock
