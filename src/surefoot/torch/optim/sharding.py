"""Sharding: the piece of a distributed tensor that lives here, and sums over all of its pieces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import torch
import torch.distributed
from torch import Tensor

from surefoot.torch.optim.kernel import Row

_FIRST = itemgetter(0)
_ORDINARY = {Tensor, torch.nn.Parameter}


@dataclass(frozen=True, slots=True)
class Shards:
    """Where the pieces of a distributed tensor are: its mesh, and the mesh's dimensions that it is cut along."""

    mesh: Any
    along: tuple[int, ...]

    def added(self, sums: Tensor) -> Tensor:
        """Return ``sums`` added up over all pieces."""
        device = self.mesh.device_type
        total = sums.to(device)
        for dimension in self.along:
            torch.distributed.all_reduce(total, group=self.mesh.get_group(dimension))
        return total.cpu()


def shards(tensor: Tensor) -> Shards | None:
    """Return where the pieces of ``tensor`` are; None for an ordinary tensor, which lives here as a whole."""
    mesh = getattr(tensor, "device_mesh", None)
    if mesh is None:
        return None
    places: Any = getattr(tensor, "placements", ())
    return Shards(mesh, tuple(k for k, place in enumerate(places) if place.is_shard()))


def local(tensor: Tensor) -> Tensor:
    """Return the piece of ``tensor`` that lives here; the tensor itself if it is an ordinary one."""
    if getattr(tensor, "device_mesh", None) is None:
        return tensor
    sharded: Any = tensor
    piece: Tensor = sharded.to_local()
    return piece


def here(rows: Sequence[Row]) -> dict[Shards | None, Sequence[Row]]:
    """Return the pieces of ``rows`` that live here, by where the other pieces are (None: whole tensors)."""
    if set(map(type, map(_FIRST, rows))) <= _ORDINARY:
        return {None: rows}
    parts: dict[Shards | None, list[Row]] = {}
    for row in rows:
        parts.setdefault(shards(row[0]), []).append(tuple(map(local, row)))
    return dict(parts)


def aligned(grads: list[Tensor], parameters: Sequence[Tensor]) -> list[Tensor]:
    """Return ``grads`` cut as ``parameters`` are: one that waits to be summed, or is whole everywhere, is not yet."""
    if set(map(type, parameters)) <= _ORDINARY:
        return grads
    return [_aligned(g, p) for g, p in zip(grads, parameters, strict=True)]


def _aligned(gradient: Any, parameter: Any) -> Tensor:
    places = getattr(parameter, "placements", None)
    cut: Tensor = gradient
    if places is not None and getattr(gradient, "placements", None) != places:
        cut = gradient.redistribute(parameter.device_mesh, places)
    return cut
