"""What the callbacks of all frameworks share: findings go to the log of Python, and a run may be stopped for one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from surefoot.diagnosis.nouns import Finding, Severity
from surefoot.live import grave

LOGGER = logging.getLogger("surefoot")
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
TOGETHER = 50
"""Every so many updates the processes of a distributed run agree on whether to stop."""


def told(finding: Finding) -> None:
    """Log a finding under the name "surefoot", at its own severity."""
    LOGGER.log(_LEVELS[finding.severity], "%s", finding)


def listening(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a watch with ``told`` where no ``on_finding`` is given."""
    given: Callable[[Finding], object] | None = options.get("on_finding")
    return {**options, "on_finding": given or told}


def stops(news: Iterable[Finding], stop_on: Severity | None) -> bool:
    """Say whether one of ``news`` is grave enough to stop the run."""
    return stop_on is not None and grave(news, stop_on)
