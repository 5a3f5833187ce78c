"""Clipping: the norm of an optimizer's gradients, and when to scale them down."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import Optimizer

from surefoot.torch.policies import ClipNorm, ZClip


def gradients(optimizer: Optimizer) -> list[Tensor]:
    """Return the gradients that a step would use, as views of what is stored (the values of sparse ones)."""
    found = [parameter.grad for group in optimizer.param_groups for parameter in group["params"]]
    return [grad._values() if grad.is_sparse else grad for grad in found if grad is not None]  # noqa: SLF001  coalesce copies


def total_norm(grads: list[Tensor]) -> Tensor:
    """Return the Euclidean norm over all of ``grads`` as a tensor of one element, without waiting for the device.

    >>> total_norm([torch.tensor([3.0]), torch.tensor([[4.0]])])
    tensor(5.)
    """
    if not grads:
        return torch.zeros(())
    # A norm in half precision overflows long before its gradient does.
    wide = torch.float32 if any(grad.dtype in {torch.float16, torch.bfloat16} for grad in grads) else None
    norms = torch._foreach_norm(grads, 2, wide)  # noqa: SLF001  clip_grad_norm_ of torch calls it too
    first = norms[0].device
    norm: Tensor = torch.linalg.vector_norm(torch.stack([one.to(first, torch.float32) for one in norms]))
    return norm


def scale(grads: list[Tensor], factor: float) -> None:
    """Multiply every gradient by ``factor``, in place."""
    torch._foreach_mul_(grads, factor)


@dataclass(slots=True)
class Clipper:
    """The clipping of a policy with what it remembers: a moving mean and variance of the norm."""

    rule: ZClip | ClipNorm | None
    count: int = 0
    mean: float = 0.0
    variance: float = 0.0

    def factor(self, norm: float) -> float:
        """Return the factor for gradients of norm ``norm``, which is then remembered as clipped; 1 leaves them alone.

        >>> Clipper(ClipNorm(1.0)).factor(4.0)
        0.25
        """
        rule = self.rule
        if rule is None:
            return 1.0
        if isinstance(rule, ClipNorm):
            return min(1.0, rule.norm / norm) if norm > 0.0 else 1.0
        kept = self._clipped(rule, norm)
        # The first norms give a plain mean and variance (Welford), the others a moving one.
        weight = 1.0 / (self.count + 1) if self.count < rule.warm else 1.0 - rule.decay
        self.count += 1
        step = kept - self.mean
        self.mean += weight * step
        self.variance = (1.0 - weight) * (self.variance + weight * step * step)
        return kept / norm if kept < norm else 1.0

    def _clipped(self, rule: ZClip, norm: float) -> float:
        deviation = math.sqrt(self.variance)
        if self.count < rule.warm or deviation == 0.0:
            return norm
        z = (norm - self.mean) / deviation
        return norm if z <= rule.z else self.mean + rule.z**2 / z * deviation
