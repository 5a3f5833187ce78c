"""Watching a run that is not over: the detectors of ``diagnose``, reading by reading, in memory that does not grow."""

from surefoot.live.reporting import Sighting as Sighting
from surefoot.live.reporting import grave as grave
from surefoot.live.watching import Watch as Watch
from surefoot.live.watching import watch as watch
