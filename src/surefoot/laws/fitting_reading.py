"""Reading a fitted law back from the JSON that FittedLaw.to_json wrote."""

from __future__ import annotations

import json
import math
from typing import Any

from surefoot.errors import FormatError
from surefoot.laws.fitting_cells import Units
from surefoot.laws.fitting_line import Line
from surefoot.laws.fitting_nouns import Cell, Rival

FORMAT = "surefoot fitted law 1"


def law_fields(text: str) -> dict[str, Any]:
    """Return the fields of the FittedLaw in ``text``; raise FormatError if it is none."""
    try:
        data = json.loads(text)
        if data.pop("format") != FORMAT:
            raise ValueError("another format")  # noqa: TRY301  one sentence for every way to be none
        own = {
            "cells": tuple(Cell(**(cell | {"values": _tuples(cell["values"])})) for cell in data["cells"]),
            "units": Units(**data["units"]),
            "rivals": tuple(_rival(one) for one in data["rivals"]),
            "error": math.nan if data["error"] is None else data["error"],
        }
        own |= {name: _line(data[name]) for name in ("rate", "batch", "ridge")}
        own |= {name: _tuples(data[name]) for name in ("ranges", "along", "notes")}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"text is no law that surefoot wrote ({error!r}): pass what to_json returned.") from None
    return {**data, **own}


def _rival(data: dict[str, Any]) -> Rival:
    # A law that speaks on no cell has no regret: NaN is null in JSON.
    means = {name: math.nan if data[name] is None else float(data[name]) for name in ("mean", "worst")}
    return Rival(**(data | means))


def _line(data: dict[str, Any] | None) -> Line | None:
    if data is None:
        return None
    return Line(**{name: value if name == "constant" else _tuples(value) for name, value in data.items()})


def _tuples(value: Any) -> Any:
    return tuple(_tuples(inner) for inner in value) if isinstance(value, list) else value
