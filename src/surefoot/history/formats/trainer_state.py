"""The trainer_state.json of transformers."""

from __future__ import annotations

from typing import Any

from surefoot.errors import FormatError
from surefoot.history.formats import rows
from surefoot.history.formats.cells import number
from surefoot.history.formats.documents import document, is_document
from surefoot.history.formats.table import Format, Source, Table
from surefoot.history.formats.text import head_text
from surefoot.history.origin import Fact

_FACTS = {"max_steps": "total", "train_batch_size": "batch", "logging_steps": "logging_steps"}


def _fits(source: Source) -> bool:
    head = head_text(source)
    return is_document(source) and head[:1] == "{" and ('"log_history"' in head or '"best_model_checkpoint"' in head)


def _tables(source: Source) -> tuple[Table, ...]:
    found = document(source)
    history = found.get("log_history") if isinstance(found, dict) else None
    if not isinstance(history, list):
        raise FormatError(f"{source.name} holds no log_history: the Trainer writes one when logging_steps is set.")
    said = [row for row in history if isinstance(row, dict)]
    if not said:
        raise FormatError(f"{source.name} holds no reading: its log_history is empty.")
    return (rows.table(said, facts=_facts(found)),)


def _facts(found: dict[str, Any]) -> dict[str, Fact]:
    given = {fact: number(found.get(name)) for name, fact in _FACTS.items()}
    facts: dict[str, Fact] = {fact: value for fact, value in given.items() if isinstance(value, float) and value > 0}
    # The Trainer replaces a NaN loss in its log unless told otherwise, and the file does not say whether it was told.
    return facts | {"nan_filter": "default"}


FORMAT = Format("transformers trainer_state.json", _fits, _tables)
