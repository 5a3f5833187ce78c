"""JSON documents: a whole file that is one object or one list."""

from __future__ import annotations

import json
from typing import Any

from surefoot.errors import FormatError
from surefoot.history.formats.table import Source
from surefoot.history.formats.text import head_text, whole_text


def is_document(source: Source) -> bool:
    """Return whether a source begins as a JSON object or list of more than one line's worth of objects."""
    head = head_text(source)
    return head[:1] in {"{", "["} and not head.startswith("{'")


def document(source: Source) -> Any:
    """Return what a JSON document holds; a bare NaN or Infinity is taken. FormatError if it is broken."""
    try:
        return json.loads(whole_text(source))
    except (ValueError, RecursionError) as error:
        where = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "its numbers or depth"
        raise FormatError(
            f"{source.name} is broken JSON ({where}): it may have been cut while it was written."
        ) from None
