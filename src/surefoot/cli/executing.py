"""The executor that a search was asked to use on the command line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from surefoot.errors import ArgumentError
from surefoot.search.pooling import pool


def executor_of(asked: Mapping[str, Any]) -> AbstractContextManager[Executor | None]:
    """Return what opens the executor, or None for this process; raise ArgumentError for options that don't fit."""
    if asked["executor"] == "ray":
        return _ray(asked)
    for name in ("address", "cpus", "gpus"):
        if asked[name] is not None:
            raise ArgumentError(f"--{name} belongs to a Ray cluster: add --executor ray.")
    if asked["executor"] == "process":
        return pool(asked["workers"] or os.cpu_count() or 1)
    return nullcontext() if asked["workers"] is None else pool(asked["workers"])


def _ray(asked: Mapping[str, Any]) -> AbstractContextManager[Executor]:
    from surefoot.integrations.ray import RayExecutor  # noqa: PLC0415  Ray is an extra and takes seconds to import

    given = {"num_cpus": asked["cpus"], "num_gpus": asked["gpus"]}
    resources = {name: value for name, value in given.items() if value is not None}
    return RayExecutor(asked["address"], workers=asked["workers"], **resources)
