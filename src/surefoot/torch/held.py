"""Held: the models, schedulers and generators that a user's functions use without being told of."""

from __future__ import annotations

import random
from collections.abc import Iterable
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

_WHOLE = (torch.nn.Module, torch.optim.Optimizer, LRScheduler, ReduceLROnPlateau, torch.amp.GradScaler)
_LIGHT = (torch.Generator, random.Random, np.random.Generator, np.random.RandomState, torch.utils.data.DataLoader)


def held(functions: Iterable[Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return what the functions refer to that a step changes: objects to keep whole, and those to keep by position.

    Looked at are closures, the globals that a function names, the arguments of a partial, a method's object, and one
    level into these: collections and attributes. Anything else that a step changes (a list that it appends to) is
    the user's own record and stays.

    >>> average, seen = torch.nn.Linear(1, 1), []
    >>> held([lambda: (average, seen)])
    ((Linear(in_features=1, out_features=1, bias=True),), ())
    """
    values = [value for function in functions for value in _referred(function)]
    inside = [part for value in values if not isinstance(value, _WHOLE) for part in _parts(value)]
    whole = {id(thing): thing for thing in (*values, *inside) if isinstance(thing, _WHOLE)}
    light = {id(thing): thing for thing in (*values, *inside) if isinstance(thing, _LIGHT)}
    return tuple(whole.values()), tuple(light.values())


def _referred(function: Any) -> list[Any]:
    if isinstance(function, partial):
        return [*_referred(function.func), *function.args, *function.keywords.values()]
    if isinstance(function, MethodType):
        return [*_referred(function.__func__), function.__self__]
    if not isinstance(function, FunctionType):
        return [function]
    cells = [cell.cell_contents for cell in function.__closure__ or () if _filled(cell)]
    names = function.__globals__
    return [*cells, *(names[name] for name in function.__code__.co_names if name in names)]


def _filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        # The function refers to a name that has no value yet.
        return False


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, (list, tuple)):
        return value
    return () if isinstance(value, (type, ModuleType)) else getattr(value, "__dict__", {}).values()
