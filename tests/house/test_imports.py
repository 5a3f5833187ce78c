"""What an import pulls in, seen from a process of its own."""

import json
import subprocess
import sys

import pytest

HEAVY = {"torch", "matplotlib", "jax", "optax", "transformers", "lightning", "accelerate", "sklearn", "scipy", "pandas"}
LIST = "import json, sys; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"


def pulled_in(program):
    done = subprocess.run([sys.executable, "-c", f"{program}\n{LIST}"], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_package_imports_nothing_but_the_standard_library():
    new = pulled_in("import surefoot") - pulled_in("import importlib, typing")
    assert new <= {"surefoot", "__future__"}


CORE = """
import surefoot as sf
for name in sf.__all__:
    getattr(sf, name)
"""


def test_every_public_name_comes_without_torch_or_a_framework():
    assert pulled_in(CORE) & (HEAVY | {"click", "rich"}) == set()


@pytest.mark.parametrize("arguments", [["--help"], ["plan", "--help"], ["--version"], ["plan", "cosine", "--help"]])
def test_the_command_line_helps_without_torch(arguments):
    program = f"""
from surefoot.cli import main
try:
    main({arguments!r})
except SystemExit as end:
    assert end.code in (0, None), end.code
"""
    assert pulled_in(program) & HEAVY == set()


def test_planning_needs_no_torch():
    program = """
from surefoot.cli import main
try:
    main(["plan", "cosine", "--peak", "3e-4", "--total", "1000"])
except SystemExit as end:
    assert end.code in (0, None), end.code
"""
    assert pulled_in(program) & HEAVY == set()


def test_the_package_is_a_command():
    command = [sys.executable, "-m", "surefoot", "--version"]
    assert "surefoot" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
