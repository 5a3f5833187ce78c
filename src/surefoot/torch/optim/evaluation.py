"""Evaluation weights out of a checkpoint that holds the training weights, after the fact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from surefoot.errors import ArgumentError
from surefoot.torch.optim.averaging_points import Group, beta, x_of
from surefoot.torch.optim.evaluation_fingerprint import ROUNDING, Entry, fingerprint
from surefoot.torch.optim.evaluation_saving import PRINTS, WEIGHTS

_EXACT = 1e-6
"""Above this share of the norm weights were rounded on their way."""


@dataclass(frozen=True, slots=True)
class _Saved:
    """One parameter of an optimizer's state: its number in order, its group, its z and how to know it again."""

    place: int
    group: Group
    z: Tensor
    entry: Entry
    holds: str


def evaluation_weights(
    model_state: Mapping[str, Any], optimizer_state: Mapping[str, Any], names: Sequence[str] | None = None
) -> dict[str, Any]:
    """Return ``model_state`` with the evaluation weights x in it: x = y + (1 - 1/b1)(z - y).

    ``model_state`` is a model's state_dict with the training weights y, ``optimizer_state`` the state_dict of a
    Schedule-Free optimizer that was saved at the same update. Parameters are known again by what the optimizer's state
    says of them; ``names``, those of its parameters in their order, is needed only where it says nothing (pieces of a
    sharded model, or one that another package wrote). What is x already, or no parameter, is returned as it is.
    Raises ArgumentError where the two were not saved together.

    >>> import torch
    >>> from surefoot.torch.optim import ScheduleFreeSGD
    >>> layer = torch.nn.Linear(1, 1, bias=False)
    >>> optimizer = ScheduleFreeSGD(layer.parameters(), lr=0.1)
    >>> for _ in range(3):
    ...     layer(torch.ones(1, 1)).sum().backward()
    ...     optimizer.step()
    >>> weights = evaluation_weights(layer.state_dict(), optimizer.state_dict())
    >>> with optimizer.evaluating():
    ...     torch.equal(weights["weight"], layer.weight)
    True

    Source: Defazio et al., The Road Less Scheduled, arXiv 2405.15682, 2024.
    """
    found, saved = dict(model_state), list(_saved(optimizer_state))
    keys = _Search(model_state).keys_of(saved) if names is None else [[_named(names, one, found)] for one in saved]
    for one, some in zip(saved, keys, strict=True):
        for key in some if one.holds == "y" else ():
            found[key] = x_of(found[key], one.z.to(found[key].device), one.group.get("mixed") or beta(one.group))
    return found


def _saved(state: Mapping[str, Any]) -> Iterator[_Saved]:
    place = 0
    for group in state["param_groups"]:
        prints = group.get(PRINTS) or [None] * len(group["params"])
        for number, known in zip(group["params"], prints, strict=True):
            own = state["state"].get(number, {})
            if "z" in own:
                said = group.get(WEIGHTS, "y" if group.get("train_mode", True) else "x")
                yield _Saved(place, group, own["z"], known, said)
            place += 1


def _named(names: Sequence[str], one: _Saved, state: Mapping[str, Any]) -> str:
    name = names[one.place] if one.place < len(names) else ""
    if name not in state or state[name].shape != one.z.shape:
        raise ArgumentError(
            f"names: parameter {one.place} of the optimizer, of shape {tuple(one.z.shape)}, is called {name!r}, which "
            "model_state does not have in that shape: give the names of the optimizer's parameters in their order."
        )
    return name


class _Search:
    """Where in a model's state the parameters of an optimizer are, by their fingerprints."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        self._state = {k: v for k, v in state.items() if isinstance(v, Tensor) and v.is_floating_point()}
        self._prints = {key: fingerprint(value) for key, value in self._state.items()}
        self._claimed: set[str] = set()

    def keys_of(self, saved: list[_Saved]) -> list[list[str]]:
        """Return the names of each parameter, several where weights are tied; ``saved`` is put right about the rest.

        All of them are x or all are y: what a single one holds may not be told where both are the same.
        """
        keys = [self._found(one) for one in saved]
        known = [(self._prints[some[0]], one.entry) for some, one in zip(keys, saved, strict=True) if one.entry]
        held, other = (sum(abs(number - there[k]) for number, there in known) for k in (0, 1))
        if held > other:
            saved[:] = [replace(one, holds={"x": "y", "y": "x"}[one.holds]) for one in saved]
        return keys

    def _found(self, one: _Saved) -> list[str]:
        if one.entry is None:
            raise ArgumentError(
                f"optimizer_state says nothing by which to know its parameter {one.place} again: pass names, those of "
                "the optimizer's parameters in their order ([name for name, _ in model.named_parameters()])."
            )
        held, other, norm = one.entry
        away = {
            key: min(abs(self._prints[key] - held), abs(self._prints[key] - other))
            for key, value in self._state.items()
            if value.shape == one.z.shape and key not in self._claimed
        }
        best = min(away, key=lambda key: away[key], default="")
        if not best or away[best] > ROUNDING * norm:
            raise ArgumentError(
                f"model_state holds nothing that could be the optimizer's parameter {one.place}, of shape "
                f"{tuple(one.z.shape)}: pass the two that were saved at the same update."
            )
        if away[best] > _EXACT * norm:
            # Rounded, and what is alike is told apart by its place only.
            best = next(key for key in away if away[key] <= ROUNDING * norm)
        # Tied weights share their memory, in a file too; two that are merely equal (ones, zeros) are two.
        keys = [key for key in away if self._state[key].data_ptr() == self._state[best].data_ptr()]
        self._claimed.update(keys)
        return keys
