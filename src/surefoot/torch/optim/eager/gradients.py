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
    """Return how many tensors hold a gradient that is no finite number: 0 g is NaN for those alone."""
    zeros = foreach.norm(foreach.mul(fields[0], 0.0), 1)
    return (torch.stack(zeros).isnan().sum(),)
