"""Averaged: what Schedule-Free methods share: two sets of weights, and the promise that the right ones are saved."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor

from surefoot.errors import ArgumentError, WeightsError
from surefoot.torch.optim import evaluation_saving as saving
from surefoot.torch.optim.averaging_points import beta, remixed, share, x_of, y_of
from surefoot.torch.optim.base import Group, Method, Work
from surefoot.torch.optim.evaluation_hooks import Lent, hooked, sharded, unhooked
from surefoot.torch.optim.sharding import local

MISMATCH = (
    "the parameters hold the {} weights, but this optimizer's state was saved beside the {} weights: load the model "
    "that was saved with it; or go on from here with optimizer.declare({!r}), now that its state is loaded."
)
_NAMES = {"x": "evaluation", "y": "training"}


class Averaged(Method):
    """A method with two sets of weights; abstract.

    y, the training weights, is where gradients are taken; x, the evaluation weights, is what to evaluate and to save.
    ``train()`` and ``eval()`` put one or the other into the parameters, as often as you like: in eval mode y is kept
    aside (4 bytes more for a float32 parameter), so that train() brings it back bit for bit, and evaluating never
    changes a run. ``step()`` in eval mode goes back to train mode by itself: a forgotten train() costs one gradient
    that was taken at x, and nothing at all where the step is given a closure.

    What is saved: ``attach(model)`` makes ``model.state_dict()`` hold x from then on, whatever the mode.
    Without it the checkpoint says which weights lie beside it, and going on with the others raises WeightsError.

    A method says how z steps (``_advance``); a parameter's state holds z as ``"z"`` from ``_begin`` on.
    """

    def __init__(self, params: Any, defaults: dict[str, Any], *, backend: str, skip_nonfinite: bool) -> None:
        self._attached = False
        self._loaded: saving.Loaded | None = None
        self._arrived: list[Tensor] = []
        self._lent = Lent()
        own = {"k": 0, "weight_sum": 0.0, "lr_max": -1.0, "train_mode": True, "mixed": None}
        super().__init__(params, {**defaults, **own}, backend=backend, skip_nonfinite=skip_nonfinite)

    def __getstate__(self) -> dict[str, Any]:
        # Hooks stay with the original, and a copy of an attached model holds x: this one holds what it needs for y.
        return {**super().__getstate__(), **saving.copied(self), "_attached": False, "_loaded": None}

    @property
    def effective_lr(self) -> float:
        """The rate of y in the next update, a (1 - b1 (1 - c)), of the group where it is largest."""
        return max(map(self._y_rate, self.param_groups))

    @property
    def training(self) -> bool:
        """Whether the parameters hold y, the training weights."""
        return bool(self.param_groups[0]["train_mode"])

    def train(self) -> None:
        """Put the training weights y into the parameters; nothing where they are there already."""
        self._settle()
        for group in self._turned(train=True):
            for p in self._moved(group):
                y = self.state[p].pop("y", None)
                self._put(p, self._y(group, p) if y is None else y)

    def eval(self) -> None:
        """Put the evaluation weights x into the parameters and keep y aside; nothing where they are there already."""
        self._settle()
        for group in self._turned(train=False):
            for p in self._moved(group):
                self.state[p]["y"] = p.detach().clone()
                self._put(p, self._x(group, p))

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Hold the evaluation weights in the parameters for a while: ``with optimizer.evaluating(): ...``."""
        before = self.training
        self.eval()
        try:
            yield
        finally:
            (self.train if before else self.eval)()

    def evaluation_state_dict(self, model: torch.nn.Module) -> dict[str, Any]:
        """Return ``model.state_dict()`` with the evaluation weights in it, as copies; the live ones are left alone."""
        self._settle()
        state: dict[str, Any] = model.state_dict()
        for name, p in model.named_parameters(remove_duplicate=False):
            if name in state and "z" in self.state.get(p, {}):
                state[name] = self.evaluation_weights_of(p)
        return state

    def evaluation_weights_of(self, parameter: Tensor) -> Tensor:
        """Return a copy of x for one parameter; the parameter itself where no update has moved it."""
        self._settle()
        group = self._group_of(parameter)
        if group is None or "z" not in self.state.get(parameter, {}):
            return parameter.detach()
        key = (id(parameter), parameter._version, group["k"], group["train_mode"])  # noqa: SLF001  torch's count of writes
        return self._lent.copy(key, lambda: self._x(group, parameter) if group["train_mode"] else parameter.clone())

    def attach(self, model: torch.nn.Module) -> None:
        """Make ``model.state_dict()`` hold the evaluation weights from now on, and the optimizer's what y needs.

        Every way to save then saves x: torch.save, a framework's checkpoint, save_pretrained, a copy of the model. The
        tensors of such a state_dict are copies. Loading both goes on bit for bit, in either order. Attach before the
        training or after the loading; a module that is added to the model later needs another call. A model sharded
        by FSDP2 keeps whole weights after a forward pass: only an attached one is told when they change.
        Raises ArgumentError for what is no model of this optimizer.
        """
        if not isinstance(model, torch.nn.Module):
            raise ArgumentError(f"model={model!r:.80} is no torch.nn.Module: pass the model itself.")
        if not any(self._group_of(p) is not None for p in model.parameters()):
            raise ArgumentError(
                f"model={type(model).__name__} holds no parameter of this optimizer: pass the model it was built from."
            )
        hooked(model, self)
        self._lent.sharded.update(sharded(model))
        self._attached = True
        if self._loaded is not None:
            self._loaded.again()

    def detach(self, model: torch.nn.Module) -> None:
        """Undo ``attach``."""
        unhooked(model, self)
        self._attached = False

    def declare(self, holds: Literal["x", "y"]) -> None:
        """Say what the parameters hold where other weights were put into them: x (y follows from x and z), or y."""
        if holds not in _NAMES:
            raise ArgumentError(f"holds={holds!r}: say 'x' for the evaluation weights or 'y' for the training weights.")
        self._loaded, self._arrived = None, []
        for group in self.param_groups:
            for p in self._moved(group):
                self.state[p].pop("y", None)
                if holds == "x":
                    self.state[p]["y"] = self._y(group, p)
            group["train_mode"] = holds == "y"

    def state_dict(self) -> dict[str, Any]:
        """Return the state as torch does, with what it takes to load it beside the weights that the model saves."""
        self._settle()
        return saving.packed(self, super().state_dict(), attached=self._attached)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a state, and what it says of the parameters; WeightsError where they hold the other weights.

        The state is loaded even then. Where the model is loaded afterwards, the first use looks at it.
        """
        used = any(self.state.values())
        super().load_state_dict(state_dict)
        self._arrived = []
        self._loaded = saving.unpacked(self)
        if not used:
            # In one that was used before, the parameters may be its own until the model is loaded.
            self._settle()

    @abstractmethod
    def _advance(self, work: list[Work]) -> None:
        """Do one update; the parameters hold y, mixed with the b1 that their group has now."""

    def _prepare(self) -> None:
        self.train()

    def _update(self, work: list[Work]) -> None:
        self._loaded = None
        for group in self.param_groups:
            b1 = beta(group)
            if group["mixed"] not in {None, b1}:
                # Somebody schedules b1: y is mixed anew, or x would be read out of it wrongly.
                for p in self._moved(group):
                    self._put(p, remixed(local(p), local(self.state[p]["z"]), group["mixed"], b1))
            group["mixed"] = b1
        self._advance(work)

    @abstractmethod
    def _rate(self, group: Group) -> float:
        """Return the rate a that z moves by in the next update."""

    def _y_rate(self, group: Group) -> float:
        """Return the rate that y moves by in the next update: a (1 - b1 (1 - c)), where z moves by a."""
        rate = self._rate(group)
        return rate * (1 - beta(group) * (1 - share(group, rate).c))

    def _settle(self) -> None:
        """Look at what was loaded, before anything is made of it."""
        if self._loaded is not None:
            if self._loaded.mismatched():
                saved = self._loaded.weights
                other = "y" if saved == "x" else "x"
                raise WeightsError(MISMATCH.format(_NAMES[other], _NAMES[saved], other))
            self._arrived = []
        if self._arrived:
            arrived, self._arrived = self._arrived, []
            saving.taken(self, arrived)

    def _heard(self, parameters: list[Tensor]) -> None:
        """Take note of parameters of an attached model that were loaded: they hold x."""
        if self._loaded is None:
            self._arrived += [p for p in parameters if "z" in self.state.get(p, {})]
        else:
            self._loaded.again(parameters)

    def _turned(self, *, train: bool) -> Iterator[Group]:
        turned = [group for group in self.param_groups if group["train_mode"] != train]
        # A y that was kept in inference mode could not be used outside of it.
        with torch.inference_mode(mode=False), torch.no_grad():
            for group in turned:
                yield group
                group["train_mode"] = train
        if turned:
            self._loaded = None
            self._lent.reshard()

    def _moved(self, group: Group) -> list[Tensor]:
        return [p for p in group["params"] if "z" in self.state.get(p, {})]

    def _group_of(self, parameter: Tensor) -> Group | None:
        return next((group for group in self.param_groups if any(p is parameter for p in group["params"])), None)

    def _x(self, group: Group, p: Tensor) -> Tensor:
        return x_of(p, self.state[p]["z"], group["mixed"] or beta(group))

    def _y(self, group: Group, p: Tensor) -> Tensor:
        return y_of(p, self.state[p]["z"], group["mixed"] or beta(group))

    def _put(self, parameter: Tensor, value: Tensor) -> None:
        with torch.no_grad():
            local(parameter).copy_(local(value))
