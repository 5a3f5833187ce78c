import importlib.util
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TWINS = HERE.parents[1] / "reference"


def loaded(path):
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def twin():
    """The naive float64 twin of a method, from tests/reference, by its file's name."""
    return lambda name: loaded(TWINS / f"{name}.py")


@pytest.fixture(scope="session")
def hills():
    return loaded(HERE / "hills.py")
