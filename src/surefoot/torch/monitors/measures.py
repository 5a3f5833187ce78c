"""Measures of weights, gradients and updates: pure functions of live tensors, that never wait for a device."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch

Tensors = Sequence[torch.Tensor]


def gradients(parameters: Iterable[torch.Tensor]) -> list[torch.Tensor]:
    """Return the gradients that are there, of a sparse one its values."""
    return [_dense(p.grad.detach()) for p in parameters if p.grad is not None]


def norms(tensors: Iterable[torch.Tensor]) -> list[torch.Tensor]:
    """Return the 2-norm of each tensor as a tensor of one number, summed in float32 where they are narrower."""
    return [_whole(torch.linalg.vector_norm(tensor, dtype=_wide(tensor.dtype))) for tensor in tensors]


def total(parts: Tensors) -> torch.Tensor:
    """Return ``sqrt(sum n_i^2)``: the norm of all tensors whose norms are ``parts``; 0 for none.

    >>> total([torch.tensor(3.0), torch.tensor(4.0)])
    tensor(5.)
    """
    return torch.linalg.vector_norm(gathered(parts)) if parts else torch.zeros(())


def grad_norm(parameters: Iterable[torch.Tensor]) -> torch.Tensor:
    """Return the norm of all gradients; ``clip_grad_norm_`` returns the same number for nothing."""
    return total(norms(gradients(parameters)))


def weight_norm(parameters: Iterable[torch.Tensor]) -> torch.Tensor:
    """Return the norm of all weights."""
    return total(norms(p.detach() for p in parameters))


def update(parameters: Tensors, before: Tensors) -> list[torch.Tensor]:
    """Return what the last step added to each parameter, in float32 where they are narrower."""
    return [wide(now.detach()) - wide(old) for now, old in zip(parameters, before, strict=True)]


def update_ratios(updates: Tensors, before: Tensors) -> list[torch.Tensor]:
    """Return ``|dW| / |W|`` of each tensor; infinite where W was 0 (a fresh bias, the B of a LoRA pair).

    About 1e-3 is called good, 1e-2 too high, 1e-4 too low (folklore; healthy runs lie on both sides of it).

    >>> update_ratios([torch.tensor([0.003, 0.004])], [torch.tensor([3.0, 4.0])])
    [tensor(0.0010)]
    """
    return [step / old for step, old in zip(norms(updates), norms(before), strict=True)]


def update_rms(updates: Tensors) -> torch.Tensor:
    """Return the root mean square of everything the last step added: about the rate, for Adam early in a run."""
    count = sum(one.numel() for one in updates)
    mean: torch.Tensor = total(norms(updates)) / max(count, 1) ** 0.5
    return mean


def typical(values: Tensors, parameters: Tensors) -> torch.Tensor:
    """Return the median of ``values`` over matrices; over all tensors where none of them is one."""
    chosen = [value for value, p in zip(values, parameters, strict=True) if p.ndim >= 2] or list(values)
    return gathered(chosen).median() if chosen else torch.full((), torch.nan)


def cosine(one: Tensors, other: Tensors) -> torch.Tensor:
    """Return the cosine of the angle between two gradients, given as tensors in the same order.

    Below 0 from one step to the next is oscillation: the step overshot the valley.

    >>> cosine([torch.tensor([1.0, 0.0])], [torch.tensor([-2.0, 0.0])])
    tensor(-1.)
    """
    dots = [(wide(a) * wide(b)).sum() for a, b in zip(one, other, strict=True)]
    angle: torch.Tensor = gathered(dots).sum() / (total(norms(one)) * total(norms(other)))
    return angle


def gathered(values: Tensors) -> torch.Tensor:
    """Return single numbers as one vector, on the device of the first."""
    return torch.stack([value.to(values[0].device, torch.float32, non_blocking=True) for value in values])


def wide(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor of at least float32."""
    return tensor.to(_wide(tensor.dtype))


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.float32 if dtype in {torch.float16, torch.bfloat16} else dtype


def _dense(gradient: torch.Tensor) -> torch.Tensor:
    return gradient.coalesce().values() if gradient.is_sparse else gradient


def _whole(value: torch.Tensor) -> torch.Tensor:
    # The norm of a sharded tensor is a sharded number: every rank computes the same one.
    full = getattr(value, "full_tensor", None)
    return value if full is None else full()
