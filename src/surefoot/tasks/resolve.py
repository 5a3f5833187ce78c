"""A task from what a user types: a built-in name, ``module:function``, or ``file.py:function``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from hashlib import blake2b
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from surefoot.errors import ArgumentError, MissingExtraError, SurefootError, TaskError, kind
from surefoot.tasks.built_in import BUILT_IN, BuiltIn

# What the extra "tasks" installs, by the name it is imported under.
_EXTRA = ("torch", "sklearn", "mnist1d")


def resolve(name: str) -> Callable[..., Any]:
    """Return the task that ``name`` means: a built-in name, ``module:function`` or ``path/to/file.py:function``.

    The file's directory (or the working directory, for a module) joins the import path, as ``python file.py`` does,
    so that the task can import its neighbours and worker processes can import the task. Raises ArgumentError for
    a name, file or function that does not exist, TaskError for one that fails while being imported,
    MissingExtraError where a built-in task lacks its packages.

    >>> resolve("quadratic").__name__
    'quadratic'
    """
    if name in BUILT_IN:
        return _built_in(name, BUILT_IN[name])
    place, colon, function = name.rpartition(":")
    if name.endswith(".py") or not colon:
        raise ArgumentError(_unknown(name))
    if not function.isidentifier():
        raise ArgumentError(f"task={name!r} must end in the name of a function: file.py:function or module:function.")
    module = _from_file(Path(place)) if place.endswith(".py") else _from_module(place)
    return _callable(module, function, place)


def _built_in(name: str, entry: BuiltIn) -> Callable[..., Any]:
    missing = [package for package in entry.needs if find_spec(package) is None]
    if missing:
        raise MissingExtraError(
            f'the task "{name}" needs {" and ".join(missing)}, not installed here: pip install "surefoot[tasks]"'
        )
    module, _, function = entry.where.partition(":")
    return _callable(import_module(module), function, module)


def _unknown(name: str) -> str:
    if name.endswith(".py"):
        missing = "" if Path(name).is_file() else " (and there is no such file)"
        return f"task={name!r} names no function{missing}: write {name}:task for a function called task."
    close = get_close_matches(name, BUILT_IN, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"task={name!r} is no built-in task ({', '.join(BUILT_IN)}), and no file.py:function.{hint}"


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ArgumentError(f"task file {str(path)!r} does not exist: give a path that can be read from {Path.cwd()}.")
    path = path.resolve()
    name = _module_name(path)
    if name in sys.modules:
        return sys.modules[name]
    _join_import_path(path.parent)
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ArgumentError(f"task file {str(path)!r} cannot be imported: it must be Python source.")
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        with _importing(str(path)):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _from_module(place: str) -> ModuleType:
    _join_import_path(Path.cwd())
    with _importing(place):
        return import_module(place)


@contextmanager
def _importing(place: str) -> Iterator[None]:
    try:
        yield
    except SurefootError:
        raise
    except ModuleNotFoundError as error:
        raise _not_found(error, place) from error
    except (Exception, SystemExit) as error:
        said = " ".join(str(error).split())
        raise TaskError(f"{place} could not be imported: it raised {type(error).__name__}: {said}") from error


def _not_found(error: ModuleNotFoundError, place: str) -> SurefootError:
    missing = error.name or ""
    if f"{place}.".startswith(f"{missing}."):
        return ArgumentError(f"task: there is no module {missing!r} here; for a file write its path, file.py:function.")
    if missing in _EXTRA:
        return MissingExtraError(f'{place} needs {missing}, which is not installed here: pip install "surefoot[tasks]"')
    return TaskError(f"{place} could not be imported: it needs {missing}, which is not installed here.")


def _module_name(path: Path) -> str:
    # The file's own name where it is free, so that a worker process, which inherits sys.path, finds it by import;
    # otherwise one that is the same in every process.
    taken = path.stem in sys.stdlib_module_names or not path.stem.isidentifier()
    known = sys.modules.get(path.stem)
    if not taken and (known is None or _source(known) == path):
        return path.stem
    return f"_{blake2b(str(path).encode(), digest_size=6).hexdigest()}_{path.stem}"


def _source(module: ModuleType) -> Path | None:
    file = getattr(module, "__file__", None)
    return None if file is None else Path(file).resolve()


def _join_import_path(directory: Path) -> None:
    if str(directory) not in sys.path:
        sys.path.insert(0, str(directory))


def _callable(module: ModuleType, function: str, place: str) -> Callable[..., Any]:
    found = getattr(module, function, None)
    if callable(found):
        return found  # type: ignore[no-any-return]  # callable() does not narrow Any
    if found is not None:
        raise ArgumentError(f"{place}:{function} is {kind(found)}, not a function that takes a schedule.")
    here = [key for key, value in vars(module).items() if callable(value) and _source_name(value) == module.__name__]
    close = get_close_matches(function, here, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(here) or 'no function at all'}."
    raise ArgumentError(f"{place} has no function {function!r}: {hint}")


def _source_name(value: object) -> str | None:
    return getattr(value, "__module__", None)
