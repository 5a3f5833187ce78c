"""Labels: what a run is called, which codes say so, and what counts as saying it."""

from __future__ import annotations

from dataclasses import dataclass

from surefoot import History

HEALTHY, UNCLEAR = "healthy", "unclear"
NAN, DIVERGED, COLLAPSED = "nan", "diverged", "collapsed"
SPIKES, OSCILLATING, OVERFITTING = "spikes_recovered", "oscillating", "overfitting"
SLOW, NOT_TRAINING = "plateau/too-slow", "not_training"
STUCK = "stuck_high"
"""Lost to a high rate at a loss well below its start: it fell and went flat, and only a better run shows the fault."""
LABELS = (HEALTHY, NAN, DIVERGED, COLLAPSED, SPIKES, OSCILLATING, OVERFITTING, SLOW, NOT_TRAINING, STUCK)
LOST = (NAN, DIVERGED, COLLAPSED)
"""The labels of runs that nothing useful came out of."""

SAYS = {
    "SF101": NAN,
    "SF102": DIVERGED,
    "SF103": COLLAPSED,
    "SF104": SPIKES,
    "SF105": SPIKES,
    "SF106": OSCILLATING,
    "SF107": SPIKES,
    "SF108": SPIKES,
    "SF201": SLOW,
    "SF202": SLOW,
    "SF206": NOT_TRAINING,
    "SF301": OVERFITTING,
    "SF302": OVERFITTING,
    "SF501": NAN,
}
"""By code, the label it stands for; a code that is not here agrees with no label."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """A run with its ``label``; ``cause`` where it is known, ``source`` the reason for the label in a few words."""

    name: str
    history: History
    label: str
    cause: str = ""
    source: str = ""

    def agrees(self, code: str) -> bool:
        """Say whether a verdict of ``code`` is the labelled one.

        Diverged and collapsed are one answer (the rate is too high), as the labels of real logs do not tell them
        apart; a plateau that is known to come from a rate that is too high is one of them. A run too slow to move at
        all (cause "flat") cannot be told from one that does not train.
        """
        return SAYS.get(code) in self._accepted

    @property
    def _accepted(self) -> set[str]:
        if self.label in {DIVERGED, COLLAPSED, STUCK} or (self.label == SLOW and self.cause == "lr_too_high"):
            return {DIVERGED, COLLAPSED}
        return {SLOW, NOT_TRAINING} if self.label == SLOW and self.cause == "flat" else {self.label}
