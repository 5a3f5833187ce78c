"""Values from the command line: numbers, lengths, lists and words, told apart as Python tells them apart."""

from __future__ import annotations

import ast
from typing import Any

import click


def literal(text: str) -> Any:
    """Return what ``text`` means: a Python literal, several with commas between, none, or the word itself.

    >>> [literal(text) for text in ("500", "0.05", "3ep", "1-sqrt", "3e-4", "none", "true")]
    [500, 0.05, '3ep', '1-sqrt', 0.0003, None, True]
    >>> literal("0.3,0.6,3ep")
    (0.3, 0.6, '3ep')
    """
    named = {"none": None, "true": True, "false": False}
    if text.lower() in named:
        return named[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        pass
    if "," in text and not set("([{") & set(text):
        return tuple(literal(part.strip()) for part in text.split(",") if part.strip())
    return text


def several(text: str) -> tuple[Any, ...]:
    """Return what ``text`` means as a tuple, one value being a tuple of one.

    >>> several("50"), several("0.3,0.6")
    ((50,), (0.3, 0.6))
    """
    found = literal(text)
    return tuple(found) if isinstance(found, (tuple, list)) else (found,)


def knobs(pairs: tuple[str, ...]) -> dict[str, Any]:
    """Return ``name=value`` pairs as a dict; raise BadParameter for one without a name.

    >>> knobs(("width=64", "optimizer=sgd"))
    {'width': 64, 'optimizer': 'sgd'}
    """
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise click.BadParameter(f"{pair!r} must be name=value, such as width=64.", param_hint="--knob")
        found[name] = literal(value)
    return found


def named_values(text: str, flag: str) -> tuple[str, list[Any]]:
    """Return what ``name=value,value`` names and lists; raise BadParameter, about ``flag``, for anything else.

    >>> named_values("width=64,128", "--scale")
    ('width', [64, 128])
    """
    name, equals, values = text.partition("=")
    if not equals or not name.isidentifier() or not values:
        raise click.BadParameter(f"{text!r} must be NAME=VALUES, such as width=64,128.", param_hint=flag)
    return name, list(several(values))


def rates(text: str) -> tuple[float, ...]:
    """Return a list of rates written with commas; raise BadParameter for anything else.

    >>> rates("1e-4, 3e-4,1e-3")
    (0.0001, 0.0003, 0.001)
    """
    try:
        found = tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        found = ()
    if not found:
        raise click.BadParameter(f"{text!r} must be rates with commas between, such as 1e-4,1e-3.", param_hint="--lrs")
    return found
