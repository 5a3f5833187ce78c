"""Method: what every optimizer here shares: which tensors a step works on, and when it must not work at all."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim import Optimizer

from surefoot.errors import ArgumentError
from surefoot.torch.hooks import outside_graphs
from surefoot.torch.optim import backend as backends
from surefoot.torch.optim.eager import gradients
from surefoot.torch.optim.kernel import Kernel, Row
from surefoot.torch.optim.loading import restored
from surefoot.torch.optim.sharding import Shards, local, shards

Group = dict[str, Any]
LOOK = Kernel("gradients:look", ("g",), (), gradients.look, sums=1)
WHOLE, GLANCE = 65_536, 512
"""Gradients of up to WHOLE elements are looked at completely before a step, of larger ones GLANCE in each chunk."""

SKIPPED = "a gradient holds NaN or infinity: this update was left out, weights and state are as they were."

PIECES = "{} pieces of the gradients hold NaN or infinity: their weights and state are as they were, the rest moved."


class GradientSkipped(RuntimeWarning):
    """A step was left out because a gradient was no finite number."""


@dataclass(frozen=True, slots=True)
class Work:
    """The parameters of one group that have a gradient."""

    group: Group
    parameters: list[Tensor]

    def gradients(self) -> list[Tensor]:
        """Return their gradients."""
        return [cast("Tensor", p.grad) for p in self.parameters]


class Method(Optimizer):
    """A torch optimizer whose step is a few passes over memory; abstract.

    A method says what state a parameter has (``_begin``) and how a step goes (``_update``). What is shared: closures,
    gradients that are no finite numbers (the step is left out, with a GradientSkipped warning; ``skip_nonfinite=False``
    saves that look at them), sharded parameters, the backend, and checkpoints that come back bit for bit.
    """

    def __init__(
        self, params: Any, defaults: dict[str, Any], *, backend: str = "auto", skip_nonfinite: bool = True
    ) -> None:
        self._asked, self._skips = backend, skip_nonfinite
        super().__init__(params, defaults)
        self._backend = backends.chosen(backend, [p for group in self.param_groups for p in group["params"]])

    def __getstate__(self) -> dict[str, Any]:
        # torch keeps three entries only: a copy would lose what a method adds.
        return {**super().__getstate__(), "_asked": self._asked, "_skips": self._skips, "_backend": self._backend}

    @property
    def backend(self) -> str:
        """Which twin of the passes runs: ``"numba"`` (compiled on first use) or ``"torch"``."""
        return self._backend

    @property
    @abstractmethod
    def effective_lr(self) -> float:
        """The rate that the next update's direction is multiplied by, of the group where it is largest."""

    @outside_graphs
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Do one update and return what ``closure`` returned, which computes loss and gradients first."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        # Not as a decorator: its code is shared by all of torch, and would be kept out of graphs with ours.
        with torch.no_grad():
            work = list(self._work())
            if work and self._usable(work):
                self._update(work)
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load what ``state_dict`` gave, every tensor in the type it was saved in."""
        super().load_state_dict(state_dict)
        restored(self, state_dict)

    @abstractmethod
    def _begin(self, parameter: Tensor, _group: Group) -> dict[str, Any]:
        """Return the state of a parameter before its first update."""

    @abstractmethod
    def _update(self, work: list[Work]) -> None:
        """Do one update of the parameters in ``work``, whose gradients are finite."""

    def _work(self) -> Iterator[Work]:
        for group in self.param_groups:
            having = [p for p in group["params"] if p.grad is not None]
            for p in having:
                if p.grad.layout != torch.strided:
                    raise ArgumentError(
                        f"the gradient of a parameter of shape {tuple(p.shape)} is sparse: give this method dense "
                        "gradients (sparse=False in nn.Embedding)."
                    )
                if not self.state[p]:
                    self.state[p].update(self._begin(p, group))
            if having:
                yield Work(group, having)

    def _usable(self, work: Sequence[Work]) -> bool:
        if not self._skips:
            return True
        rows = [(g,) for part in work for g in part.gradients()]
        # Told apart by their whole size, so that every process looks as often as the others.
        small = [row for row in rows if row[0].numel() <= WHOLE]
        large = [row for row in rows if row[0].numel() > WHOLE]
        found = self._pass(LOOK, small, gradients.Look(WHOLE)) + self._pass(LOOK, large, gradients.Look(GLANCE))
        if not any(found):
            return True
        warnings.warn(SKIPPED, GradientSkipped, stacklevel=3)
        return False

    def _rows(self, part: Work, names: Sequence[str]) -> list[tuple[Tensor, ...]]:
        """Return for each parameter of ``part`` itself, its gradient and the named tensors of its state."""
        state = self.state
        return [(p, cast("Tensor", p.grad), *(state[p][name] for name in names)) for p in part.parameters]

    def _pass(self, kernel: Kernel, rows: Sequence[Row], scalars: object) -> list[float]:
        """Run one pass over ``rows``; return its sums over all elements, those of other processes included."""
        whole: dict[Shards | None, list[Row]] = {}
        for row in rows:
            whole.setdefault(shards(row[0]), []).append(row)
        total = torch.zeros(kernel.sums + 1, dtype=torch.float64)
        for mesh, some in whole.items():
            pieces = some if mesh is None else [tuple(map(local, row)) for row in some]
            part = backends.run(kernel, pieces, scalars, self._backend)
            total += part if mesh is None else mesh.added(part)
        left_out, *sums = total.tolist()
        if left_out:
            warnings.warn(PIECES.format(int(left_out)), GradientSkipped, stacklevel=4)
        return sums


def each(groups: Iterable[Group], **values: Any) -> None:
    """Write the same numbers into every group, where checkpoints keep them."""
    for group in groups:
        group.update(values)
