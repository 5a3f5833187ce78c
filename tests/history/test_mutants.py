"""A log that was cut, mangled or made up gives a history or one clear error, and ends."""

import importlib.util
import io
from pathlib import Path

import pytest

import surefoot as sf

ROOT = Path(__file__).parents[2]
SAMPLES = [path.read_bytes() for path in sorted((ROOT / "tests" / "history" / "samples").iterdir())]


@pytest.fixture(scope="module")
def mutating():
    spec = importlib.util.spec_from_file_location("mutating", ROOT / "benchmarks" / "diagnosis" / "mutating.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("block", range(8))
def test_a_mutant_gives_a_history_or_one_clear_error(mutating, block):
    outcomes = set()
    for seed in range(100 * block, 100 * block + 100):
        said = outcome(mutating.mutant(SAMPLES, seed))
        outcomes.add(said is None)
        assert said is None or ("\n" not in said and len(said) < 3_000), seed
    assert outcomes == {True, False}


def outcome(data):
    """Return None if a log is read, the error's sentence otherwise; anything else is raised."""
    try:
        history = sf.read(io.BytesIO(data))
    except sf.SurefootError as error:
        return str(error)
    assert len(history) > 0
    return None
