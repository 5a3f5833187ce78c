"""Choice: which monitors to run, how often, and what each needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.optim import Optimizer

from surefoot.errors import ArgumentError
from surefoot.torch.monitors.taps import attentions
from surefoot.torch.stability import stability_threshold

CHEAP = ("grad_norm", "weight_norm", "update_ratio", "update_rms", "rms_t", "effective_lr", "grad_cosine")
"""What needs nothing besides the model and its optimizer."""
NAMES = (*CHEAP, "noise_scale", "log_z", "attention_logit", "loss_scale", "headroom", "sharpness_ratio")
"""Every monitor: the names of the columns that they fill."""
_LOSS = "loss_fn=, a function that returns the loss on one batch"


@dataclass(frozen=True)
class Choice:
    """The monitors that were chosen: ``names``, sampled every ``every`` updates, the probes every ``probe``."""

    names: frozenset[str]
    every: int
    probe: int
    loss_fn: Callable[[], Any] | None = None
    output: nn.Module | None = None
    attention: dict[str, nn.Module] | None = None

    def __contains__(self, name: str) -> bool:
        return name in self.names

    @property
    def copies(self) -> bool:
        """Whether a sampled step needs the parameters from before it."""
        return bool(self.names & {"update_ratio", "update_rms", "headroom"})


def chosen(
    model: nn.Module,
    optimizer: Optimizer,
    which: Iterable[str],
    *,
    every: int,
    probe: int | None,
    loss_fn: Callable[[], Any] | None,
    logits: str | None,
    scaler: Any,
) -> Choice:
    """Return the Choice; ArgumentError for a name that is none, or one that lacks what it needs."""
    names = (which,) if isinstance(which, str) else tuple(which)
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise ArgumentError(f"which={unknown[0]!r} is no monitor: there are {', '.join(NAMES)}.")
    period = _period(every, "every")
    rare = _period(10 * period if probe is None else probe, "probe_every")
    if rare % period:
        raise ArgumentError(f"probe_every={rare} must be a multiple of every={period}: a probe is part of a sample.")
    for name, given, what in (
        ("headroom", loss_fn, _LOSS),
        ("sharpness_ratio", loss_fn, _LOSS),
        ("loss_scale", scaler, "scaler=, the GradScaler"),
    ):
        if name in names and given is None:
            raise ArgumentError(f"which={name!r} needs {what}.")
    if "sharpness_ratio" in names and (threshold := stability_threshold(optimizer)).value is None:
        raise ArgumentError(f"which='sharpness_ratio' needs an edge, and this optimizer has none: {threshold.why}.")
    known = attentions(model) if "attention_logit" in names else {}
    if "attention_logit" in names and not known:
        raise ArgumentError(
            "which='attention_logit' finds no attention in the model that it understands (torch's MultiheadAttention, "
            "or modules with q_proj and k_proj): leave it out, or call st.max_attention_logit(q, k) in the model."
        )
    return Choice(frozenset(names), period, rare, loss_fn, _module(model, logits, names), known)


def _module(model: nn.Module, name: str | None, names: Iterable[str]) -> nn.Module | None:
    if name is None or "log_z" not in names:
        return None
    try:
        return model.get_submodule(name)
    except AttributeError:
        raise ArgumentError(f"logits={name!r} is no module of the model: name the one that returns logits.") from None


def _period(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ArgumentError(f"{name}={value!r} must be an int >= 1: sample one update in so many.")
    return value
