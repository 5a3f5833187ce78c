"""Layout: the parameters of a model as one vector, and back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

# Sums run over rows of this many numbers in float32 and over the rows in float64.
_ROW = 2**15


@dataclass(frozen=True, eq=False)
class Layout:
    """Where each of ``parameters`` lies in a vector, whose shape is [rows, numbers in a row] with zeros at its end."""

    parameters: tuple[torch.Tensor, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of a vector."""
        count = sum(p.numel() for p in self.parameters)
        row = min(count, _ROW)
        return math.ceil(count / row), row

    def flat(self, tensors: Sequence[torch.Tensor | None]) -> torch.Tensor:
        """Return ``tensors``, shaped as the parameters are, as one vector; None counts as zeros."""
        kinds = [p.dtype for p in self.parameters]
        dtype = torch.float64 if torch.float64 in kinds else torch.float32
        vector = torch.zeros(self.shape, dtype=dtype, device=self.parameters[0].device)
        for part, tensor in zip(self.parts(vector), tensors, strict=True):
            if tensor is not None:
                part.copy_(tensor)
        return vector

    def parts(self, vector: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield the views of ``vector`` that belong to each parameter, in its shape."""
        whole, at = vector.reshape(-1), 0
        for p in self.parameters:
            yield whole[at : at + p.numel()].view(p.shape)
            at += p.numel()

    def start(self, seed: int) -> torch.Tensor:
        """Return a random vector of ``seed``; no generator of the user's is touched."""
        generator = torch.Generator().manual_seed(seed)
        return self.flat([torch.randn(p.shape, generator=generator) for p in self.parameters])
