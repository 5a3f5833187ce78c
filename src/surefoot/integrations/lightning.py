"""A callback for Lightning: every update watched."""

from __future__ import annotations

import math
from typing import Any, final

import torch

from surefoot.diagnosis.nouns import Severity
from surefoot.errors import MissingExtraError
from surefoot.history.names import Name
from surefoot.integrations.averaging import attach, averaged
from surefoot.integrations.reporting import TOGETHER, listening, stops
from surefoot.live import Watch, grave, watch
from surefoot.live.plan import largest_rate

try:
    from lightning import Callback, LightningModule, Trainer
except ImportError:
    raise MissingExtraError("surefoot.integrations.lightning needs Lightning: pip install lightning.") from None


@final
class WatchCallback(Callback):
    """Watch a Lightning training: ``Trainer(..., callbacks=[WatchCallback(stop_on="error")])``.

    The loss of an update is what ``training_step`` returned for its batches; with several optimizers, or optimisation
    by hand, it must return it. Validation metrics are those that the module logs under a name of validation
    (``val_loss``, ``valid/acc``, ...). The rate is that of the optimizer's largest group as it steps.

    ``stop_on`` ("warning", "error") ends the training at a finding of that severity. Findings go to the logger
    "surefoot" unless ``on_finding`` is given; other options are those of ``sf.watch``. The ``watch`` of the training is
    there from its beginning; step t is the update that made ``global_step`` t + 1. In a distributed run the main
    process watches, and all agree on a stop every 50 updates.

    A Schedule-Free optimizer is attached to the module, so that every checkpoint holds the evaluation weights; these
    are what is validated, and what the module holds when the training ends.
    """

    def __init__(self, *, stop_on: Severity | None = None, **options: Any) -> None:
        grave((), stop_on or "error")
        self.watch: Watch = watch()
        self._stop_on, self._options = stop_on, listening(options)
        self._loss: torch.Tensor | None = None
        self._parts, self._step, self._stop = 0, 0, False
        self._rate: Any = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin a watch that knows the plan."""
        planned = trainer.estimated_stepping_batches
        total = int(planned) if math.isfinite(planned) and planned > 0 else None
        resumes = (float(trainer.global_step),) if trainer.global_step else None
        optimizer = trainer.optimizers[0] if trainer.optimizers else None
        options = self._options if trainer.is_global_zero else {**self._options, "log": None}
        self.watch = watch(**{"optimizer": optimizer, "total": total, "resumes": resumes, **options})
        self._step, self._stop = trainer.global_step, False
        attach(pl_module, trainer.optimizers)

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Read the rate that is about to be applied."""
        self._rate = largest_rate(optimizer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Add the loss of a batch, and take the update if it was applied."""
        loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
        if isinstance(loss, torch.Tensor):
            kept = loss.detach().float().mean()
            self._loss = kept if self._loss is None else self._loss + kept
            self._parts += 1
        if trainer.global_step == self._step:
            return
        self._step = trainer.global_step
        total, parts = self._loss, self._parts
        self._loss, self._parts = None, 0
        if total is not None:
            # Lightning divides the loss of its own optimisation by the batches of an update.
            mean = total if pl_module.automatic_optimization else total / parts
            self._take(trainer, {"step": self._step - 1, "loss": mean, "lr": self._rate})
        self._stopping(trainer)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the evaluation weights in place, where an optimizer has such."""
        for optimizer in averaged(trainer.optimizers):
            optimizer.eval()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the metrics of a validation, and put the training weights back."""
        if trainer.sanity_checking or trainer.state.fn != "fit":
            return
        for optimizer in averaged(trainer.optimizers):
            optimizer.train()
        names = {key: Name.of(key) for key in trainer.callback_metrics}
        values = {name.clean: trainer.callback_metrics[key] for key, name in names.items() if name.domain == "val"}
        if values:
            self._take(trainer, {"step": max(self._step - 1, 0), **values})

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Finish the watch."""
        for optimizer in averaged(trainer.optimizers):
            optimizer.eval()
        self.watch.finish()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Finish the watch of a training that failed."""
        self.watch.finish()

    def _take(self, trainer: Trainer, row: dict[str, Any]) -> None:
        if trainer.is_global_zero:
            self._stop |= stops(self.watch(**row), self._stop_on)

    def _stopping(self, trainer: Trainer) -> None:
        stop = self._stop
        if trainer.world_size > 1 and self._stop_on is not None:
            # A process that stops alone leaves the others waiting for it.
            if self._step % TOGETHER:
                return
            stop = trainer.strategy.reduce_boolean_decision(stop, all=False)
        if stop:
            trainer.should_stop = True
