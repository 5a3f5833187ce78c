import importlib
import sys
from types import SimpleNamespace

import pytest


@pytest.fixture(scope="module")
def bench(request):
    """The modules NAMES of a benchmark's FOLDER, both as the test file says, and no trace of them afterwards."""
    names, folder = request.module.NAMES, str(request.module.FOLDER)
    kept = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    sys.path.insert(0, folder)
    try:
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in names})
    finally:
        sys.path.remove(folder)
        for name in names:
            sys.modules.pop(name, None)
        sys.modules.update(kept)
