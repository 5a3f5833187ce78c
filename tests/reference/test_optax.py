"""Methods against optax: in a process of its own, since jax's threads forbid forking."""

import subprocess
import sys
from pathlib import Path

RACE = Path(__file__).with_name("optax_race.py")


def test_methods_agree_with_optax():
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", str(RACE)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert "9 passed" in done.stdout
