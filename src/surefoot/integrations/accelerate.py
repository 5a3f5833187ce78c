"""A tracker for Accelerate: what ``accelerator.log`` is told is watched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

from surefoot.errors import MissingExtraError
from surefoot.history.formats.settings import facts
from surefoot.history.names import Name
from surefoot.history.rules import score
from surefoot.integrations.reporting import listening
from surefoot.live import Watch
from surefoot.live import watch as begun

try:
    from accelerate.tracking import GeneralTracker
except ImportError:
    raise MissingExtraError("surefoot.integrations.accelerate needs Accelerate: pip install accelerate.") from None

_ROLES = ("loss", "val_loss", "lr", "grad_norm", "tokens")


@final
class WatchTracker(GeneralTracker):  # type: ignore[misc]  # accelerate ships no types
    """The tracker "surefoot" that ``watch`` returns; its ``tracker`` is the Watch."""

    name = "surefoot"
    requires_logging_directory = False
    main_process_only = True

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = listening(dict(options))
        self._watch: Watch | None = None
        self._step = 0
        self._row: dict[str, Any] = {}
        super().__init__()

    @property
    def tracker(self) -> Watch:
        """The Watch of the run."""
        if self._watch is None:
            self._watch = begun(**self._options)
        return self._watch

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        """Take from the configuration what detectors know by name: total, batch, optimizer, ..."""
        if self._watch is None:
            found = facts(values)
            total = {"total": int(str(found["total"]).partition(".")[0])} if "total" in found else {}
            self._options = {**found, **total, **self._options}

    def log(self, values: dict[str, Any], step: int | None = None, **_: Any) -> None:
        """Take the values of a step; those of one step that come in several calls are one reading."""
        now = self._step + bool(self._row) if step is None else int(step)
        if now != self._step:
            self._emit()
        self._step = now
        for name, value in values.items():
            if not isinstance(value, (str, bool, type(None))):
                self._row[_column(name)] = value

    def finish(self) -> None:
        """Finish the watch."""
        self._emit()
        self.tracker.finish()

    def _emit(self) -> None:
        row, self._row = self._row, {}
        if any(name == "loss" or name.startswith("val") for name in row):
            self.tracker(self._step, **row)


def watch(**options: Any) -> WatchTracker:
    """Return the tracker to pass as ``Accelerator(log_with=watch(total=...))``; options are those of ``sf.watch``.

    ``accelerator.log({"train_loss": loss, "lr": lr}, step=step)`` is then a reading: names are understood as those of
    any log, a loss that is a tensor of the device is read later. ``accelerator.init_trackers(name, config)`` begins it,
    ``accelerator.end_training()`` finishes it. Findings go to the logger "surefoot" unless ``on_finding`` is given;
    ``accelerator.get_tracker("surefoot").tracker`` is the Watch.
    """
    return WatchTracker(options)


def _column(raw: str) -> str:
    name = Name.of(raw)
    roles = {role: score(name, role) for role in _ROLES}
    best = max(roles, key=lambda role: roles[role])
    return best if roles[best] else name.clean
