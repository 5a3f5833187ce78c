"""The built-in tasks: real, offline, small; each is written as a user would write it.

Importing this imports neither the tasks nor torch.
"""

from __future__ import annotations

from surefoot.tasks.built_in import BUILT_IN as BUILT_IN
from surefoot.tasks.built_in import BuiltIn as BuiltIn
from surefoot.tasks.resolve import resolve as resolve
