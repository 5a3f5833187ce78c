"""Alarm: a rule for one reading, cheap enough for each, that asks for a judgement at once. It finds nothing itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from surefoot.diagnosis.blocks import LARGEST

_KEEP, _FAR, _ENOUGH = 0.95, 8.0, 16


@dataclass(slots=True)
class Alarm:
    """A band around the loss: m = 0.95 m + 0.05 x and d = 0.95 d + 0.05 |x - m| of the losses x so far.

    An alarm is a loss or a gradient norm that is not finite, a loss above m + 8 d (6.4 standard deviations of normal
    noise) after 16 of them, or a new validation loss. A loss beyond the band enters as its edge, so that a run that
    leaves keeps alarming. The constants only decide how soon a judgement comes, not what it finds.
    """

    mean: float = math.nan
    apart: float = 0.0
    seen: int = 0

    def raised(self, row: Mapping[str, float]) -> bool:
        """Take one row of numbers and say whether it is alarming."""
        far = "loss" in row and self._far(row["loss"])
        return far or "val_loss" in row or not abs(row.get("grad_norm", 0.0)) <= LARGEST

    def _far(self, loss: float) -> bool:
        if not abs(loss) <= LARGEST:
            return True
        if not self.seen:
            self.mean = loss
        edge = self.mean + _FAR * self.apart if self.seen >= _ENOUGH else math.inf
        inside = min(loss, edge)
        self.apart += (1 - _KEEP) * (abs(inside - self.mean) - self.apart)
        self.mean += (1 - _KEEP) * (inside - self.mean)
        self.seen += 1
        return loss > edge
