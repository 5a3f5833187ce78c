"""Outliers: whether the loss and the gradient norm of a batch lie far outside those of the batches before."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median, pstdev

from surefoot.torch.policies import SkipStep

_TINY = 1e-30
# Below this a deviation of the logarithm is no deviation: a run on constant data would call anything an outlier.
_LEAST_LOSS, _LEAST_NORM = 0.03, 0.1
_NEAR = 1.5
# A batch whose loss is so many times the largest of a window, or the middle one of a few.
_TIMES, _TIMES_EARLY, _FEW = 3.0, 20.0, 2


@dataclass(slots=True)
class Outliers:
    """The last losses and norms of applied updates; ``odd`` says why a batch is an outlier, or nothing."""

    rule: SkipStep | None
    losses: deque[float] = field(default_factory=deque)
    norms: deque[float] = field(default_factory=deque)
    first: float = math.nan
    known: int = 0

    def add(self, loss: float, norm: float) -> None:
        """Remember an applied update."""
        if self.rule is None:
            return
        if self.known < 3:
            self.known += 1
            self.first = median([*self.losses, loss])
        for kept, value in ((self.losses, loss), (self.norms, norm)):
            kept.append(value)
            if len(kept) > self.rule.window:
                kept.popleft()

    def clear(self) -> None:
        """Forget everything: what follows a rollback is compared with itself."""
        self.losses.clear()
        self.norms.clear()

    def odd(self, loss: float, norm: float) -> str:
        """Return why this batch is an outlier, "" if it is none.

        >>> outliers = Outliers(SkipStep(warm=4))
        >>> for loss in (1.0, 1.1, 0.9, 1.0):
        ...     outliers.add(loss, 2 * loss)
        >>> outliers.odd(1.2, 50.0), outliers.odd(9.0, 50.0)
        ('', 'the loss 9 and the gradient norm 50 jumped from 1 and 2')
        """
        rule = self.rule
        if rule is None or len(self.losses) < (_FEW if rule.robust else rule.warm):
            return ""
        if rule.robust:
            return self._both(rule, loss, norm)
        for name, value, kept in (("loss", loss, self.losses), ("gradient norm", norm, self.norms)):
            limit = fmean(kept) + rule.sigmas * pstdev(kept)
            if value > limit:
                return f"the {name} {value:.4g} lies above {limit:.4g}, {rule.sigmas:g} deviations over the mean"
        return ""

    def _both(self, rule: SkipStep, loss: float, norm: float) -> str:
        # Nearly every batch ends here: sorting a window takes longer than a small step.
        if norm <= _NEAR * self.norms[-1] and norm <= _NEAR * self.norms[-2]:
            return ""
        known = len(self.losses) >= rule.warm
        if not self._towers(loss, norm, known=known) and not (
            known
            and _jumped(norm, self.norms, rule.sigmas, _LEAST_NORM)
            and _jumped(loss, self.losses, rule.sigmas, _LEAST_LOSS)
        ):
            return ""
        usual = f"{median(self.losses):.4g} and {median(self.norms):.4g}"
        return f"the loss {loss:.4g} and the gradient norm {norm:.4g} jumped from {usual}"

    def _towers(self, loss: float, norm: float, *, known: bool) -> bool:
        """Return whether both are far above all that was seen, for a loss near 0 has a heavy tail.

        Labels that were mixed up late in a run cost more than a healthy batch, yet no more deviations of a logarithm
        than the batches of a run that has memorised most of them.
        """
        if loss <= 0.5 * abs(self.first):
            return False
        if not known:
            # The middle, for one of the few may have been bad itself.
            return loss > _TIMES_EARLY * median(self.losses) and norm > _TIMES_EARLY * median(self.norms)
        return loss > _TIMES * max(self.losses) and norm > _NEAR * max(self.norms)


def _jumped(value: float, kept: Sequence[float], sigmas: float, least: float) -> bool:
    # A loss that can be negative (a log density) has no logarithm: it is judged as it is.
    plain = min(kept) <= 0.0
    scale: Callable[[float], float] = (
        (lambda number: number) if plain else (lambda number: math.log(max(number, _TINY)))
    )
    logs = [scale(one) for one in kept]
    middle = median(logs)
    spread = 1.4826 * median(abs(one - middle) for one in logs)
    jump = scale(value) - middle
    return jump > (0.0 if plain else math.log(_NEAR)) and jump > sigmas * max(spread, 0.0 if plain else least)
