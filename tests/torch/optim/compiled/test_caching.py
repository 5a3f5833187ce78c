"""Machine code on disk: kept, made anew when it is damaged or when what is in it changed, and never in the way."""

import importlib.util
from types import ModuleType

import pytest
from numba import njit

from surefoot.torch.optim.compiled.caching import Kept, kept


def module(path, text):
    """Return a new module of ``text``, written to ``path``."""
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture
def loop(tmp_path):
    """Return a function that makes the loop anew, as a new process would, with another inlined module."""
    (tmp_path / "inlined").mkdir()

    def make(inlined="a = 1\n"):
        source = module(tmp_path / "loop.py", "def twice(x):\n    return 2 * x\n")
        return kept(njit(source.twice), module(tmp_path / "inlined" / f"m{abs(hash(inlined))}.py", inlined))

    return make


def found(dispatcher):
    """Call the loop and return whether its machine code came from the disk."""
    assert dispatcher(3) == 6
    return bool(dispatcher.stats.cache_hits)


def test_a_loop_is_compiled_once_and_again_when_what_is_inlined_changes(loop):
    assert [found(loop()), found(loop()), found(loop("a = 2\n")), found(loop("a = 2\n"))] == [False, True, False, True]


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_damaged_files_cost_a_compilation(loop, tmp_path, suffix):
    assert [found(loop()), found(loop())] == [False, True]
    for path in tmp_path.rglob(f"*{suffix}"):
        path.write_bytes(path.read_bytes()[:20])
    assert [found(loop()), found(loop())] == [False, True]


class Full:
    """A disk that takes nothing."""

    def load_overload(self, *_):
        return None

    def save_overload(self, *_):
        raise OSError(28, "No space left on device")


class Nowhere:
    """A loop that numba finds no directory for."""

    def enable_caching(self):
        raise RuntimeError("cannot cache function: no locator available")


def test_a_full_disk_costs_a_compilation_in_each_run():
    cache = Kept(Full())
    assert cache.load_overload("signature", "context") is None
    cache.save_overload("signature", "loop")


def test_a_loop_without_a_directory_is_given_as_it_is():
    dispatcher = Nowhere()
    assert kept(dispatcher, ModuleType("inlined")) is dispatcher
