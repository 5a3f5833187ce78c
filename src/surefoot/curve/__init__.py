"""Curve, Band and Peak: what a search measured, how sure it is, and what it recommends."""

from surefoot.curve.band import Band as Band
from surefoot.curve.curve import Curve as Curve
from surefoot.curve.peak import Peak as Peak
from surefoot.curve.peak import Progress as Progress
from surefoot.curve.sensing import sensitivity as sensitivity
from surefoot.trial import Trial as Trial
