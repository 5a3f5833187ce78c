"""Sharding: the piece of a distributed tensor that lives here, and sums over all of its pieces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed
from torch import Tensor


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
