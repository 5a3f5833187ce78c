"""Caching: machine code kept on disk between runs, which never stops one."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from contextlib import suppress
from inspect import getsource
from types import ModuleType
from typing import Any, final

_UNREADABLE = (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, ImportError, pickle.PickleError)


@final
class Kept:
    """numba's cache of one loop; a disk that is full, read-only or damaged costs a compilation, not the run."""

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)

    def load_overload(self, signature: Any, context: Any) -> Any:
        """Return the loop compiled for ``signature``, None where it is not there or can't be read."""
        try:
            return self._cache.load_overload(signature, context)
        except _UNREADABLE:
            with suppress(OSError):
                self._cache.flush()
            return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep a compiled loop, if that can be."""
        with suppress(*_UNREADABLE):
            self._cache.save_overload(signature, compiled)


def kept(dispatcher: Any, inlined: ModuleType) -> Callable[..., Any]:
    """Return ``dispatcher``, its machine code kept on disk where there is a place for it.

    numba asks whether the file of a loop changed. The code of the module ``inlined`` is in every loop too, so its text
    becomes part of the question.
    """
    # The names are numba's own. RuntimeError: there is no directory that it could write to.
    with suppress(RuntimeError, OSError):
        dispatcher.enable_caching()
        cache = dispatcher._cache  # noqa: SLF001  as above
        file = cache._cache_file  # noqa: SLF001  as above
        stamp = hashlib.sha256(getsource(inlined).encode()).digest()
        file._source_stamp = (file._source_stamp, stamp)  # noqa: SLF001  as above
        dispatcher._cache = Kept(cache)  # noqa: SLF001  as above
    loop: Callable[..., Any] = dispatcher
    return loop
