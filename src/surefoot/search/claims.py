"""Claims: locks of the operating system on a journal, so that processes that share it never run one trial twice.

A lock is on one byte, far beyond the end of the file: byte 0 for writing a line, one byte a trial for running it. It
is let go when its holder ends, however it ends. Where the system or the file system has no such locks (Windows, some
network disks) a claim is granted to everybody, and two processes may then repeat one another's trials.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

try:
    import fcntl as _fcntl
except ImportError:  # Windows
    _fcntl = None  # type: ignore[assignment]  # the absence of a module is its None

WRITING = 0
_FAR = 1 << 40
_MISSING = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}


@contextmanager
def claimed(path: Path, key: str) -> Iterator[int]:
    """Yield a handle of the journal at ``path`` with the right to run its trial ``key``; wait while another has it.

    POSIX takes closing any other handle of the file for letting go: read through this one, and write last.
    """
    handle = os.open(path, os.O_RDWR)
    try:
        locked(handle, _FAR + int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]))
        yield handle
    finally:
        os.close(handle)


def locked(handle: int, byte: int) -> None:
    """Lock ``byte`` of the open file ``handle`` for this process, until the handle is closed."""
    system: ModuleType | None = _fcntl
    if system is None:
        return
    try:
        system.lockf(handle, system.LOCK_EX, 1, byte)
    except OSError as error:
        if error.errno not in _MISSING:
            raise
