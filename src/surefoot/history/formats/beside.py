"""What is written beside a table: hyperparameters in a file of the same folder, or in the file's name."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from surefoot.history.formats.cells import number
from surefoot.history.formats.table import Source
from surefoot.history.origin import Fact

_SMALL = 1 << 20
_ALGOPERF = {"learning_rate": "peak", "weight_decay": "weight_decay", "beta1": "beta1", "beta2": "beta2"}
_ONE_MINUS = {"one_minus_beta1": "beta1", "one_minus_beta2": "beta2", "one_minus_momentum": "momentum"}
_ULTRALYTICS = {
    "epochs": "total",
    "batch": "batch",
    "lr0": "peak",
    "weight_decay": "weight_decay",
    "momentum": "momentum",
    "warmup_epochs": "warmup",
}
_LINE = re.compile(r"(\w+):[ \t]*([^\s#]+)[ \t]*(?:#.*)?\Z")
_NAMED = re.compile(r"_(lr|Twarm|B|m|T)(\d+(?:\.\d+)?)(?=_|\.tab|\.csv|\Z)")
_NAMES = {"lr": "peak", "Twarm": "warmup", "B": "batch", "m": "momentum", "T": "total"}
_OPTIMIZER = re.compile(r"_(sgd|adam|adamw|lion|muon|shampoo)_(?=lr|m\d)")


def algoperf_facts(source: Source) -> dict[str, Fact]:
    """Return what the hparams.json beside an AlgoPerf log says: rate, betas, weight decay, warmup."""
    try:
        found = json.loads(_beside(source, "hparams.json"))
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    facts = _numbers(found, _ALGOPERF)
    facts |= {fact: 1.0 - value for fact, value in _numbers(found, _ONE_MINUS).items() if value and fact not in facts}
    warmup = number(found.get("warmup_factor"))
    return {**facts, **({"warmup_fraction": warmup} if isinstance(warmup, float) else {})}


def ultralytics_facts(source: Source) -> dict[str, Fact]:
    """Return what the args.yaml beside an ultralytics log says of the rate and the optimizer."""
    pairs = [_LINE.match(line) for line in _beside(source, "args.yaml").splitlines()]
    found = {pair[1]: pair[2] for pair in pairs if pair}
    optimizer = found.get("optimizer", "auto")
    named: dict[str, Fact] = {} if optimizer == "auto" else {"optimizer": optimizer.lower()}
    return {**_numbers(found, _ULTRALYTICS), **named}


def file_name_facts(source: Source) -> dict[str, Fact]:
    """Return what a file's name says, as in ``..._adam_lr0.02_..._Twarm1_T1000_B128.tab``."""
    name = source.path.name if source.path else ""
    facts: dict[str, Fact] = {_NAMES[key]: float(value) for key, value in _NAMED.findall(name)}
    optimizers = set(_OPTIMIZER.findall(name))
    named = {"optimizer": optimizers.pop()} if len(optimizers) == 1 else {}
    return {**facts, **named} if named else {}


def _numbers(found: dict[str, Any], names: dict[str, str]) -> dict[str, float]:
    given = {fact: number(found.get(name)) for name, fact in names.items()}
    return {fact: value for fact, value in given.items() if isinstance(value, float)}


def _beside(source: Source, name: str) -> str:
    path: Path | None = source.path.parent / name if source.path else None
    try:
        if path is None or not path.is_file() or path.stat().st_size > _SMALL:
            return ""
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
