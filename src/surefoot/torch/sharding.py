"""Sharding: modules of FSDP give back the whole weights that a forward without a backward left gathered."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import torch

from surefoot.errors import ArgumentError


def resharded(roots: Iterable[Any]) -> None:
    """Let every module of ``fully_shard`` or FSDP below ``roots`` hold its shard alone again.

    After a validation the root still has the whole weights, and the next forward would use them, whatever has been
    written to the shards meanwhile. No rank waits for another here.
    """
    fsdp: Any = sys.modules.get("torch.distributed.fsdp")
    if fsdp is None:
        return
    composable: Any = sys.modules.get("torch.distributed._composable.fsdp")  # where torch 2.4 and 2.5 have it
    second: Any = getattr(fsdp, "FSDPModule", None) or getattr(composable, "FSDPModule", ())
    for root in roots:
        for module in root.modules() if isinstance(root, torch.nn.Module) else ():
            if isinstance(module, second):
                module.reshard()
            elif isinstance(module, fsdp.FullyShardedDataParallel):
                _flat(module)


def _flat(module: Any) -> None:
    # The older FSDP has no public way to say it.
    from torch.distributed.fsdp._runtime_utils import _reshard  # noqa: PLC0415  loaded only with FSDP

    if not module._use_orig_params:  # noqa: SLF001  no public name
        raise ArgumentError(
            "model is FullyShardedDataParallel without use_orig_params=True, which hides its parameters from being put "
            "back: pass use_orig_params=True, or use torch's newer fully_shard."
        )
    handle = getattr(module, "_handle", None)
    if handle is None or getattr(handle.flat_param, "_full_param_padded", None) is None:
        return
    if handle.uses_sharded_strategy and not handle.needs_unshard():
        _reshard(module, handle, True)


def clipped(models: Iterable[Any], parameters: list[torch.Tensor], limit: float) -> Any:
    """Clip the gradients to the norm ``limit`` over all ranks and return the norm before.

    The older FSDP hides from its parameters that they are parts: its root alone knows the norm of the whole.
    """
    fsdp: Any = sys.modules.get("torch.distributed.fsdp")
    roots = [one for one in models if fsdp is not None and isinstance(one, fsdp.FullyShardedDataParallel)]
    if len(roots) == 1:
        return roots[0].clip_grad_norm_(limit)
    return torch.nn.utils.clip_grad_norm_(parameters, limit)


def whole(value: Any) -> Any:
    """Return a number that each rank holds a part of (the norm of sharded gradients) as one that all ranks agree on."""
    gather = getattr(value, "full_tensor", None)
    return value if gather is None else gather()
