"""Taps: forward hooks that see logits and attention in the steps that are sampled, and are gone in all others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from surefoot.torch.monitors.logits import log_z, max_attention_logit

Handle = torch.utils.hooks.RemovableHandle
_PAIRS = (("q_proj", "k_proj"), ("query", "key"), ("q_lin", "k_lin"), ("to_q", "to_k"), ("wq", "wk"))
_HEADS = ("num_heads", "num_attention_heads", "n_heads", "heads", "n_head")
_NORMED = ("q_norm", "k_norm", "q_layernorm", "query_norm", "norm_q")


class Taps:
    """Hooks on the module that gives logits, and on every attention module that is understood.

    ``z`` collects the mean log Z of each forward with gradients, ``attention`` the largest logit by module. Forwards
    while ``live()`` is false are those of a trial or a probe, not of the run.
    """

    def __init__(
        self, output: nn.Module | None, attentions: dict[str, nn.Module], live: Callable[[], bool] = lambda: True
    ) -> None:
        self._output, self._attentions, self._live = output, attentions, live
        self._handles: list[Handle] = []
        self.z: list[torch.Tensor] = []
        self.attention: dict[str, torch.Tensor] = {}

    def open(self) -> None:
        """Begin a sampled step."""
        self.z, self.attention = [], {}
        if self._output is not None:
            self._handles.append(self._output.register_forward_hook(self._saw_output))
        for name, module in self._attentions.items():
            self._handles += _tapped(module, lambda q, k, scale, name=name: self._saw(name, q, k, scale))

    def close(self) -> None:
        """End it."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _saw_output(self, module: nn.Module, args: Any, output: Any) -> None:  # noqa: ARG002  torch's signature
        logits = getattr(output, "logits", output)
        if torch.is_grad_enabled() and isinstance(logits, torch.Tensor) and self._live():
            self.z.append(log_z(logits))

    def _saw(self, name: str, q: torch.Tensor, k: torch.Tensor, scale: float | None) -> None:
        if not self._live():
            return
        with torch.no_grad():
            largest = max_attention_logit(q, k, scale)
        before = self.attention.get(name)
        self.attention[name] = largest if before is None else torch.maximum(before, largest)


def attentions(model: nn.Module) -> dict[str, nn.Module]:
    """Return the attention modules that are understood, by name.

    ``nn.MultiheadAttention``, and modules with two linear children such as ``q_proj`` and ``k_proj`` (or ``query`` and
    ``key``) that say their number of heads or ``head_dim``: Llama, Mistral, OPT, BERT, ViT and their kin. The logits
    are those before rotary embeddings, masks and soft caps. Not understood: one fused projection (GPT-2), q and k
    normalised after their projection (Qwen3), relative positions (T5), and what runs inside a compiled graph.
    """
    return {name: module for name, module in model.named_modules() if _understood(module)}


def _understood(module: nn.Module) -> bool:
    if isinstance(module, nn.MultiheadAttention):
        return True
    normed = any(hasattr(module, name) for name in _NORMED)
    return not normed and _children(module) is not None and _width(module) is not None


def _children(module: nn.Module) -> tuple[nn.Module, nn.Module] | None:
    for names in _PAIRS:
        q, k = (getattr(module, name, None) for name in names)
        if isinstance(q, nn.Module) and isinstance(k, nn.Module):
            return q, k
    return None


def _width(module: nn.Module) -> int | None:
    """Return the width of one head."""
    for name in ("head_dim", "attention_head_size"):
        if isinstance(getattr(module, name, None), int):
            return int(getattr(module, name))
    for holder in (module, getattr(module, "config", None)):
        for count in (getattr(holder, name, None) for name in _HEADS):
            children = _children(module)
            out = getattr(children[0], "out_features", None) if children else None
            if isinstance(count, int) and isinstance(out, int) and out % count == 0:
                return out // count
    return None


def _tapped(module: nn.Module, saw: Callable[..., None]) -> Iterator[Handle]:
    if isinstance(module, nn.MultiheadAttention):
        yield module.register_forward_pre_hook(
            lambda m, args, kwargs: _multihead(m, args, kwargs, saw), with_kwargs=True
        )
        return
    children, width = _children(module), _width(module)
    seen: list[torch.Tensor] = []
    scale = getattr(module, "scaling", None)

    def query(_: nn.Module, __: Any, output: torch.Tensor) -> None:
        seen[:] = [output] if torch.is_grad_enabled() else []

    def key(_: nn.Module, __: Any, output: torch.Tensor) -> None:
        if seen:
            saw(_heads(seen.pop(), width), _heads(output, width), scale if isinstance(scale, float) else None)

    if children is not None:
        yield children[0].register_forward_hook(query)
        yield children[1].register_forward_hook(key)


def _multihead(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], saw: Callable[..., None]) -> None:
    query, key = (args[n] if len(args) > n else kwargs[name] for n, name in enumerate(("query", "key")))
    if not torch.is_grad_enabled() or query.is_nested or key.is_nested:
        return
    dim = module.embed_dim
    weights = module.in_proj_weight, module.q_proj_weight, module.k_proj_weight
    w, v = (weights[0][:dim], weights[0][dim : 2 * dim]) if weights[0] is not None else weights[1:]
    bias = module.in_proj_bias
    b, c = (None, None) if bias is None else (bias[:dim], bias[dim : 2 * dim])
    with torch.no_grad():
        q, k = nn.functional.linear(query, w, b), nn.functional.linear(key, v, c)
        if not module.batch_first and q.ndim == 3:
            q, k = q.transpose(0, 1), k.transpose(0, 1)
        saw(_heads(q, module.head_dim), _heads(k, module.head_dim), None)


def _heads(x: torch.Tensor, width: int | None) -> torch.Tensor:
    """Return [..., positions, heads * width] as [..., heads, positions, width]."""
    parts: torch.Tensor = x.detach().unflatten(-1, (-1, width or x.shape[-1]))
    return parts.transpose(-2, -3)
