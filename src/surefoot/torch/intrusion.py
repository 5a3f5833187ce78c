"""Intrusion: what to make of groups that do not hold what the scheduler left there."""

from __future__ import annotations

import math
from typing import Any

import torch

from surefoot.torch.slots import Groups, plain
from surefoot.torch.track import Track

# A float32 tensor that took the place of a float is no intrusion.
_CLOSE = 1e-6


def priming(track: Track, groups: Groups, *, before: bool) -> bool:
    """Return whether zero rates are those of a priming step.

    torch.distributed.checkpoint runs ``step()`` with every rate and gradient set to 0 and puts the rates back, to make
    the optimizer create its state. Zeros that meet gradients pass once: met again (``before``), nobody put them back.
    """
    return not any(track.found(groups)) and (idle(groups) or (any(track.writer.numbers) and not before))


def resting(groups: Groups) -> bool:
    """Return whether a step would do nothing at all: a primer's, where no schedule of the rate can tell."""
    return all(_zero(group.get("lr")) for group in groups) and idle(groups)


def idle(groups: Groups) -> bool:
    """Return whether no gradient could move a weight."""
    grads = (parameter.grad for group in groups for parameter in group["params"] if parameter.grad is not None)
    return not any(bool(grad.any()) for grad in grads)


def quarrel(track: Track, groups: Groups, step: int) -> str | None:
    """Return the sentence about the first group that somebody else wrote to before update ``step``, None if none."""
    pairs = zip(track.found(groups), track.writer.numbers, strict=True)
    for k, (found, left) in enumerate(pairs):
        if not math.isclose(found, left, rel_tol=_CLOSE):
            return (
                f"{track.slot.field} of group {k} is {found:.6g} before update {step}, but {left:.6g} was left there: "
                "somebody else writes it, and the schedule overwrites it. Use scheduler.cut(k, why) to lower the rate, "
                "or another schedule."
            )
    return None


def _zero(rate: Any) -> bool:
    # A primer's tensors lie on the CPU; reading one elsewhere would make every update wait for its device.
    if isinstance(rate, torch.Tensor) and rate.device.type != "cpu":
        return False
    return rate is not None and plain(rate) == 0.0
