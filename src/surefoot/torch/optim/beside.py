"""Beside: methods that keep an average of the weights beside them, and the promise that the right ones are saved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from surefoot.errors import ArgumentError
from surefoot.torch.optim.base import Method
from surefoot.torch.optim.evaluation_hooks import Lent, hooked, sharded, unhooked
from surefoot.torch.optim.sharding import local

AVERAGE, TRAINED = "average", "trained"


class Beside(Method):
    """A method whose state holds under "average" the weights to evaluate and to save; abstract.

    ``train()`` and ``eval()`` put the training weights or the average into the parameters, as often as you like, and
    ``step()`` in eval mode goes back by itself. ``attach(model)`` makes ``model.state_dict()`` hold the average from
    then on. A checkpoint of the optimizer holds the training weights, and a run goes on with them whatever was loaded
    into the model: no pair of files resumes from the wrong weights.
    """

    def __init__(self, params: Any, defaults: dict[str, Any], *, backend: str, skip_nonfinite: bool) -> None:
        self._attached = False
        self._kept: dict[Tensor, Tensor] = {}
        self._lent = Lent()
        super().__init__(params, {**defaults, "train_mode": True}, backend=backend, skip_nonfinite=skip_nonfinite)

    def __getstate__(self) -> dict[str, Any]:
        # A copy of an attached model holds the average: the copy of its optimizer brings the training weights.
        kept = {p: self._training_weights(p) for p in self._averaged()} if self._attached else {}
        return {**super().__getstate__(), "_attached": False, "_kept": kept or dict(self._kept)}

    @property
    def training(self) -> bool:
        """Whether the parameters hold the training weights."""
        return bool(self.param_groups[0]["train_mode"])

    def train(self) -> None:
        """Put the training weights into the parameters; nothing where they are there already."""
        self._repaired()
        if not self.training:
            with _plainly():
                for p in self._averaged():
                    if TRAINED in self.state[p]:
                        _put(p, self.state[p].pop(TRAINED))
            self._mode(train=True)

    def eval(self) -> None:
        """Put the average into the parameters and keep the training weights aside; nothing where it is there."""
        self._repaired()
        if self.training:
            with _plainly():
                for p in self._averaged():
                    self.state[p][TRAINED] = p.detach().clone()
                    _put(p, self.state[p][AVERAGE])
            self._mode(train=False)

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Hold the average in the parameters for a while: ``with optimizer.evaluating(): ...``."""
        before = self.training
        self.eval()
        try:
            yield
        finally:
            (self.train if before else self.eval)()

    def evaluation_state_dict(self, model: torch.nn.Module) -> dict[str, Any]:
        """Return ``model.state_dict()`` with the average in it, as copies; the live weights are left alone."""
        state: dict[str, Any] = model.state_dict()
        for name, p in model.named_parameters(remove_duplicate=False):
            if name in state:
                state[name] = self.evaluation_weights_of(p)
        return state

    def evaluation_weights_of(self, parameter: Tensor) -> Tensor:
        """Return a copy of the average of one parameter; the parameter itself where there is none."""
        average = self.state.get(parameter, {}).get(AVERAGE)
        if average is None:
            return parameter.detach()
        # A compiled pass writes where torch does not count it: the number of updates tells.
        key = (id(parameter), id(average), sum(group["k"] for group in self.param_groups))
        return self._lent.copy(key, lambda: average.to(parameter.dtype, copy=True))

    def attach(self, model: torch.nn.Module) -> None:
        """Make ``model.state_dict()`` hold the average from now on; ArgumentError for what is no model of this one.

        A model sharded by FSDP2 keeps whole weights after a forward pass: only an attached one is told of a change.
        """
        if not isinstance(model, torch.nn.Module):
            raise ArgumentError(f"model={model!r:.80} is no torch.nn.Module: pass the model itself.")
        mine = set(self._parameters())
        if mine.isdisjoint(model.parameters()):
            raise ArgumentError(
                f"model={type(model).__name__} holds no parameter of this optimizer: pass the model it was built from."
            )
        hooked(model, self)
        self._lent.sharded.update(sharded(model))
        self._attached = True

    def detach(self, model: torch.nn.Module) -> None:
        """Undo ``attach``."""
        unhooked(model, self)
        self._attached = False

    def state_dict(self) -> dict[str, Any]:
        """Return the state as torch does, the training weights in it."""
        saved: dict[str, Any] = super().state_dict()
        for group, said in zip(self.param_groups, saved["param_groups"], strict=True):
            for number, p in zip(said["params"], group["params"], strict=True):
                if AVERAGE in saved["state"].get(number, {}):
                    saved["state"][number] = {**saved["state"][number], TRAINED: self._training_weights(p)}
        return saved

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a state, and put the training weights it holds into the parameters."""
        super().load_state_dict(state_dict)
        self._kept = {p: self.state[p].pop(TRAINED) for p in self._averaged() if TRAINED in self.state[p]}
        if not self.training:
            self._mode(train=True)
        for p, trained in self._kept.items():
            _put(p, trained)

    def _prepare(self) -> None:
        self.train()

    def _mode(self, *, train: bool) -> None:
        for group in self.param_groups:
            group["train_mode"] = train
        self._lent.reshard()

    def _averaged(self) -> list[Tensor]:
        return [p for p in self._parameters() if AVERAGE in self.state.get(p, {})]

    def _training_weights(self, p: Tensor) -> Tensor:
        if p in self._kept:
            return self._kept[p]
        trained: Tensor = self.state[p].get(TRAINED, p.detach())
        return trained

    def _heard(self, _parameters: list[Tensor]) -> None:
        """Take note of parameters of an attached model that were loaded: nothing to do, see ``_repaired``."""

    def _repaired(self) -> None:
        """Put loaded training weights in once more: the model may have been loaded after the optimizer."""
        for p, trained in self._kept.items():
            _put(p, trained)
        self._kept = {}


@contextmanager
def _plainly() -> Iterator[None]:
    # A copy that is made in inference mode could not be used outside of it.
    with torch.inference_mode(mode=False), torch.no_grad():
        yield


def _put(parameter: Tensor, value: Tensor) -> None:
    with torch.no_grad():
        local(parameter).copy_(local(value))
