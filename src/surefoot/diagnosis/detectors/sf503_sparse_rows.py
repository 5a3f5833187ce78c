"""SF503 sparse rows: the log holds too few rows to judge the run.

What it sees
    Fewer than five losses of a run that has gone on for a while, or no training loss at all.

Formula
    n < 5 rows with a loss, and the last row is beyond step 20, or its steps are epochs; or n = 0.

Why it matters
    Noise, slope and band are estimated from the rows themselves. With fewer than five a healthy verdict means only that
    nothing was seen.

Example
    Three lines cut out of a diary of BLOOM 104B (tests/runs, log 302): the divergence that its text tells of is not in
    them.

What to try
    1. Log every 10 to 100 updates; a loss costs nothing once it is averaged on the device.
    2. Log the rate and the gradient norm in the same rows.

False alarms
    A run that was taken up a moment ago, with its step counted on.

Source
    This project's own rule; 128 rows is what OLMo-core's running window asks for, 20 what a Theil-Sen slope needs.
"""

from __future__ import annotations

import numpy as np

from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.nouns import Finding
from surefoot.diagnosis.remedies import ranked, remedy
from surefoot.diagnosis.trace import TRACE, Trace

LEAST = 5
_BEGUN = 20

OFTEN = remedy("log", "Log every 10 to 100 updates.", "noise and slope are estimated from the rows themselves")
MORE = remedy("log", "Log the rate and the gradient norm in the same rows.", "a trouble is told from its cause by them")


def finding(trace: Trace) -> Finding | None:
    """Return what a log with too few rows cannot show."""
    count = trace["loss"].length
    epochs = trace.text("unit") == "epoch"
    if not trace.rows or not np.isfinite(trace.last_step) or count >= LEAST:
        return None
    if count and not epochs and trace.last_step < _BEGUN:
        return None
    judged = trace["val_loss"].length
    missing = [words for name, words in _COLUMNS.items() if not trace[name].length]
    what = f"{count} rows with a training loss" if count != 1 else "1 row with a training loss"
    lacks = f"; it has no {', no '.join(missing)} either" if missing else ""
    return Finding(
        *("SF503", "sparse rows", None, "info", 1.0),
        f"The log holds {what if count else 'no training loss'} up to step {trace.last_step:,.0f}, at least {LEAST} "
        f"are needed to see spikes, slopes and noise{lacks}.",
        {"rows": count, "validations": judged, "last": trace.last_step},
        ranked([OFTEN, MORE]),
    )


_COLUMNS = {"lr": "rate", "grad_norm": "gradient norm", "val_loss": "validation loss"}

DETECTOR = Detector("SF503", "sparse rows", TRACE, finding)
