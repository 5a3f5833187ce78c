"""Ring: a few snapshots of a run, newer ones closer together, in memory or on disk."""

from __future__ import annotations

import copy
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from surefoot.torch.capture import Held, Key

_OLDEST = 16


@dataclass(frozen=True)
class Snapshot:
    """The state before update ``step``, whose loss was good and whose rate was ``rate``.

    ``tensors`` are copies, or the file that holds them; ``rest`` are the plain values.
    """

    step: int
    rate: float
    tensors: dict[Key, Tensor] | Path
    rest: Held

    @property
    def held(self) -> Held:
        """Everything that was captured, read from disk where it is there."""
        return (
            {**loaded(self.tensors), **self.rest} if isinstance(self.tensors, Path) else {**self.tensors, **self.rest}
        )

    @property
    def bytes(self) -> int:
        """The size of the tensors."""
        if isinstance(self.tensors, Path):
            return self.tensors.stat().st_size
        return sum(tensor.numel() * tensor.element_size() for tensor in self.tensors.values())


class Ring:
    """At most ``keep`` snapshots, ``where`` None in memory; the copies of a dropped one are written over."""

    def __init__(self, keep: int, every: int, where: Path | None = None) -> None:
        self.keep, self.every = keep, every
        self.where = where
        self.snapshots: tuple[Snapshot, ...] = ()
        self._spare: dict[Key, Tensor] = {}

    def add(self, step: int, rate: float, held: Held) -> None:
        """Copy ``held`` as the state before update ``step``, dropping a snapshot where there are too many."""
        while len(self.snapshots) >= self.keep:
            self._drop(self._superfluous(step))
        live = {key: value for key, value in held.items() if isinstance(value, Tensor)}
        rest = {key: copy.deepcopy(value) for key, value in held.items() if key not in live}
        tensors = self._copied(live) if self.where is None else stored(self.where / f"update-{step}.pt", live)
        self.snapshots = (*self.snapshots, Snapshot(step, rate, tensors, rest))

    def pick(self, latest: int) -> Snapshot | None:
        """Return the newest snapshot of at most update ``latest``, else the oldest; drop those that are newer."""
        found = [one for one in self.snapshots if one.step <= latest] or list(self.snapshots[:1])
        if not found:
            return None
        for one in self.snapshots:
            if one.step > found[-1].step:
                self._drop(one)
        return found[-1]

    def forget(self, snapshot: Snapshot) -> None:
        """Drop ``snapshot`` if there is an older one to fall back on."""
        if snapshot in self.snapshots[1:]:
            self._drop(snapshot)

    def clear(self) -> None:
        """Drop every snapshot."""
        for one in self.snapshots:
            self._drop(one)
        self._spare = {}

    def _superfluous(self, now: int) -> Snapshot:
        """Return the one to drop, so that the ages grow by about the same factor from each to the next."""
        kept = self.snapshots
        if len(kept) <= 2 or now - kept[1].step >= _OLDEST * self.every:
            return kept[0]
        gaps = [(now - kept[k - 1].step) / (now - kept[k + 1].step + self.every) for k in range(1, len(kept) - 1)]
        return kept[1 + gaps.index(min(gaps))]

    def _drop(self, snapshot: Snapshot) -> None:
        self.snapshots = tuple(one for one in self.snapshots if one is not snapshot)
        if isinstance(snapshot.tensors, Path):
            snapshot.tensors.unlink(missing_ok=True)
        else:
            self._spare = snapshot.tensors

    def _copied(self, live: Mapping[Key, Tensor]) -> dict[Key, Tensor]:
        spare, self._spare = self._spare, {}
        copies = {key: _room(tensor, spare.get(key)) for key, tensor in live.items()}
        with torch.no_grad():
            _copy(list(copies.values()), [tensor.detach() for tensor in live.values()])
        return copies


def _room(tensor: Tensor, spare: Tensor | None) -> Tensor:
    fits = (
        spare is not None
        and (spare.shape, spare.dtype, spare.device, spare.stride())
        == (tensor.shape, tensor.dtype, tensor.device, tensor.stride())
    )  # fmt: skip
    return spare if fits and spare is not None else torch.empty_like(tensor, requires_grad=False)


def _copy(copies: list[Tensor], sources: list[Tensor]) -> None:
    if copies:
        torch._foreach_copy_(copies, sources)


def stored(path: Path, tensors: Mapping[Key, Tensor]) -> Path:
    """Write ``tensors`` to ``path``, whole or not at all."""
    written(path, {"keys": list(tensors), "tensors": [tensor.detach() for tensor in tensors.values()]})
    return path


def loaded(path: Path) -> dict[Key, Tensor]:
    """Read what ``stored`` wrote."""
    found = torch.load(path, weights_only=True)
    keys: Iterable[Any] = found["keys"]
    return dict(zip(map(tuple, keys), found["tensors"], strict=True))


def written(path: Path, content: Any) -> None:
    """Save ``content`` beside ``path`` and rename it, so that a killed process leaves no half file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(file, "wb") as stream:
            torch.save(content, stream)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
