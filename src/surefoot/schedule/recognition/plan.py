"""What is put to the test against a log: phases, with their name."""

from __future__ import annotations

from dataclasses import dataclass, replace

from surefoot.schedule.phase import Phase


@dataclass(frozen=True, slots=True)
class Plan:
    """Phases for a log, their ``peak`` as a share of the highest logged rate, and whether the log shows their end."""

    peak: float
    phases: tuple[Phase, ...]
    recipe: str
    complete: bool = True

    def later(self, shift: int) -> Plan:
        """Return the plan without its first ``shift`` updates: those of a log that counts from one."""
        first, *rest = (phase for phase in self.phases if phase.steps != 0)
        piece = first.part(shift, first.steps)
        return replace(self, phases=(*((piece,) if piece.steps else ()), *rest)) if shift else self
