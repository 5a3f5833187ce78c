"""Logits: the two slow drifts of transformers, of the output's log Z and of the largest attention logit."""

from __future__ import annotations

import torch


def log_z(logits: torch.Tensor) -> torch.Tensor:
    """Return the mean of ``log Z = log sum exp(logits)`` over all positions; ``logits`` has the classes last.

    ln(classes) at initialisation; a drift away from 0 in either direction precedes trouble, and an auxiliary loss of
    ``1e-4 log^2 Z`` holds it.

    >>> log_z(torch.zeros(4, 10))
    tensor(2.3026)

    Source: PaLM, arXiv 2204.02311 (2022), section 5; Small-scale proxies for large-scale Transformer training
    instabilities, arXiv 2309.14322 (2023).
    """
    return logits.detach().float().logsumexp(-1).mean()


def max_attention_logit(
    q: torch.Tensor, k: torch.Tensor, scale: float | None = None, *, at_once: int = 2**24
) -> torch.Tensor:
    """Return the largest ``q . k * scale`` over all pairs of positions, heads and sequences.

    ``q`` has the shape [..., heads, positions, d], ``k`` [..., heads or a divisor of it, positions, d]; ``scale`` is
    1 / sqrt(d) unless given. No mask is applied. About ``at_once`` logits are held at a time. Growth without end
    (beyond some hundred) precedes divergence; normalising q and k stops it.

    >>> max_attention_logit(torch.eye(4)[None], 3.0 * torch.eye(4)[None])
    tensor(1.5000)

    Source: Scaling Vision Transformers to 22 Billion Parameters, arXiv 2302.05442 (2023); arXiv 2309.14322 (2023).
    """
    factor = q.shape[-1] ** -0.5 if scale is None else scale
    q, k = q.detach().float() * factor, k.detach().float()
    heads, shared = q.shape[-3], k.shape[-3]
    k = k.repeat_interleave(heads // shared, -3) if shared != heads else k
    q, k = q.reshape(-1, *q.shape[-2:]), k.reshape(-1, *k.shape[-2:])
    step = max(1, at_once // (q.shape[-2] * k.shape[-2]))
    # Long sequences would otherwise need memory that fused attention never takes.
    parts = zip(q.split(step), k.split(step), strict=True)
    return torch.stack([(a @ b.transpose(-1, -2)).amax() for a, b in parts]).amax()
