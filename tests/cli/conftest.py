"""The command line on a task file of its own: in this process, or in one of its own where that matters."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from surefoot.cli.run import run

COMMAND = (sys.executable, "-c", "from surefoot.cli import main; main()")
TASK = '''
import os
import time

import numpy as np


def task(schedule, seed=0, curvature=30.0):
    """A noisy bowl, as quick as ``PAUSE`` (seconds an update) lets it be."""
    pause = float(os.environ.get("PAUSE", "0"))
    rng = np.random.default_rng(seed)
    x, h = np.ones(4), np.array([1.0, 3.0, 10.0, curvature])
    for step in range(schedule.total):
        if pause:
            time.sleep(pause)
        yield float(0.5 * (h * x * x).sum()) + 0.1
        x = x - schedule(step) * (h * x + 0.01 * rng.normal(size=4))


def deaf(schedule):
    """Loses an interrupt, as compiled code sometimes does."""
    stream = task(schedule)
    while True:
        try:
            yield next(stream)
        except KeyboardInterrupt:
            stream = task(schedule)
        except StopIteration:
            return


def hopeless(schedule):
    for _ in range(schedule.total):
        yield 1.0


def broken(schedule):
    raise KeyError("no data")
    yield 0.0


def leaves(schedule):
    yield 1.0
    raise SystemExit(7)


def picky(schedule):
    if schedule.peak > 0.5:
        raise ValueError("not that one")
    yield from task(schedule)


def early(schedule):
    yield 1.0


def nothing(schedule):
    yield from ()


def nan(schedule):
    while True:
        yield float("nan")
'''


class Line:
    """A directory with a task file, and the command line in it."""

    def __init__(self, directory, capture):
        self.directory = directory
        self.capture = capture
        (directory / "mine.py").write_text(TASK, encoding="utf-8")

    def environment(self, **more):
        return {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "90", **more}

    def run(self, *arguments):
        code = run([str(argument) for argument in arguments])
        said = self.capture.readouterr()
        return SimpleNamespace(returncode=code, stdout=said.out, stderr=said.err)

    def process(self, *arguments, **more):
        return subprocess.run(
            [*COMMAND, *map(str, arguments)],
            cwd=self.directory,
            env=self.environment(**more),
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def start(self, *arguments, **more):
        return subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            cwd=self.directory,
            env=self.environment(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("COLUMNS", "90")
    return Line(tmp_path, capsys)
