"""What a user may type for a task, and the sentence for what is wrong with it."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import pytest

from surefoot.errors import ArgumentError, BindingError, MissingExtraError, TaskError
from surefoot.tasks import BUILT_IN, resolve

GOOD = "LIMIT = 3\ndef train(schedule):\n    yield schedule(0)\n"


@pytest.fixture(autouse=True)
def kept_imports(tmp_path):
    path = list(sys.path)
    yield
    sys.path[:] = path
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


def write(directory, name, text):
    directory.mkdir(exist_ok=True)
    (directory / name).write_text(text)
    return f"{directory / name}"


def in_a_new_process(code, cwd):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=cwd, check=False)


def test_a_built_in_name_is_found():
    task = resolve("quadratic")
    assert f"{task.__module__}:{task.__name__}" == BUILT_IN["quadratic"].where


def test_a_function_of_a_module_is_found():
    from surefoot.tasks.analytic import valley  # noqa: PLC0415  what must be found

    assert resolve("surefoot.tasks.analytic:valley") is valley


def test_a_function_of_a_file_is_found_and_can_import_its_neighbours(tmp_path):
    write(tmp_path, "rates_beside_it.py", "RATE = 0.25\n")
    file = write(tmp_path, "my_run.py", "from rates_beside_it import RATE\ndef train(schedule):\n    yield RATE\n")
    task = resolve(f"{file}:train")
    assert list(task(None)) == [0.25]
    assert task.__module__ == "my_run"
    assert resolve(f"{file}:train") is task


def test_two_files_of_one_name_are_two_modules(tmp_path):
    one = resolve(write(tmp_path / "a", "same_name.py", "def train(s):\n    yield 1.0\n") + ":train")
    two = resolve(write(tmp_path / "b", "same_name.py", "def train(s):\n    yield 2.0\n") + ":train")
    assert (list(one(None)), list(two(None))) == ([1.0], [2.0])
    assert [pickle.loads(pickle.dumps(task)) is task for task in (one, two)] == [True, True]  # noqa: S301  made here


def test_a_file_named_like_the_standard_library_does_not_replace_it(tmp_path):
    task = resolve(write(tmp_path, "json.py", GOOD) + ":train")
    import json  # noqa: PLC0415  what must not be replaced

    assert task.__module__ != "json"
    assert json.loads("[1]") == [1]


def test_a_worker_that_inherits_the_import_path_can_unpickle_it(tmp_path):
    task = resolve(write(tmp_path, "worker_run.py", GOOD) + ":train")
    code = f"import pickle; print(next(pickle.loads({pickle.dumps(task)!r})(lambda t: 0.5)))"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)
    assert done.stdout == "0.5\n"


def test_a_module_of_the_working_directory_is_found(tmp_path):
    write(tmp_path, "near.py", GOOD)
    done = in_a_new_process("from surefoot.tasks import resolve; print(resolve('near:train').__name__)", tmp_path)
    assert done.stdout == "train\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("digit", r"task='digit' is no built-in task \(digits, .*\), and no file.py:function. Did you mean 'digits'\?"),
        ("nothing_like_it", r"is no built-in task \(.*\), and no file.py:function\.$"),
        ("nowhere.py", r"names no function \(and there is no such file\): write nowhere.py:task"),
        ("nowhere.py:train", r"task file 'nowhere.py' does not exist"),
        ("no_such_module:train", r"there is no module 'no_such_module' here; for a file write its path"),
        ("surefoot.no_such:train", r"there is no module 'surefoot.no_such' here"),
        ("surefoot.tasks:", r"must end in the name of a function"),
        ("surefoot.tasks.analytic:vally", r"has no function 'vally': did you mean 'valley'\?"),
        ("surefoot.tasks.built_in:BUILT_IN", r"surefoot.tasks.built_in:BUILT_IN is a dict, not a function"),
    ],
)
def test_what_does_not_exist_is_named(text, said):
    with pytest.raises(ArgumentError, match=said):
        resolve(text)


@pytest.mark.parametrize(
    ("text", "function", "error", "said"),
    [
        (GOOD, "trian", ArgumentError, r"has no function 'trian': did you mean 'train'\?"),
        (GOOD, "other", ArgumentError, r"has no function 'other': it has train\.$"),
        ("X = 1\n", "train", ArgumentError, r"it has no function at all\.$"),
        (GOOD, "LIMIT", ArgumentError, r"LIMIT is an int, not a function"),
        ("1 / 0\n", "train", TaskError, r"could not be imported: it raised ZeroDivisionError: division by zero$"),
        ("def train(:\n", "train", TaskError, r"could not be imported: it raised SyntaxError"),
        ("raise SystemExit(3)\n", "train", TaskError, r"it raised SystemExit: 3$"),
        ("import no_such_package\n", "train", TaskError, r"it needs no_such_package, which is not installed here\.$"),
        ("from surefoot.errors import *\nraise BindingError('lost')\n", "train", BindingError, "^lost$"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_and_nothing_stays(tmp_path, text, function, error, said):
    file = write(tmp_path, "broken_run.py", text)
    with pytest.raises(error, match=said):
        resolve(f"{file}:{function}")
    assert error is ArgumentError or "broken_run" not in sys.modules


@pytest.mark.parametrize("package", ["torch", "sklearn"])
def test_a_missing_package_gives_the_command_that_installs_it(package, tmp_path):
    file = write(tmp_path, "needs_it.py", f"import {package}\ndef train(schedule):\n    yield 1.0\n")
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from surefoot.errors import MissingExtraError\n"
        "from surefoot.tasks import resolve\n"
        f"for name in ('digits', {file + ':train'!r}):\n"
        "    try: resolve(name)\n"
        "    except MissingExtraError as error: print(error)\n"
    )
    said = in_a_new_process(code, tmp_path).stdout.splitlines()
    assert said == [
        f'the task "digits" needs {package}, not installed here: pip install "surefoot[tasks]"',
        f'{file} needs {package}, which is not installed here: pip install "surefoot[tasks]"',
    ]


def test_a_missing_package_is_an_import_error():
    assert issubclass(MissingExtraError, ImportError)
