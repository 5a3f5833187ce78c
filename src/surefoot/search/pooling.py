"""Pools: trials in other processes of this machine, its cores shared out among them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, wait
from contextlib import contextmanager
from functools import cache
from multiprocessing.connection import wait as either
from pathlib import Path

from surefoot.errors import ArgumentError
from surefoot.search.claims import claimed
from surefoot.search.gauges import Gauge
from surefoot.search.journal import looked_up, written
from surefoot.search.running import Request, run_trial
from surefoot.trial import Trial

# What libraries of linear algebra read when they are loaded.
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

_PATIENCE = 5.0


@contextmanager
def pool(workers: int) -> Iterator[Executor]:
    """Yield an executor of ``workers`` fresh processes for ``sweep``, ``tune`` and ``find``; they end with the block.

    Each has its share of the machine's cores. Ctrl-C is for this process alone, and no worker outlives the block;
    where this process is killed, a worker writes the trial it has in hand to the journal, if there is one, and ends.
    A script that uses it needs ``if __name__ == "__main__":``, as with every pool. Raises ArgumentError.

    >>> with pool(1) as executor:
    ...     executor.submit(abs, -3).result()
    3
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise ArgumentError(f"workers={workers!r} must be an int >= 1: how many processes run trials.")
    executor = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _begun)
    before = set(multiprocessing.active_children())
    try:
        # The workers inherit a blocked Ctrl-C, and none falls into their start, which would leave them half born.
        with _deaf(), shared_out(executor):
            wait([executor.submit(int) for _ in range(workers)])
        yield executor
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        # After Ctrl-C a worker may be in the middle of a trial that nobody waits for any more.
        started = set(multiprocessing.active_children()) - before
        for child in started:
            child.terminate()
        for child in started:
            child.join(_PATIENCE)


@contextmanager
def _deaf() -> Iterator[None]:
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    old = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, old)


def _begun() -> None:
    _tether()


def threads_each(executor: Executor) -> int:
    """Return how many threads each of an executor's processes should compute with: its share of the cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // getattr(executor, "_max_workers", 1))


@contextmanager
def shared_out(executor: Executor) -> Iterator[None]:
    """Let processes that the executor starts inside begin with their share of the cores, unless the user chose."""
    unset = [name for name in _THREADS if name not in os.environ]
    if not isinstance(executor, ProcessPoolExecutor) or "OMP_NUM_THREADS" not in unset:
        yield
        return
    os.environ.update(dict.fromkeys(unset, str(threads_each(executor))))
    try:
        yield
    finally:
        for name in unset:
            os.environ.pop(name, None)


def run_there(request: Request, journal: Path | None, threads: int, gauge: Gauge | None = None) -> Trial:
    """Run one trial in a worker process and write it to the journal the moment it is done.

    So what is finished stays finished when the process that asked is killed. Where another process has the trial in
    hand, one that outlived its own parent for instance, it is waited for and its result taken.
    """
    torch = sys.modules.get("torch")
    if torch is not None and "OMP_NUM_THREADS" not in os.environ and torch.get_num_threads() > threads:
        # The pool had begun before it was known what for.
        torch.set_num_threads(threads)
    tether, watch = _tether(), None if gauge is None else gauge.told()
    if journal is None:
        return run_trial(request, watch)
    with tether, claimed(journal, request.key) as handle:
        _leave_if_orphaned()
        earlier = looked_up(handle, request.key)
        if earlier is not None:
            return earlier
        trial = run_trial(request, watch)
        written(journal, request.key, trial)
        return trial


@cache
def _tether() -> threading.Lock:
    """Return the lock to hold while a trial must not be lost; the process ends once its parent has and it is free."""
    free, parent = threading.Lock(), multiprocessing.parent_process()

    def follow() -> None:
        either([parent.sentinel])  # type: ignore[union-attr]  # started only where there is a parent
        with free:
            os._exit(1)

    if parent is not None:
        threading.Thread(target=follow, daemon=True, name="surefoot-tether").start()
    return free


def _leave_if_orphaned() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():
        os._exit(1)
