"""Peak and Progress: what a search recommends, and what it tells while it runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from surefoot.curve.curve import Curve, curve_of, drawn
from surefoot.curve.reading import loaded
from surefoot.errors import FormatError
from surefoot.trial import Trial, plain


@dataclass(frozen=True, slots=True)
class Peak:
    """A recommended peak rate with its evidence; ``lr`` is None when the evidence carries no answer.

    ``low``..``high`` is the range within about one percent of the best, ``edge`` the lowest rate seen to diverge,
    ``confidence`` in [0, 1], ``cost_steps`` the updates spent, ``total`` the length of the full run they are compared
    with, ``seconds`` the wall time, ``why`` one sentence, ``knobs`` what else was chosen (``tune(second=...)``).
    ``evidence`` is what was measured beside the runs (``st.find(curvature=True)``): the rates ``curvature_edge``, below
    which the curvature at the start is stable, and ``headroom_edge``, at which the first update raises the loss of its
    batch; and ``noise_scale``, the examples at which a gradient is half noise.
    """

    lr: float | None
    low: float | None
    high: float | None
    edge: float | None
    method: str
    confidence: float
    cost_steps: int
    why: str
    total: int | None = None
    seconds: float = 0.0
    curve: Curve = field(default_factory=Curve)
    knobs: Mapping[str, float] = field(default_factory=dict, hash=False)
    evidence: Mapping[str, float] = field(default_factory=dict, hash=False)

    @property
    def cost_runs(self) -> float | None:
        """The cost in full runs of ``total`` updates; None where no total was given."""
        return None if self.total is None else self.cost_steps / self.total

    def _repr_html_(self) -> str | None:
        return drawn(self)

    def to_json(self) -> str:
        """Return the peak as JSON text, its curve included; ``from_json`` reads it back."""
        own = {f.name: plain(getattr(self, f.name)) for f in fields(self) if f.name != "curve"}
        return json.dumps(own | {"curve": self.curve.plain()}, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Peak:
        """Return the peak that ``to_json`` wrote; raise FormatError if it is none."""
        data, trials = loaded(text, "peak")
        try:
            return cls(**(data | {"curve": curve_of(data["curve"], trials)}))
        except (KeyError, TypeError) as error:
            raise FormatError(
                f"text is no peak that surefoot wrote ({error}): pass what Peak.to_json returned."
            ) from None

    def __str__(self) -> str:
        cost = f"{self.cost_steps} updates" + ("" if self.total is None else f", {self.cost_runs:.2f} runs")
        minutes = f"{self.seconds:.0f} s" if self.seconds < 90 else f"{self.seconds / 60:.1f} min"
        if self.lr is None:
            return f"no peak ({cost}, {minutes}): {self.why}"
        between = "" if self.low is None or self.high is None else f" ({self.low:.2g} to {self.high:.2g})"
        edge = "" if self.edge is None else f", edge {self.edge:.2g}"
        return f"peak {self.lr:.3g}{between}{edge}, confidence {self.confidence:.0%}, {cost}, {minutes}: {self.why}"


@dataclass(frozen=True, slots=True)
class Progress:
    """What a search tells whoever watches it, once in a while: the stage, the trial in flight, the budget spent."""

    stage: str
    lr: float
    loss: float
    trial_step: int
    trial_total: int
    spent: int
    budget: int
    finished: Trial | None = None
