"""Skipping: an update that a method leaves out because of numbers it meets on the way."""

from __future__ import annotations

import torch

from surefoot.torch.optim.base import SKIPPED, Method


def left_out(method: Method, sentence: str = SKIPPED) -> None:
    """Say so as a look at the gradients would: a warning, a count, and schedulers that count no update."""
    method.__dict__["found_inf"] = torch.ones(())
    method._tell(sentence)  # noqa: SLF001  a method's own, shared by its kin
