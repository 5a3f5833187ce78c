"""Batching: what a batch is to a model and a loss, for tensors, tuples and dicts."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch

from surefoot.errors import TaskError

_TARGETS = frozenset({"target", "targets", "label", "labels", "y"})


def loss_of(model: Any, loss_fn: Any, batch: Any) -> torch.Tensor:
    """Return the loss of one batch, a scalar tensor.

    ``loss_fn(output, target)`` where the batch is ``(*inputs, target)``; a lone tensor is its own target. A dict is
    passed by the names in the model's ``forward``: the one entry left over is the target, otherwise the whole batch
    is; where no name fits, the model gets the dict, or, a layer of torch's own, the input of an (input, target) pair.
    Without ``loss_fn`` the model's output carries the loss: ``.loss``, ``["loss"]``, or the output itself.
    Raises TaskError where that is no scalar tensor.
    """
    loss = _unguarded(model, loss_fn, batch)
    source = "loss_fn" if loss_fn is not None else "the model's output"
    if not isinstance(loss, torch.Tensor):
        raise TaskError(
            f"{source} gave {type(loss).__name__} ({loss!r:.60}) instead of a scalar tensor: {_hint(loss_fn)}"
        )
    if loss.numel() != 1:
        raise TaskError(
            f"{source} gave a tensor of shape {tuple(loss.shape)} instead of a scalar: reduce it, for example with "
            ".mean()."
        )
    return loss.reshape(())


def size_of(batch: Any) -> int:
    """Return the number of samples of a batch: the length of its first tensor.

    >>> size_of({"x": torch.zeros(5, 3)}), size_of([torch.zeros(2), torch.zeros(2)]), size_of(3.0)
    (5, 2, 1)
    """
    if isinstance(batch, torch.Tensor):
        return batch.shape[0] if batch.dim() else 1
    parts = batch.values() if isinstance(batch, Mapping) else batch if isinstance(batch, (list, tuple)) else ()
    sizes = (size_of(part) for part in parts if isinstance(part, (torch.Tensor, Mapping, list, tuple)))
    return next(sizes, 1)


def moved(batch: Any, device: torch.device) -> Any:
    """Return the batch with its tensors on ``device``."""
    if isinstance(batch, torch.Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, dict):
        return {key: moved(value, device) for key, value in batch.items()}
    if isinstance(batch, Mapping):
        send = getattr(batch, "to", None)
        return send(device) if callable(send) else batch
    if type(batch) in {list, tuple}:
        return type(batch)(moved(part, device) for part in batch)
    return batch


def carried(output: Any) -> Any:
    """Return the loss that an output carries: ``.loss``, ``["loss"]``, or the output itself."""
    if isinstance(output, Mapping):
        return output.get("loss")
    return getattr(output, "loss", output)


def _unguarded(model: Any, loss_fn: Any, batch: Any) -> Any:
    if isinstance(batch, Mapping):
        output, target = _named(model, batch)
    elif isinstance(batch, (list, tuple)):
        inputs = batch if loss_fn is None or len(batch) == 1 else batch[:-1]
        output, target = _called(model, inputs, loss_fn), batch[-1]
    else:
        output, target = model(batch), batch
    return carried(output) if loss_fn is None else loss_fn(output, target)


def _forward(model: Any) -> Any:
    # A compiled or distributed model takes anything and hands it on: the names are those of the model inside.
    for name in ("_orig_mod", "module"):
        inside = getattr(model, name, None)
        if isinstance(inside, torch.nn.Module) and any(
            p.kind is p.VAR_KEYWORD for p in inspect.signature(model.forward).parameters.values()
        ):
            return _forward(inside)
    return getattr(model, "forward", model)


def _called(model: Any, inputs: Any, loss_fn: Any) -> Any:
    try:
        return model(*inputs)
    except TypeError as error:
        if _fits(model, inputs):
            raise
        part = "the whole batch" if loss_fn is None else "all of the batch but its last part"
        raise TaskError(
            f"the model takes other inputs than the {len(inputs)} of a batch: without a step_fn it gets {part}"
            + (", and its output must carry the loss (was loss_fn forgotten?)." if loss_fn is None else ".")
        ) from error


def _fits(model: Any, inputs: Any) -> bool:
    try:
        inspect.signature(_forward(model)).bind(*inputs)
    except TypeError:
        return False
    return True


def _named(model: Any, batch: Mapping[str, Any]) -> tuple[Any, Any]:
    parameters = inspect.signature(_forward(model)).parameters
    anything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    known = {key: value for key, value in batch.items() if anything or key in parameters}
    left = [value for key, value in batch.items() if key not in known]
    if not known and len(batch) == 2 and _takes_tensors(model):
        named = next((key for key in batch if key in _TARGETS), list(batch)[-1])
        return model(*(value for key, value in batch.items() if key != named)), batch[named]
    output = model(**known) if known else model(batch)
    return output, left[0] if known and len(left) == 1 else batch


def _takes_tensors(model: Any) -> bool:
    """Say whether a model's first layer is one of torch's own, none of which takes a dict."""
    while isinstance(model, torch.nn.Sequential) and len(model):
        model = model[0]
    return type(model).__module__.startswith("torch.nn.")


def _hint(loss_fn: Any) -> str:
    if loss_fn is None:
        return "pass loss_fn, or step_fn for a step of your own."
    return "return the loss before .item()."
