"""The recipe that was called, where a keyword it passes on turns out to be none."""

from __future__ import annotations

import inspect
import sys
from difflib import get_close_matches
from types import FrameType
from typing import Any, get_args, get_type_hints

_HERE = __name__.rpartition(".")[0]


def no_such(given: tuple[str, object]) -> str:
    """Return the sentence for a keyword and its value that the recipe called from outside does not take."""
    word, value = given
    recipe, keywords = _called()
    close = get_close_matches(word, keywords, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"it takes {', '.join(keywords)}."
    return f"{word}={value!r:.40} is no argument of {recipe}(): {hint}"


def _called() -> tuple[str, list[str]]:
    # Recipes hand their keywords on to one another, so only the stack knows which of them the user wrote.
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  the one way to the caller
    name, found = "", None
    while frame is not None and frame.f_globals.get("__name__", "").startswith(_HERE):
        name = frame.f_code.co_name
        found = frame.f_globals.get(name, found)
        frame = frame.f_back
    return name, _keywords(found)


def _keywords(recipe: Any) -> list[str]:
    named = []
    for parameter in inspect.signature(recipe).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            (common,) = get_args(get_type_hints(recipe, include_extras=True)[parameter.name]) or ({},)
            named += list(getattr(common, "__annotations__", ()))
        else:
            named.append(parameter.name)
    return named
