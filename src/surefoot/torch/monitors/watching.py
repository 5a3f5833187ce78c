"""Monitors: numbers beside the loss, measured in one update of so many, by hooks that leave the run as it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

import torch
from torch import nn
from torch.optim import Optimizer

from surefoot.live.tuned import own
from surefoot.torch.curvature.measuring import Method, measured
from surefoot.torch.hooks import attached, innermost, outside_graphs
from surefoot.torch.monitors import measures
from surefoot.torch.monitors.choice import CHEAP, chosen
from surefoot.torch.monitors.logits import log_z
from surefoot.torch.monitors.noise import MicroBatches, NoiseScale
from surefoot.torch.monitors.sample import Columns, Layer, Sample, taken
from surefoot.torch.monitors.taps import Taps
from surefoot.torch.probing import along, copied, parameters_of

_QUICK = Method(products=8, tolerance=0.1)


class Monitors:
    """Measure ``which`` of a run every ``every`` updates, the first one included; the run stays bit-identical.

    It hooks into ``optimizer.step()``; an update that is not sampled costs two comparisons of whole numbers. Columns:

    - ``grad_norm``, ``weight_norm``: norms over all parameters, after clipping; ``give(grad_norm=)`` says another one.
    - ``update_ratio``: |dW| / |W|, the median over matrices; ``update_rms``: RMS of the whole update.
    - ``rms_t``: the largest RMS_t (``rms_t``); ``effective_lr``: the median rate over P (``effective_rates``). Both
      for optimizers with second moments only; those of ``st.optim`` say their own ``effective_lr``, and their ``d``.
    - ``grad_cosine``: between this gradient and the one of the update before.
    - ``noise_scale``: B_simple in examples; call ``micro_batch(examples)`` after each backward.
    - ``log_z``: of the module named ``logits``, or of ``give(logits=)``; ``attention_logit``: the largest one.
    - ``loss_scale``: of ``scaler``.
    - ``headroom``: of this update, on ``loss_fn()``, every ``probe_every`` (10 ``every``) updates; about 6 forwards,
      whose losses are read at once.
    - ``sharpness_ratio``: of ``st.sharpness`` on ``loss_fn()``, as often, from the direction of last time; 7 to 21
      gradients, and up to 16 vectors of the size of the weights.

    ``read()`` gives what is new as floats; nothing else waits for a device. Measuring needs one copy of the weights
    (a headroom four). Works as a context, and ends with ``close()``. Raises ArgumentError for a name that is no
    monitor, one that lacks what it needs, or a period that is no whole number >= 1.

    >>> layer = nn.Linear(1, 1, bias=False)
    >>> _ = nn.init.constant_(layer.weight, 2.0)
    >>> sgd = torch.optim.SGD(layer.parameters(), lr=0.1)
    >>> with Monitors(layer, sgd, which=("update_ratio", "grad_norm")) as monitors:
    ...     layer.weight.grad = torch.ones(1, 1)
    ...     sgd.step()
    ...     {name: round(value, 3) for name, value in monitors.read().items()}
    {'grad_norm': 1.0, 'update_ratio': 0.05}
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Any,
        *,
        every: int = 100,
        which: Iterable[str] = CHEAP,
        probe_every: int | None = None,
        loss_fn: Callable[[], Any] | None = None,
        logits: str | None = None,
        scaler: Any = None,
    ) -> None:
        inner, needs = innermost(optimizer), {"loss_fn": loss_fn, "logits": logits, "scaler": scaler}
        choice = chosen(model, inner, which, every=every, probe=probe_every, **needs)
        self._model, self._choice, self._scaler = model, choice, scaler
        self._step = self._due = self._early = 0
        self._sample, self._unread = Sample(), False
        self._given: Columns = {}
        self._before: list[torch.Tensor] = []
        self._previous: dict[torch.Tensor, torch.Tensor] = {}
        self._noise, self._micro = NoiseScale(), MicroBatches()
        self._headroom: float | None = None
        self._ridge: torch.Tensor | None = None
        self._armed = False
        # A search over these objects silences the hooks of the optimizer while its trials run.
        self._taps = Taps(choice.output, choice.attention or {}, lambda: attached(inner, Monitors) is not None)
        self._optimizer = inner
        self._handles = (
            inner.register_step_pre_hook(outside_graphs(self._pre)),
            inner.register_step_post_hook(outside_graphs(self._post)),
        )
        self._taps.open()

    def give(self, *, grad_norm: Any = None, logits: torch.Tensor | None = None) -> None:
        """Say what the loop has anyway: the norm that ``clip_grad_norm_`` returned, the output's logits."""
        if self._step < self._due:
            return
        if grad_norm is not None and "grad_norm" in self._choice:
            self._given["grad_norm"] = torch.as_tensor(grad_norm).detach()
        if logits is not None and "log_z" in self._choice:
            self._given["log_z"] = log_z(logits)

    def micro_batch(self, examples: float) -> None:
        """Say that the backward of one of several micro-batches, of ``examples`` examples, is done."""
        if self._step < self._due or "noise_scale" not in self._choice:
            return
        self._micro.add(_trained(self._optimizer), examples)

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return what was measured since the last call as tensors that are not read, for who reads them later."""
        columns = self._sample.columns if self._unread else {}
        self._unread = False
        return {name: value for name, value in columns.items() if name != "skipped"}

    def read(self) -> dict[str, float]:
        """Return what was measured since the last call as floats; empty after an update that was not sampled."""
        if not self._unread:
            return {}
        self._unread = False
        return self._sample.numbers()

    def layers(self) -> tuple[Layer, ...]:
        """Return the last sample by parameter and attention module, in the model's order."""
        return self._sample.table()

    @property
    def step(self) -> int:
        """The update that was sampled last, -1 before any."""
        return self._sample.step

    def close(self) -> None:
        """Take the hooks off; what was measured can still be read."""
        for handle in self._handles:
            handle.remove()
        self._taps.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _pre(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:  # noqa: ARG002  torch's signature
        if self._step >= self._due:
            self._before = copied(_trained(optimizer)) if self._choice.copies else []
        self._armed = True

    def _post(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:  # noqa: ARG002  torch's signature
        # A step that calls its parent's runs the hooks twice: the inner one closes.
        if not self._armed:
            return
        self._armed = False
        step = self._step
        self._step = step + 1
        if step >= self._early:
            self._near(optimizer, step)

    def _near(self, optimizer: Optimizer, step: int) -> None:
        with torch.no_grad():
            if step == self._due:
                self._taps.close()
                self._sample, self._unread = self._measured(optimizer, step), True
                self._given, self._before, self._micro = {}, [], MicroBatches()
                self._due = step + self._choice.every
                self._early = self._due - 1
            if step == self._early:
                if "grad_cosine" in self._choice:
                    self._previous = {p: g.clone() for p, g in _dense(optimizer)}
                self._taps.open()

    def _measured(self, optimizer: Optimizer, step: int) -> Sample:
        parameters, choice = _trained(optimizer), self._choice
        columns, rows = taken(choice, optimizer, parameters, self._before)
        columns |= self._alone(optimizer)
        if "effective_lr" in choice:
            columns |= {name: torch.tensor(value) for name, value in own(optimizer)().items()}
        if "headroom" in choice and step % choice.probe == 0 and choice.loss_fn is not None:
            self._headroom = along(self._model, parameters, self._before, choice.loss_fn, start=self._headroom)
            columns["headroom"] = torch.tensor(self._headroom)
        if "sharpness_ratio" in choice and step % choice.probe == 0:
            columns["sharpness_ratio"] = self._curved(optimizer)
        names: dict[torch.Tensor, str] = {p: name for name, p in self._model.named_parameters()}
        layers = {names.get(p, f"parameter {k}"): row for k, (p, row) in enumerate(rows.items()) if row}
        layers |= {name: {"attention_logit": value} for name, value in self._taps.attention.items()}
        return Sample(step, columns, layers)

    def _curved(self, optimizer: Optimizer) -> torch.Tensor:
        """Return how sharp the loss is beside what the optimizer bears."""
        found = measured(self._model, optimizer, self._choice.loss_fn, None, method=_QUICK, start=self._ridge)
        self._ridge, ratio = found.direction, found.sharpness.ratio
        return torch.tensor(math.nan if ratio is None else ratio)

    def _alone(self, optimizer: Optimizer) -> Columns:
        """Return the columns that have no rows by parameter."""
        columns: Columns = {}
        previous, self._previous = self._previous, {}
        pairs = [(g, previous[p]) for p, g in _dense(optimizer) if p in previous]
        if pairs:
            columns["grad_cosine"] = measures.cosine(*zip(*pairs, strict=True))
        if self._micro.count > 1:
            self._noise = self._micro.told(self._noise)
            columns["noise_scale"] = self._noise.value
        if self._taps.z:
            columns["log_z"] = measures.gathered(self._taps.z).mean()
        if self._taps.attention:
            columns["attention_logit"] = measures.gathered(list(self._taps.attention.values())).amax()
        if "loss_scale" in self._choice:
            # get_scale() waits for the device.
            scale = getattr(self._scaler, "_scale", None)
            columns["loss_scale"] = torch.tensor(self._scaler.get_scale()) if scale is None else scale.clone()
        found = optimizer.__dict__.get("found_inf")
        if isinstance(found, torch.Tensor):
            columns["skipped"] = found.clone().reshape(())
        return columns | self._given


def _trained(optimizer: Optimizer) -> list[torch.Tensor]:
    return [p for p in parameters_of(optimizer) if p.requires_grad]


def _dense(optimizer: Optimizer) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [(p, p.grad.detach()) for p in _trained(optimizer) if p.grad is not None and not p.grad.is_sparse]
