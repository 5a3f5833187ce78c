"""Whether gradients are finite, in torch."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from surefoot.torch.optim.eager import foreach
from surefoot.torch.optim.kernel import Fields


class Look(NamedTuple):
    """How many elements of each chunk a compiled look sees; in torch it sees them all."""

    most: int


def look(fields: Fields, _s: Look) -> tuple[Tensor, ...]:
    """Return how many tensors hold a gradient that is no finite number."""
    grads = fields[0]
    # NaN and infinity spoil a sum, which costs a fifth of asking each element; a sum of large numbers may too.
    signs = [g.sum() for g in grads] if grads[0].is_cpu else foreach.norm(grads)
    if bool(torch.stack([*signs]).isfinite().all()):
        return (torch.zeros(()),)
    return (torch.stack([~g.isfinite().all() for g in grads]).sum(),)
