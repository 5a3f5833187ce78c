"""Saving: what an optimizer's state says of the weights beside it, so that a pair goes on bit for bit or not at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from surefoot.torch.optim.averaging_points import Group, State, beta, x_of, y_of
from surefoot.torch.optim.evaluation_fingerprint import Entry, entry, fingerprint, has_one, verdict
from surefoot.torch.optim.sharding import local

WEIGHTS, PRINTS = "model_holds", "fingerprints"
"""What a saved group says beside its settings: which weights ("x", "y") the model holds, and how to know them again."""


@dataclass(frozen=True)
class Loaded:
    """What a state that was just loaded says: the model's weights, how to know them, and the y to go on with."""

    weights: str
    entries: dict[Tensor, Entry]
    kept: dict[Tensor, Tensor]
    _seen: dict[tuple[int, ...], str] = field(default_factory=dict)

    def mismatched(self) -> bool:
        """Say whether the parameters hold the other weights; they are looked at again when they were written to."""
        # Torch's count of writes is enough here: until the first update nothing else writes.
        now = tuple(p._version for p in self.entries)  # noqa: SLF001  torch has no public name for it
        if now not in self._seen:
            self._seen.clear()
            self._seen[now] = verdict(list(self.entries), self.entries.values())
        return self._seen[now] == "other"

    def again(self, parameters: Iterable[Tensor] | None = None) -> None:
        """Put the y to go on with into the parameters, over what a model's own loading has put there."""
        for p in self.kept if parameters is None else [p for p in parameters if p in self.kept]:
            with torch.no_grad():
                local(p).copy_(local(self.kept[p]))


def packed(optimizer: Any, saved: State, *, attached: bool) -> State:
    """Add to ``saved``, which torch made, what it takes to load it; with ``attached`` the model beside it holds x."""
    for group, said in zip(optimizer.param_groups, saved["param_groups"], strict=True):
        holds_x = attached or not group["train_mode"]
        said[WEIGHTS] = "x" if holds_x else "y"
        said[PRINTS] = [_entry(optimizer, group, p, holds_x=holds_x) for p in group["params"]]
        for number, p in zip(said["params"], group["params"], strict=True):
            if holds_x and group["train_mode"] and "z" in saved["state"].get(number, {}):
                saved["state"][number] = {**saved["state"][number], "y": p.detach()}
    return saved


def unpacked(optimizer: Any) -> Loaded:
    """Take out of the groups what ``packed`` added, put y where the run was saved in train mode, and say the rest."""
    weights = "y"
    entries: dict[Tensor, Entry] = {}
    kept: dict[Tensor, Tensor] = {}
    for group in optimizer.param_groups:
        said, prints = group.pop(WEIGHTS, None), group.pop(PRINTS, None)
        moved = [p for p in group["params"] if "z" in optimizer.state.get(p, {})]
        if said == "x" and group["train_mode"]:
            if all("y" in optimizer.state[p] for p in moved):
                # Exact, whatever the model holds: there is nothing to compare.
                kept.update({p: optimizer.state[p].pop("y") for p in moved})
                continue
            group["train_mode"] = False
        weights = (said or weights) if moved else weights
        entries.update(zip(group["params"], prints or (), strict=False))
    loaded = Loaded(weights, entries, kept)
    loaded.again()
    return loaded


def copied(optimizer: Any) -> State:
    """Return groups and state for a copy of an attached optimizer: those of eval mode, with y in the state."""
    if not optimizer._attached:  # noqa: SLF001  its other half
        return {}
    state = dict(optimizer.state)
    groups = []
    for group in optimizer.param_groups:
        groups.append({**group, "train_mode": False})
        if group["train_mode"]:
            state.update({p: {**state[p], "y": p.detach().clone()} for p in group["params"] if "z" in state.get(p, {})})
    return {"param_groups": groups, "state": defaultdict(dict, state)}


def taken(optimizer: Any, arrived: list[Tensor]) -> None:
    """Go to eval mode with x as it was loaded into the parameters ``arrived``; their y follows from it."""
    given = set(arrived)
    for group in optimizer.param_groups:
        b1 = group["mixed"] or beta(group)
        for p in group["params"]:
            state = optimizer.state.get(p, {})
            if "z" not in state:
                continue
            if p in given:
                state["y"] = y_of(p, state["z"], b1)
            elif group["train_mode"]:
                state["y"] = p.detach().clone()
                with torch.no_grad():
                    local(p).copy_(local(x_of(p, state["z"], b1)))
        group["train_mode"] = False


def _entry(optimizer: Any, group: Group, p: Tensor, *, holds_x: bool) -> Entry:
    state = optimizer.state.get(p, {})
    if "z" not in state or not has_one(p):
        return None
    here, b1 = fingerprint(p), group["mixed"] or beta(group)
    if group["train_mode"]:
        average = fingerprint(x_of(p, state["z"], b1))
        return entry(average, here, p) if holds_x else entry(here, average, p)
    return entry(here, fingerprint(state["y"] if "y" in state else y_of(p, state["z"], b1)), p)
