"""Trend: whether a run leaves the band in which it was learning, told early enough to roll it back."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median

_SMOOTH = 0.9
# Of a mean over the smoothing window, as a share of the deviation of one loss: sqrt((1 - b) / (1 + b)).
_SHARE = math.sqrt((1 - _SMOOTH) / (1 + _SMOOTH))
_WINDOW, _BLOCK = 64, 20
_RISE = 1.5
_TALL = 4.0
# So many cuts for want of progress, and no more: a rate that is too low makes none either.
_DOUBTS = 3


@dataclass(frozen=True, slots=True)
class Band:
    """When a run has left the band in which it was learning.

    It has when its smoothed loss s lies above the best one b for ``patience`` updates by more than
    ``max(rise * |b|, share * (first - b), sigmas * sigma_s)``, with ``first`` the first loss and sigma_s the robust
    deviation of s. It has as well when the loss has not improved on its warmup in ``proof`` updates at the peak, and
    lies above it by 3.5 standard errors; or had exploded, or was rolled back before, and does not improve at all.
    The thresholds were chosen on the built-in tasks (benchmarks/results/guard.md).
    """

    rise: float = 0.3
    share: float = 0.15
    sigmas: float = 6.0
    patience: int = 5
    proof: int = 100


@dataclass(slots=True)
class Mark:
    """The middle loss of a block of updates, with its standard error."""

    mean: float
    error: float


@dataclass(slots=True)
class Trend:
    """The losses of applied updates so far, in constant memory; ``fed`` says why the run is lost, or nothing."""

    band: Band
    first: float = math.nan
    best: float = math.inf
    smooth: float = math.nan
    highest: float = -math.inf
    above: int = 0
    proven: bool = False
    doubts: int = 0
    _before: float = -math.inf
    _start: list[float] = field(default_factory=list)
    _five: deque[float] = field(default_factory=lambda: deque(maxlen=5))
    _sum: float = 0.0
    _weight: float = 0.0
    _spread: deque[float] = field(default_factory=lambda: deque(maxlen=_WINDOW))
    _best_rate: float = math.inf
    _settling: int = 0
    _rate: float = 0.0
    _level: int = 0
    _block: list[float] = field(default_factory=list)
    _mark: Mark | None = None
    _last: deque[Mark] = field(default_factory=lambda: deque(maxlen=3))
    _lowest: Mark | None = None
    _waited: int = 0

    def fed(self, loss: float, rate: float) -> str:
        """Take the loss and the rate of an applied update; return why the run is lost, "" while it is not."""
        if len(self._start) < 3:
            # The middle of three: the first batch of all may be a bad one.
            self._start.append(loss)
            self.first = median(self._start)
        if not math.isnan(self.smooth):
            self._spread.append(abs(loss - self.smooth))
        # One spike must not hold the mean up long after it has healed.
        best, limit = self._reference(), self._limit()
        self._five.append(min(loss, best + _TALL * (limit - best)) if limit > best else loss)
        shown = median(self._five)
        self._sum = _SMOOTH * self._sum + (1 - _SMOOTH) * shown
        self._weight = _SMOOTH * self._weight + 1 - _SMOOTH
        self.smooth = self._sum / self._weight
        self._improved(rate)
        # Two in a row: a single batch may be anything.
        self.highest, self._before = max(self.highest, min(loss, self._before)), loss
        return self._left() or self._unproven(loss, rate)

    def _improved(self, rate: float) -> None:
        """Keep the best, except after a rise of the rate: what was reached at a lower one cannot be expected there."""
        if self.proven and rate > _RISE * self._best_rate:
            self.best, self._best_rate, self._settling = math.inf, rate, _WINDOW
        elif self._settling:
            self._settling -= 1
        elif len(self._spread) >= 5 and self.smooth < self.best:
            self.best, self._best_rate = self.smooth, rate

    @property
    def noise(self) -> float:
        """The robust deviation of the smoothed loss."""
        return 1.4826 * median(self._spread) * _SHARE if self._spread else 0.0

    @property
    def healthy(self) -> bool:
        """Whether the smoothed loss lies within the noise of its best."""
        return (
            not self.above
            and not self._settling
            and (not math.isfinite(self.best) or self.smooth <= self.best + self._slack())
        )

    def restarted(self) -> None:
        """Begin anew after a rollback: what was the best and the first stays, the excursion is forgotten."""
        self.above = self._level = self._waited = 0
        self._sum = self._weight = self._rate = 0.0
        self.smooth = math.nan
        self.highest = -math.inf
        self._block.clear()
        self._five.clear()
        self._last.clear()
        self._lowest = None

    def _reference(self) -> float:
        return self.best if math.isfinite(self.best) else self.first

    def _slack(self) -> float:
        best = self._reference()
        return max(0.3 * self.band.rise * abs(best), 0.3 * self.band.share * (self.first - best), 2 * self.noise)

    def _limit(self) -> float:
        band, best = self.band, self._reference()
        return best + max(band.rise * abs(best), band.share * (self.first - best), band.sigmas * self.noise)

    def _left(self) -> str:
        band, best, limit = self.band, self._reference(), self._limit()
        self.above = self.above + 1 if self.smooth > limit else 0
        if self.above < band.patience:
            return ""
        return f"the smoothed loss {self.smooth:.4g} left the band below {limit:.4g} (its best was {best:.4g})"

    def _unproven(self, loss: float, rate: float) -> str:
        """Judge whether the peak has proven itself: whether the run improved on the best of its warmup since."""
        if self.proven:
            return ""
        self._level = 0 if rate > self._rate * (1 + 1e-9) else self._level + 1
        self._rate = rate
        self._block.append(loss)
        if len(self._block) < _BLOCK:
            return ""
        mark = _marked(self._block)
        self._block.clear()
        if self._level < 3 * _BLOCK:
            self._mark = mark if self._mark is None or mark.mean < self._mark.mean else self._mark
            return ""
        return self._compared(mark)

    def _compared(self, mark: Mark) -> str:
        before = self._mark or Mark(self.first, self.noise / _SHARE)
        self._last.append(mark)
        self._waited += _BLOCK
        # After an explosion below the first loss is where chance lies: a dead network gets there too.
        exploded = self.highest > self.first + 0.5 * abs(self.first)
        enough = before.mean - 2 * math.hypot(mark.error, before.error)
        if mark.mean < (min(enough, self._share(0.7)) if exploded else max(enough, self._share(0.3))):
            self.proven = True
            return ""
        late = _joined(self._last)
        if len(self._last) == 3 and (self._lowest is None or late.mean < self._lowest.mean):
            self._lowest = late
        if self._waited < self.band.proof or self._lowest is None:
            return ""
        # A run that is flat in its noise shows nothing; asked for ever, it would seem to rise once.
        self.proven = self._waited >= 3 * self.band.proof
        if exploded or 0 < self.doubts <= _DOUBTS:
            return f"the loss {late.mean:.4g} at the peak does not improve on {before.mean:.4g}: the peak is too high"
        for least, errors in ((before, 3.5), (self._lowest, 4.5)):
            if late.mean > least.mean + errors * math.hypot(late.error, least.error):
                return f"the loss {late.mean:.4g} at the peak rose above its {least.mean:.4g}: the peak is too high"
        return ""

    def _share(self, share: float) -> float:
        return self.first - (1 - share) * abs(self.first)


def _joined(marks: Iterable[Mark]) -> Mark:
    found = list(marks)
    error = math.hypot(*(mark.error for mark in found)) / len(found)
    return Mark(sum(mark.mean for mark in found) / len(found), error)


def _marked(block: list[float]) -> Mark:
    # Trimmed mean and winsorised error (Yuen 1974), so that a bad batch in the block does not count.
    cut = len(block) // 10
    kept = sorted(block)[cut : len(block) - cut]
    filled = [*kept[:1] * cut, *kept, *kept[-1:] * cut]
    mean = sum(filled) / len(filled)
    variance = sum((loss - mean) ** 2 for loss in filled) / (len(filled) - 1)
    return Mark(sum(kept) / len(kept), math.sqrt(variance / len(block)) * len(block) / len(kept))
