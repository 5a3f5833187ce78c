"""JSON documents: a whole file that is one object or one list."""

from __future__ import annotations

import json
import re
from typing import Any

from surefoot.errors import FormatError
from surefoot.history.formats.table import Source
from surefoot.history.formats.text import head_text, whole_text

_BEGIN = re.compile(r'\{\s{0,99}["}]|\[\s{0,99}(?:[\[{]|(?:[-+.\deE]{1,40}|null|NaN)\s{0,99},)')


def is_document(source: Source) -> bool:
    """Return whether a source begins as a JSON object or list: brackets begin many a line of text, too."""
    return bool(_BEGIN.match(head_text(source)))


def document(source: Source) -> Any:
    """Return what a JSON document holds; a bare NaN or Infinity is taken. FormatError if it is broken."""
    try:
        return json.loads(whole_text(source))
    except (ValueError, RecursionError) as error:
        where = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "its numbers or depth"
        raise FormatError(
            f"{source.name} is broken JSON ({where}): it may have been cut while it was written."
        ) from None
