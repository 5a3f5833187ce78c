"""An executor for many machines: every trial a Ray task, on a local cluster or on one that is running."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor, Executor, Future
from concurrent.futures import wait as awaited
from functools import partial
from typing import Any, TypeVar, final

from surefoot.errors import ArgumentError, MissingExtraError, TaskError

try:
    import ray
    from ray.exceptions import RayError, RayTaskError
except ImportError:
    raise MissingExtraError('surefoot.integrations.ray needs Ray: pip install "surefoot[ray]"') from None

Answer = TypeVar("Answer")


@final
class RayExecutor(Executor):
    """A ``concurrent.futures.Executor`` over Ray tasks: ``sf.tune(task, total=..., executor=RayExecutor())``.

    Without ``address`` it starts a local cluster of ``workers`` cores (None: all of them) and stops it at the end;
    with one ("auto", "ray://head:10001", or the variable RAY_ADDRESS) it joins a cluster and leaves it running; where
    Ray is connected already, it uses that. A trial occupies ``num_cpus``, ``num_gpus`` and ``resources``;
    ``runtime_env`` is Ray's, ``{"working_dir": "."}`` brings your files to the other machines. To cancel a future
    stops its trial, even one that is running. Raises ArgumentError for resources that can't be, TaskError where no
    cluster answers.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        workers: int | None = None,
        num_cpus: float = 1.0,
        num_gpus: float = 0.0,
        resources: Mapping[str, float] | None = None,
        runtime_env: Mapping[str, Any] | None = None,
    ) -> None:
        for name, value in (("num_cpus", num_cpus), ("num_gpus", num_gpus)):
            if isinstance(value, bool) or not value >= 0:
                raise ArgumentError(f"{name}={value!r} must be a number >= 0: what one trial occupies.")
        if workers is not None and address is not None:
            raise ArgumentError(f"workers={workers} is the size of a local cluster: leave it out with an address.")
        self._own = not ray.is_initialized()
        self._closed = False
        self._waiting: set[Future[Any]] = set()
        if self._own:
            _connected(address, workers, runtime_env)
        options = {"num_cpus": num_cpus, "num_gpus": num_gpus, "resources": dict(resources or {}), "max_retries": 0}
        self._run = ray.remote(_called).options(**options)

    def submit(self, fn: Callable[..., Answer], /, *args: Any, **kwargs: Any) -> Future[Answer]:
        """Return the future of ``fn(*args, **kwargs)``, run as one Ray task."""
        if self._closed:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future: Future[Answer] = Future()
        reference = self._run.remote(fn, args, kwargs)
        self._waiting.add(future)
        future.add_done_callback(partial(self._ended, reference=reference))
        reference.future().add_done_callback(partial(_relayed, to=future))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for what was submitted, or cancel it, and stop the cluster if it was started here."""
        self._closed = True
        left = tuple(self._waiting)
        for future in left if cancel_futures else ():
            future.cancel()
        if wait:
            awaited(left)
        if self._own and ray.is_initialized():
            ray.shutdown()

    def _ended(self, future: Future[Any], reference: Any) -> None:
        self._waiting.discard(future)
        if future.cancelled() and ray.is_initialized():
            ray.cancel(reference, force=True)


def _connected(address: str | None, workers: int | None, runtime_env: Mapping[str, Any] | None) -> None:
    # A search that reports its use to somebody would surprise whoever runs it.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray warns that it will stop hiding GPUs from tasks that asked for none; hidden or not is the same to a trial.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    local = address is None and "RAY_ADDRESS" not in os.environ
    options: dict[str, Any] = {"num_cpus": workers, "include_dashboard": False} if local else {}
    environment = dict(runtime_env or {})
    if local:
        # The workers of a cluster of our own import what this process can import, as those of a spawned pool do.
        here = {"PYTHONPATH": os.pathsep.join(sys.path)}
        environment["env_vars"] = here | dict(environment.get("env_vars", {}))
    try:
        ray.init(address, runtime_env=environment or None, log_to_driver=False, logging_level=logging.ERROR, **options)
    except (RayError, ConnectionError, ValueError, RuntimeError) as error:
        raise TaskError(f"address={address!r}: no Ray cluster could be joined or started ({error}).") from error


def _called(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return fn(*args, **kwargs)


def _relayed(source: Future[Any], to: Future[Any]) -> None:
    if not to.set_running_or_notify_cancel():
        return
    error = source.exception()
    if error is None:
        to.set_result(source.result())
    elif isinstance(error, RayTaskError):
        # What the trial raised, as it would be raised here; Ray's own text is the whole traceback of the worker.
        to.set_exception(getattr(error, "cause", None) or error)
    else:
        to.set_exception(BrokenExecutor(f"Ray: {error}"))
