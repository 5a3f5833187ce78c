"""Hooks: how a scheduler sits on an optimizer, and stays out of compiled code."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any, TypeVar

import torch
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from surefoot.errors import ArgumentError

StepHook = Callable[[Optimizer, tuple[Any, ...], dict[str, Any]], None]
Hook = TypeVar("Hook", bound=Callable[..., Any])
LoadHook = Callable[[Optimizer], None]
T = TypeVar("T")


def innermost(optimizer: Any) -> Optimizer:
    """Return the optimizer that applies the update, out of wrappers that keep it as ``.optimizer``.

    One that changes what the optimizer within it does, as those of st.optim, applies the update itself.
    """
    inner = optimizer
    while isinstance(getattr(inner, "optimizer", None), Optimizer) and not getattr(inner, "applies", False):
        inner = inner.optimizer
    if not isinstance(inner, Optimizer):
        raise ArgumentError(f"optimizer={type(optimizer).__name__} is no torch.optim.Optimizer and holds none.")
    return inner


def attach(optimizer: Optimizer, before: StepHook, after: StepHook, loaded: LoadHook) -> tuple[RemovableHandle, ...]:
    """Register the three hooks on ``optimizer`` and return their handles."""
    return (
        optimizer.register_step_pre_hook(outside_graphs(before)),
        optimizer.register_step_post_hook(outside_graphs(after)),
        optimizer.register_load_state_dict_post_hook(loaded),
    )


def detach(handles: tuple[RemovableHandle, ...]) -> None:
    """Take the hooks behind ``handles`` off their optimizer."""
    for handle in handles:
        handle.remove()


def attached(optimizer: Optimizer, kind: type[T]) -> T | None:
    """Return the object of type ``kind`` whose hook sits on ``optimizer``, None where there is none."""
    for hook in optimizer._optimizer_step_pre_hooks.values():  # noqa: SLF001  torch has no public list of its hooks
        owner = getattr(hook, "__self__", None) or getattr(hook, "owner", None)
        if isinstance(owner, kind):
            return owner
    return None


def is_attached(optimizer: Optimizer, handles: tuple[RemovableHandle, ...]) -> bool:
    """Return whether the hooks behind ``handles`` are still registered on ``optimizer``."""
    return bool(handles) and handles[0].id in optimizer._optimizer_step_pre_hooks  # noqa: SLF001  as above


def outside_graphs(hook: Hook) -> Hook:
    """Keep ``hook`` out of torch.compile, at no cost in eager mode.

    ``torch.compiler.disable`` does it too, for 0.7 us a call: as much as the hook itself. Marking the code object
    is what it comes down to; the public way is the fallback where a torch lacks the private one.
    """
    function = hook.__func__ if isinstance(hook, MethodType) else hook
    try:
        from torch._C._dynamo.eval_frame import (  # noqa: PLC0415  may lack
            _FrameAction,
            _FrameExecStrategy,
            set_code_exec_strategy,
        )
    except ImportError:
        return _disabled(hook)
    if not isinstance(function, FunctionType):
        return _disabled(hook)
    function._torchdynamo_disable = True  # type: ignore[attr-defined]  # noqa: SLF001  dynamo's own mark
    set_code_exec_strategy(function.__code__, _FrameExecStrategy(_FrameAction.SKIP, _FrameAction.SKIP))
    return hook


def _disabled(hook: Hook) -> Hook:
    disable: Any = torch.compiler.disable
    wrapped = disable(hook)
    wrapped.owner = getattr(hook, "__self__", None)
    # Older dynamo compiles what this names in place of the bound method around it, which loses its optimizer.
    wrapped.__dict__.pop("_torchdynamo_orig_callable", None)
    result: Hook = wrapped
    return result
