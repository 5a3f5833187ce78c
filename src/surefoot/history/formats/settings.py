"""Settings: what the configuration of a run says, under the names of an Origin's facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from surefoot.history.formats.cells import number
from surefoot.history.origin import Fact

# The names that trainers give to one quantity, the surest first.
_NAMES = {
    "peak": ("learning_rate", "peak_lr", "max_lr", "base_lr", "lr", "lr0"),
    "total": ("max_steps", "total_steps", "num_training_steps", "train_iters", "max_iters", "num_iterations"),
    "warmup": ("warmup_steps", "num_warmup_steps", "warmup_iters"),
    "batch": ("batch_size", "train_batch_size", "per_device_train_batch_size", "global_batch_size"),
    "weight_decay": ("weight_decay", "wd"),
    "momentum": ("momentum",),
    "beta1": ("adam_beta1", "beta1"),
    "beta2": ("adam_beta2", "beta2"),
    "classes": ("num_classes",),
    "vocabulary": ("vocab_size", "vocabulary_size"),
}
_ZERO_IS_UNSET = ("peak", "total", "batch", "classes", "vocabulary")
_OPTIMIZER = ("optimizer", "optimizer_name", "optim", "opt")
_DEEP, _WIDE = 4, 10_000


def facts(given: Mapping[str, Any]) -> dict[str, Fact]:
    """Return what a configuration says of the rate and the optimizer; an entry further up wins.

    >>> facts({"optimizer": {"name": "AdamW", "betas": [0.9, 0.95]}, "lr": "3e-4", "max_steps": -1})
    {'peak': 0.0003, 'beta1': 0.9, 'beta2': 0.95, 'optimizer': 'adamw'}
    """
    flat: dict[str, Any] = {}
    for name, value in _flat(given, "", 0):
        if len(flat) < _WIDE:
            flat.setdefault(name, value)
    numbers = {fact: _first(flat, fact, names) for fact, names in _NAMES.items()}
    found: dict[str, Fact] = {fact: value for fact, value in numbers.items() if value is not None}
    words = [flat[name] for name in (*_OPTIMIZER, "optimizer.name") if isinstance(flat.get(name), str)]
    return {**found, "optimizer": words[0].lower()} if words and 0 < len(words[0]) <= 40 else found


def _first(flat: Mapping[str, Any], fact: str, names: tuple[str, ...]) -> float | None:
    values = (number(flat[name]) for name in names if name in flat)
    return next((value for value in values if isinstance(value, float) and _is_usual(fact, value)), None)


def _is_usual(fact: str, value: float) -> bool:
    return 0 < value < float("inf") if fact in _ZERO_IS_UNSET else 0 <= value < float("inf")


def _flat(given: Mapping[str, Any], above: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Yield the entries of each level before those of the levels below it."""
    inner = []
    for name, value in given.items():
        short = str(name).rpartition("/")[2].rpartition(".")[2].lower()
        if isinstance(value, Mapping):
            inner.append((short, value))
        elif short == "betas" and isinstance(value, (list, tuple)) and len(value) == 2:
            yield from zip(("beta1", "beta2"), value, strict=True)
        elif short == "name" and above in _OPTIMIZER:
            yield "optimizer.name", value
        else:
            yield short, value
    for short, value in inner if depth < _DEEP else ():
        yield from _flat(value, short, depth + 1)
