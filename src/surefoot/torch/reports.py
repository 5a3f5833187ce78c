"""What a scheduler says aloud: two warnings, and the record behind the second."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from surefoot.errors import BindingError


class RateOverwritten(UserWarning):
    """Somebody else wrote a scheduled field; the schedule overwrote it."""


class ScheduleChanged(UserWarning):
    """A checkpoint was made under another schedule than the one in the code; the one in the code is used."""


@dataclass(frozen=True, slots=True)
class Change:
    """A field whose plan differs from its checkpoint: the values both have for update ``step``."""

    field: str
    step: int
    saved: float | None
    value: float | None
    what: str = "schedule"

    @property
    def jump(self) -> float | None:
        """The factor by which the value jumps; None where one side has no value or the saved one is 0."""
        return None if not self.saved or self.value is None else self.value / self.saved

    def __str__(self) -> str:
        saved = "nothing" if self.saved is None else f"{self.saved:.6g}"
        value = "nothing" if self.value is None else f"{self.value:.6g}"
        jump = "" if self.jump is None else f" (a jump of x{self.jump:.4g})"
        return (
            f"{self.field}: the checkpoint has another {self.what} than the code; "
            f"for update {self.step} the checkpoint says {saved}, the code {value}{jump}"
        )


def tell(message: str, category: type[Warning], *, strict: bool) -> None:
    """Warn where the caller of the scheduler's caller is, or raise BindingError if ``strict``."""
    if strict:
        raise BindingError(message)
    warnings.warn(message, category, stacklevel=4)
