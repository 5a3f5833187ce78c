"""fully_shard by hand, for a torch that has it for CUDA alone (2.4): parameters in pieces, gradients averaged."""

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed._tensor import DTensor, Shard, distribute_tensor


class Gathered(torch.autograd.Function):
    """A parameter whole; its gradient is the mean over the ranks, in pieces again."""

    @staticmethod
    def forward(ctx, piece):
        ctx.piece = piece.detach()
        return ctx.piece.full_tensor()

    @staticmethod
    def backward(ctx, grad):
        mean = grad.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(mean)
        return distribute_tensor(mean / dist.get_world_size(), ctx.piece.device_mesh, ctx.piece.placements)


def fully_shard(module, *, mesh):
    """Replace the parameters below ``module`` by their pieces, which every layer gathers for its own forward."""
    for layer in module.modules():
        whole = {k: p for k, p in layer._parameters.items() if p is not None and not isinstance(p, DTensor)}
        for name, p in whole.items():
            layer._parameters[name] = nn.Parameter(distribute_tensor(p.detach(), mesh, [Shard(0)]))
        if whole:
            layer.forward = _gathering(layer, layer.forward)
    return module


def _gathering(layer, plain):
    def forward(*inputs):
        pieces = dict(layer._parameters)
        layer._parameters.update({k: None if p is None else Gathered.apply(p) for k, p in pieces.items()})
        try:
            return plain(*inputs)
        finally:
            layer._parameters.update(pieces)

    return forward
