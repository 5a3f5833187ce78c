"""BatchNorm under the evaluation weights: its running statistics belong to the weights that made them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import torch
import torch.distributed
from torch import Tensor
from torch.nn import Module
from torch.nn.modules.batchnorm import _BatchNorm

from surefoot.errors import ArgumentError
from surefoot.torch.capture import randomness, recall

Forward = Callable[[Module, Any], object]


def recalibrate_batchnorm(
    model: Module, loader: Iterable[Any], batches: int = 50, *, forward: Forward | None = None
) -> int:
    """Measure the running statistics of every BatchNorm anew, under the weights that ``model`` holds now.

    Training leaves the statistics of the training weights y; the evaluation weights x need their own::

        with optimizer.evaluating():
            st.optim.recalibrate_batchnorm(model, loader)
            ...evaluate, or save the model's state_dict

    They become the plain mean over ``batches`` batches of ``loader`` (fewer where it ends before), without gradients,
    and with everything but BatchNorm (dropout) as in evaluation. Modes, momenta and the random state come back as they
    were; training itself does not use what is measured. ``forward(model, batch)`` runs a batch; by default a batch
    that is a list or tuple gives its first element, a dict its entries as keywords. In a distributed run every process
    must call it, each with its own share of the data: all end with the mean over all of them. Returns the number of
    batches that were seen here; 0 where the model has no running statistics. Raises ArgumentError for a bad argument.

    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.BatchNorm1d(1))
    >>> recalibrate_batchnorm(model, [torch.tensor([[1.0], [3.0]]), torch.tensor([[5.0], [7.0]])])
    2
    >>> model[0].running_mean.item()
    4.0

    Source: the authors of Schedule-Free advise it (README of facebookresearch/schedule_free, 2024, 50 batches).
    """
    if isinstance(batches, bool) or not isinstance(batches, int) or batches < 1:
        raise ArgumentError(f"batches={batches!r} must be an int >= 1: how many batches to look at.")
    inner = model.module if isinstance(model, torch.nn.parallel.DistributedDataParallel) else model
    norms = [m for m in inner.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None]
    if not norms:
        return 0
    run, seen = forward or _run, 0
    with _measuring(inner, norms), torch.no_grad():
        for batch in islice(loader, batches):
            run(inner, batch)
            seen += 1
        if not _shared(norms, seen):
            raise ArgumentError("loader gave no batch: give the loader of the training data.")
    return seen


@contextmanager
def _measuring(model: Module, norms: list[_BatchNorm]) -> Iterator[None]:
    """Let BatchNorm alone train, on plain means; the statistics come back where anything goes wrong."""
    modes = [(module, module.training) for module in model.modules()]
    momenta = [norm.momentum for norm in norms]
    before = [[buffer.clone() for buffer in norm.buffers(recurse=False)] for norm in norms]
    random = randomness()
    try:
        model.eval()
        for norm in norms:
            norm.train()
            norm.momentum = None
            norm.reset_running_stats()
        yield
    except BaseException:
        for norm, buffers in zip(norms, before, strict=True):
            for buffer, old in zip(norm.buffers(recurse=False), buffers, strict=True):
                buffer.copy_(old)
        raise
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for module, mode in modes:
            module.training = mode
        recall(random)


def _shared(norms: list[_BatchNorm], seen: int) -> int:
    """Make the statistics the mean over all processes; return how many batches all of them saw."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return seen
    found = [t for norm in norms for t in (norm.running_mean, norm.running_var) if t is not None]
    count = torch.tensor([float(seen)], dtype=torch.float64, device=found[0].device)
    torch.distributed.all_reduce(count)
    total = float(count)
    for statistic in found if total else ():
        share = statistic * (seen / total)
        torch.distributed.all_reduce(share)
        statistic.copy_(share)
    for norm in norms:
        if norm.num_batches_tracked is not None:
            norm.num_batches_tracked.fill_(int(total))
    return int(total)


def _run(model: Module, batch: Any) -> object:
    place = next((p.device for p in (*model.parameters(), *model.buffers())), torch.device("cpu"))
    if isinstance(batch, dict):
        return model(**{name: _at(value, place) for name, value in batch.items()})
    return model(_at(batch[0] if isinstance(batch, (list, tuple)) else batch, place))


def _at(value: Any, place: torch.device) -> Any:
    return value.to(place) if isinstance(value, Tensor) else value
