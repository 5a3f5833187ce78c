import importlib.util
from pathlib import Path

import pytest

HILLS = Path(__file__).parents[1] / "torch" / "optim" / "hills.py"


@pytest.fixture(scope="session")
def hills():
    spec = importlib.util.spec_from_file_location("reference_hills", HILLS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
