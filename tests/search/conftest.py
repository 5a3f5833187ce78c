import importlib.util
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session", autouse=True)
def bowls():
    """The module of tasks under its own name, so that pickle finds it here and in worker processes."""
    spec = importlib.util.spec_from_file_location("bowls", HERE / "bowls.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["bowls"] = module
    sys.path.append(str(HERE))
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(HERE))
    del sys.modules["bowls"]
