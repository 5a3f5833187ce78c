"""Method: what every optimizer here shares: which tensors a step works on, and when it must not work at all."""

from __future__ import annotations

import contextlib
import inspect
import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim import Optimizer

from surefoot.errors import ArgumentError
from surefoot.torch.hooks import outside_graphs
from surefoot.torch.optim import backend as backends
from surefoot.torch.optim import sharding
from surefoot.torch.optim.eager import gradients
from surefoot.torch.optim.kernel import Kernel, Row
from surefoot.torch.optim.loading import checked, restored
from surefoot.torch.sharding import whole

Group = dict[str, Any]
LOOK = Kernel("gradients:look", ("g",), (), gradients.look, sums=1, whole=True)
WHOLE, GLANCE = 65_536, 32
"""Gradients of up to WHOLE elements are looked at completely before a step, of larger ones GLANCE in each WHOLE: more
would cost what it is to save, for memory that lies far apart comes slowly."""

SKIPPED = "a gradient holds NaN or infinity: this update was left out, weights and state are as they were."
PIECES = "pieces of gradients that hold NaN or infinity: {}. Their weights and state are as they were, the rest moved."
_LAYOUT = attrgetter("layout")
_NUMEL = Tensor.numel
_AROUND = (str(Path(__file__).parent), str(Path(torch.__file__).parent), str(contextlib.__file__))


class GradientSkipped(RuntimeWarning):
    """A step was left out because a gradient was no finite number."""


@dataclass(frozen=True, slots=True)
class Work:
    """The parameters of one group that have a gradient, with these and with the state of each."""

    group: Group
    parameters: list[Tensor]
    grads: list[Tensor]
    states: list[dict[str, Any]]

    def gradients(self) -> list[Tensor]:
        """Return their gradients."""
        return self.grads


class Method(Optimizer):
    """A torch optimizer whose step is a few passes over memory; abstract.

    A method says what state a parameter has (``_begin``) and how a step goes (``_update``). What is shared: closures,
    gradients that are no finite numbers (the step is left out, with a GradientSkipped warning; ``skip_nonfinite=False``
    saves that look at them), sharded parameters, the backend, and checkpoints that come back bit for bit.
    """

    def __init__(
        self, params: Any, defaults: dict[str, Any], *, backend: str = "auto", skip_nonfinite: bool = True
    ) -> None:
        self._asked, self._skips, self._skipped = backend, skip_nonfinite, 0
        self._backend: backends.Backend | None = None
        super().__init__(params, defaults)
        self._backend = backends.chosen(backend, self._parameters())

    def __getstate__(self) -> dict[str, Any]:
        # torch keeps three entries only: a copy would lose what a method adds. Hooks stay with the original, and so
        # does the step that torch's schedulers put in the place of ours: in a copy it would step the original.
        lost = ("_optimizer_", "found_inf", "step")
        return {name: value for name, value in self.__dict__.items() if not name.startswith(lost)}

    @property
    def backend(self) -> str:
        """Which twin of the passes runs: ``"numba"`` (compiled on first use) or ``"torch"``."""
        return str(self._backend)

    @property
    def skipped(self) -> int:
        """How many updates were left out, as a whole or in pieces, for gradients that were no finite numbers."""
        return self._skipped

    @property
    @abstractmethod
    def effective_lr(self) -> float:
        """The rate that the next update's direction is multiplied by, of the group where it is largest."""

    @outside_graphs
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Do one update and return what ``closure`` returned, which computes loss and gradients first."""
        self.__dict__.pop("found_inf", None)
        self._prepare()
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        # Not as a decorator: its code is shared by all of torch, and would be kept out of graphs with ours.
        with torch.no_grad():
            fresh = not self.state
            work = list(self._work())
            if work and fresh and _priming(work):
                self._prime(work)
            elif work and self._usable(work):
                self._update(work)
        return loss

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group, whose parameters join at their first gradient; ArgumentError for complex numbers."""
        super().add_param_group(param_group)
        if any(p.is_complex() for p in self.param_groups[-1]["params"]):
            self.param_groups.pop()
            raise ArgumentError("params: a parameter holds complex numbers: give torch.view_as_real of it.")
        if self._backend is not None:
            self._backend = backends.chosen(self._asked, self._parameters())

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load what ``state_dict`` gave, every tensor in the type it was saved in; FormatError for another method's."""
        restored(self, checked(self, state_dict), super().load_state_dict)

    def _prepare(self) -> None:
        """Do what comes before a closure takes gradients: nothing, where a method has one set of weights only."""

    def _prime(self, work: list[Work]) -> None:
        """Do what else makes the state, where torch's checkpoints ask for it: nothing, it is made by now."""

    @abstractmethod
    def _begin(self, parameter: Tensor, _group: Group) -> dict[str, Any]:
        """Return the state of a parameter before its first update."""

    @abstractmethod
    def _update(self, work: list[Work]) -> None:
        """Do one update of the parameters in ``work``, whose gradients are finite."""

    def _parameters(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    def _work(self) -> Iterator[Work]:
        for group in self.param_groups:
            having = [(p, g) for p in group["params"] if (g := p.grad) is not None]
            if not having:
                continue
            parameters = [p for p, _ in having]
            grads = sharding.aligned([g for _, g in having], parameters)
            for p, layout in zip(parameters, map(_LAYOUT, grads), strict=True):
                if layout is not torch.strided:
                    raise ArgumentError(
                        f"the gradient of a parameter of shape {tuple(p.shape)} is sparse: give this method dense "
                        "gradients (sparse=False in nn.Embedding)."
                    )
            states = [self.state[p] for p in parameters]
            if not all(states):
                for p, state in zip(parameters, states, strict=True):
                    if not state:
                        state.update(self._begin(p, group))
            yield Work(group, parameters, grads, states)

    def _usable(self, work: Sequence[Work]) -> bool:
        if not self._skips:
            return True
        grads = [g for part in work for g in part.grads]
        # Told apart by their whole size, so that every process looks as often as the others.
        few = max(map(_NUMEL, grads)) <= WHOLE
        small = [(g,) for g in grads if few or g.numel() <= WHOLE]
        found = self._pass(LOOK, small, gradients.Look(WHOLE)) if small else [0.0]
        if not few:
            found += self._pass(LOOK, [(g,) for g in grads if g.numel() > WHOLE], gradients.Look(GLANCE))
        if not any(found):
            return True
        # What a fused optimizer says where its scaler found an infinity: schedulers then count no update.
        self.__dict__["found_inf"] = torch.ones(())
        self._tell(SKIPPED)
        return False

    def _tell(self, sentence: str) -> None:
        """Count an update that was left out, and warn of the first, the tenth, the hundredth and so on."""
        self._skipped += 1
        if self._skipped == 10 ** (len(str(self._skipped)) - 1):
            so_far = f" Updates left out so far: {self._skipped}." if self._skipped > 1 else ""
            warnings.warn(sentence + so_far, GradientSkipped, stacklevel=_level())

    def _rows(self, part: Work, names: Sequence[str]) -> list[Row]:
        """Return for each parameter of ``part`` itself, its gradient and the named tensors of its state."""
        columns = [[state[name] for state in part.states] for name in names]
        return list(zip(part.parameters, part.grads, *columns, strict=True))

    def _pass(self, kernel: Kernel, rows: Sequence[Row], scalars: Any) -> list[float]:
        """Run one pass over ``rows``; return its sums over all elements, those of other processes included."""
        backend = cast("backends.Backend", self._backend)
        parts = [
            part if mesh is None else mesh.added(part)
            for mesh, pieces in sharding.here(rows).items()
            for part in (backends.run(kernel, pieces, scalars, backend),)
        ]
        left_out, *sums = (parts[0] if len(parts) == 1 else torch.stack(parts).sum(0)).tolist()
        if left_out:
            self._tell(PIECES.format(int(left_out)))
        return sums


def _level() -> int:
    """Return how far above a warning's caller the user's own line is: torch wraps a step in more or fewer calls."""
    frame, level = inspect.currentframe(), 0
    while frame is not None and frame.f_code.co_filename.startswith(_AROUND):
        frame, level = frame.f_back, level + 1
    return level


def _priming(work: Sequence[Work]) -> bool:
    """Say whether a first step is that of torch's checkpoints, which make the state with every rate and gradient 0."""
    if any(float(part.group.get("lr", 1.0)) for part in work):
        return False
    # A sum, because sharded tensors of older versions have no any().
    return not any(bool(whole(g.abs().sum())) for part in work for g in part.grads)


def each(groups: Iterable[Group], **values: Any) -> None:
    """Write the same numbers into every group, where checkpoints keep them."""
    for group in groups:
        group.update(values)
