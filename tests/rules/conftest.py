import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def twins():
    spec = importlib.util.spec_from_file_location("twins", Path(__file__).parent / "twins.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
