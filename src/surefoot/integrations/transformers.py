"""A callback for transformers' Trainer: every update watched, before the Trainer's own log filters it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, final

import torch

from surefoot.diagnosis.nouns import Severity
from surefoot.errors import MissingExtraError
from surefoot.integrations.averaging import attach, averaged, check_plan
from surefoot.integrations.reporting import TOGETHER, listening, stops
from surefoot.live import Watch, grave, watch
from surefoot.live.plan import largest_rate

try:
    from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
except ImportError:
    raise MissingExtraError(
        "surefoot.integrations.transformers needs transformers: pip install transformers."
    ) from None

_PREFIX, _LEFT_OUT = "eval_", ("runtime", "per_second", "model_preparation_time")


@final
class WatchCallback(TrainerCallback):
    """Watch a Trainer: ``Trainer(..., callbacks=[WatchCallback(stop_on="error")])``.

    The loss of every update is taken from the model's own output (``loss``, as a forward hook sees it), because the
    Trainer tells callbacks only what it logs, and logs 0.0 or a mean in the place of a NaN. Where the model gives no
    loss (label smoothing, a loss of your own), what is logged is watched; ``loss_func`` wraps a ``compute_loss_func``
    so that its loss is seen as well. The rate is read from the optimizer, the gradient norm from the log.

    ``stop_on`` ("warning", "error") ends the training at a finding of that severity. Findings go to the logger
    "surefoot" unless ``on_finding`` is given; other options are those of ``sf.watch``. The ``watch`` of the training
    is there from its beginning; step t is the Trainer's ``global_step`` t + 1. In a distributed run the main process
    watches, and all agree on a stop every 50 updates.

    A Schedule-Free optimizer is attached to the model, so that every checkpoint holds the evaluation weights, which the
    model holds too when the training ends. ArgumentError where the Trainer's defaults plan for it what defeats it: a
    decay to 0, or a warmup in fractions.
    """

    def __init__(self, *, stop_on: Severity | None = None, **options: Any) -> None:
        grave((), stop_on or "error")
        self.watch: Watch = watch()
        self._stop_on, self._options = stop_on, listening(options)
        self._loss: torch.Tensor | None = None
        self._parts, self._scaled, self._stop = 0, False, False
        self._row: dict[str, Any] = {}
        self._rate: Any = None
        self._hook: Any = None

    def loss_func(self, function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        """Return a ``compute_loss_func`` whose loss is watched: ``compute_loss_func=callback.loss_func(function)``."""

        def watched(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> torch.Tensor:
            loss = function(outputs, labels, num_items_in_batch=num_items_in_batch)
            if torch.is_grad_enabled():
                self._hear(loss, scaled=True)
            return loss

        return watched

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Begin a watch that knows the plan."""
        model, optimizer = kwargs.get("model"), kwargs.get("optimizer")
        if optimizer is not None:
            check_plan(optimizer, kwargs.get("lr_scheduler"), state.max_steps)
            if model is not None:
                attach(model, [optimizer])
        facts: dict[str, Any] = {"total": state.max_steps if state.max_steps > 0 else None}
        facts["batch"] = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
        facts["peak"] = args.learning_rate
        facts["resumes"] = (float(state.global_step),) if state.global_step else None
        options = self._options if state.is_world_process_zero else {**self._options, "log": None}
        self.watch = watch(**{"optimizer": optimizer, **facts, **options})
        self._stop, self._row = False, {}
        if model is not None and state.is_world_process_zero:
            self._hook = model.register_forward_hook(self._forward, with_kwargs=True)

    def on_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Read the rate that was applied, before the scheduler moves it."""
        if kwargs.get("optimizer") is not None:
            self._rate = largest_rate(kwargs["optimizer"])

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Take the update; one that is about to be logged waits for its gradient norm."""
        loss, parts = self._loss, self._parts
        self._loss, self._parts = None, 0
        self._row = {"step": state.global_step - 1, "lr": self._rate}
        if loss is not None:
            self._row["loss"] = loss if self._scaled else loss / parts
        if not control.should_log:
            self._take(state)
        self._stopping(args, state, control)

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Add the gradient norm to the update that is logged, and its loss where the model said none."""
        logs: Mapping[str, Any] = kwargs.get("logs") or {}
        if self._row and "loss" in logs:
            self._row.setdefault("loss", logs["loss"])
            self._row["grad_norm"] = logs.get("grad_norm")
            self._take(state)
        self._stopping(args, state, control)

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Take an evaluation: ``eval_loss`` is the validation loss, ``eval_x`` becomes ``val_x``."""
        metrics: Mapping[str, Any] = kwargs.get("metrics") or {}
        named = {
            f"val_{name.removeprefix(_PREFIX)}": value for name, value in metrics.items() if _is_metric(name, value)
        }
        if named:
            self._row = {"step": max(state.global_step - 1, 0), **named}
            self._take(state)
        self._stopping(args, state, control)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Finish the watch."""
        for optimizer in averaged([kwargs.get("optimizer")]):
            optimizer.eval()
        if self._row:
            self._take(state)
        if self._hook is not None:
            self._hook.remove()
            self._hook = None
        self.watch.finish()

    def _take(self, state: TrainerState) -> None:
        row, self._row = self._row, {}
        if state.is_world_process_zero and any(name == "loss" or name.startswith("val") for name in row):
            self._stop |= stops(self.watch(**row), self._stop_on)

    def _stopping(self, args: TrainingArguments, state: TrainerState, control: TrainerControl) -> None:
        stop = self._stop
        if args.world_size > 1 and self._stop_on is not None:
            # A process that stops alone leaves the others waiting for it.
            if state.global_step % TOGETHER or control.should_log:
                return
            agreed = torch.tensor(float(stop), device=args.device)
            torch.distributed.all_reduce(agreed, torch.distributed.ReduceOp.MAX)
            stop = bool(agreed.item())
        if stop:
            control.should_training_stop = True

    def _forward(self, model: torch.nn.Module, _args: Any, kwargs: Mapping[str, Any], output: Any) -> None:
        if not model.training:
            return
        loss = output.get("loss") if isinstance(output, Mapping) else output[0] if isinstance(output, tuple) else None
        if isinstance(loss, torch.Tensor) and loss.requires_grad:
            self._hear(loss, scaled=kwargs.get("num_items_in_batch") is not None)

    def _hear(self, loss: torch.Tensor, *, scaled: bool) -> None:
        # A mean is a new tensor: one that a captured graph overwrites is not kept.
        kept = loss.detach().float().mean()
        self._loss = kept if self._loss is None else self._loss + kept
        self._parts, self._scaled = self._parts + 1, scaled


def _is_metric(name: str, value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and name.startswith(_PREFIX) and not name.endswith(_LEFT_OUT)
