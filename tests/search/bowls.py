"""Tasks with known answers, importable by a worker process (the tests put this directory on its path)."""

import copy
import os
import signal
import time
import weakref

import numpy as np

from surefoot.history.reading import Reading

CURVATURE = 4.0


def bowl(schedule):
    """Stable exactly when the rate is below 2 / CURVATURE."""
    x = 1.0
    for step in range(schedule.total):
        loss = 0.5 * CURVATURE * x * x
        x -= schedule(step) * CURVATURE * x
        yield loss


def noisy_bowl(schedule, seed=0, noise=0.5, dim=20):
    """Gradient noise: too high a rate ends at a higher loss, too low a one does not arrive."""
    rng = np.random.default_rng(seed)
    spectrum = np.geomspace(0.05, 4.0, dim)
    x = np.ones(dim)

    def loss():
        return float(0.5 * (spectrum * x * x).sum())

    for step in range(schedule.total):
        before = loss()
        x = x - schedule(step) * (spectrum * x + noise * rng.standard_normal(dim))
        yield Reading(step, before + 0.1 * rng.standard_normal(), val_loss=loss)


class Fork:
    """A place in a run of ``Forked``."""

    def __init__(self, step, x, rng):
        self.step, self.x, self.rng = step, x, rng


class Forked:
    """The noisy bowl as an object whose runs can be branched; it counts updates, copies taken and copies alive."""

    def __init__(self, full=False, stop=None):
        self.updates, self.taken, self.most, self.stop = 0, 0, 0, stop
        self.alive, self.now, self.full = weakref.WeakSet(), None, full

    def __call__(self, schedule, seed=0):
        return self._run(schedule, Fork(0, np.ones(20), np.random.default_rng(seed)))

    def snapshot(self):
        if self.full:
            raise RuntimeError("CUDA out of memory")
        branch = copy.deepcopy(self.now)
        self.alive.add(branch)
        self.taken += 1
        self.most = max(self.most, len(self.alive))
        return branch

    def resume(self, branch, schedule):
        # The branch is held until the run ends, as one of live objects is.
        yield from self._run(schedule, copy.deepcopy(branch))
        assert branch in self.alive

    def _run(self, schedule, now):
        spectrum = np.geomspace(0.05, 4.0, 20)

        def loss():
            return float(0.5 * (spectrum * now.x * now.x).sum())

        while now.step < schedule.total:
            before = loss()
            now.x = now.x - schedule(now.step) * (spectrum * now.x + 0.5 * now.rng.standard_normal(20))
            now.step += 1
            self.updates += 1
            self.now = now
            if self.updates == self.stop:
                raise KeyboardInterrupt
            yield Reading(now.step - 1, before + 0.1 * now.rng.standard_normal(), val_loss=loss)


def unseeded(schedule):
    """Draws from the global generator, so it is the same run only if somebody seeds it."""
    x = 1.0
    for step in range(schedule.total):
        x -= schedule(step) * (x + 0.1 * np.random.standard_normal())  # noqa: NPY002  it is the subject
        yield x * x


def yielding(schedule):
    """Lets another thread run between its draws from the global generator."""
    for loss in unseeded(schedule):
        time.sleep(0.0005)
        yield loss


def slow(schedule):
    """Slow enough to be killed in."""
    for step, loss in enumerate(bowl(schedule)):
        if step % 10 == 0:
            time.sleep(0.001)
        yield loss


def counted(task, counts):
    """Return ``task`` counting its updates into ``counts``."""

    def run(schedule, **knobs):
        for value in task(schedule, **knobs):
            counts["updates"] += 1
            yield value

    return run


def interrupting(task, at):
    """Return ``task`` that is interrupted, as by Ctrl-C, at the update ``at`` counted over all its runs."""
    done = {"updates": 0}

    def run(schedule):
        for value in task(schedule):
            done["updates"] += 1
            if done["updates"] == at:
                os.kill(os.getpid(), signal.SIGINT)
            yield value

    return run


def noted(schedule, seed=0):
    """Slow, and writes a line to the file ``NOTES`` for every run that begins."""
    handle = os.open(os.environ["NOTES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(handle, f"{schedule.peak!r} {seed}\n".encode())
    os.close(handle)
    for loss in bowl(schedule):
        time.sleep(0.002)
        yield loss


def threads(schedule):
    """Its loss is the number of threads that its process was told to compute with."""
    for _ in range(schedule.total):
        yield float(os.environ.get("OMP_NUM_THREADS", "0"))


def ending(schedule):
    """Ends the process that runs it, as the kernel does where memory is short."""
    yield schedule.peak
    os._exit(9)
