"""The plan: which runs are made, with which fault, at which rate, and how each is logged."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from logger import EVERY, HIDDEN, LOGGERS, Logger
from problems import PROBLEMS
from training import Fault

import surefoot as sf

SHOWING = tuple(logger for logger in LOGGERS if "val_loss" in logger.names)
FINE = tuple(logger for logger in LOGGERS if logger.every in {1, 2, 5})
FACTORS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
SCHEDULES: Mapping[str, Callable[[float, int], sf.Schedule]] = {
    "cosine": lambda rate, total: sf.cosine(rate, total=total, warmup=0.05),
    "wsd": lambda rate, total: sf.wsd(rate, total=total, warmup=0.05),
    "linear": lambda rate, total: sf.linear(rate, total=total, warmup=0.1),
    "one_cycle": lambda rate, total: sf.one_cycle(rate, total=total),
    "constant": lambda rate, total: sf.constant(rate, total=total),
    "no warmup": lambda rate, total: sf.cosine(rate, total=total),
    "restarts": lambda rate, total: sf.restarts(rate, total=total, cycles=3),
}


@dataclass(frozen=True)
class Spec:
    """One run to make: the ``factor`` is on the problem's rate."""

    problem: str
    schedule: str
    factor: float
    logger: Logger
    fault: Fault = field(default=Fault())
    seed: int = 0

    @property
    def name(self) -> str:
        fault = self.fault
        what = "" if fault == Fault() else f" {fault.kind} {fault.size:g} at {fault.at:g} for {fault.steps}"
        kept = f"{self.logger.every:.2g}{' mean' if self.logger.mean else ''}{' hidden' if self.logger.hides else ''}"
        return f"{self.problem} {self.schedule} x{self.factor:g}{what} seed {self.seed} every {kept}"

    @property
    def group(self) -> str:
        """Runs of one group have one best: those that see other data are a group of their own."""
        other = self.fault.kind in {"noise", "wrong", "shuffled", "small", "full", "tiny"}
        return f"{self.problem} {self.fault.kind} {self.fault.size:g}" if other else self.problem


def plan() -> Iterator[Spec]:
    """Yield every run; the logger goes round by a hash of the rest, so that it goes with no fault."""
    for problem in PROBLEMS:
        for schedule in ("cosine", "constant"):
            for factor in FACTORS:
                yield _spec(problem, schedule, factor)
        for seed, schedule in enumerate(("cosine", "wsd", "linear", "one_cycle", "restarts", "no warmup"), start=1):
            yield _spec(problem, schedule, 0.5, seed=seed)
            yield _spec(problem, schedule, 1.0, seed=seed)
        yield _spec(problem, "restarts", 3.0)
        yield _spec(problem, "no warmup", 3.0)
        yield from _faulty(problem)
        yield from _visible(problem)
    for factor in (1.0, 3.0, 6.0, 12.0):
        for problem in ("digits_sgd", "deep"):
            yield Spec(problem, "constant", factor, EVERY, Fault("full"))


def _visible(problem: str) -> Iterator[Spec]:
    """Yield faults whose loggers can show them: overfitting with validation losses, spikes row by row."""
    turn = zlib.crc32(problem.encode())
    for k, size in enumerate((60, 150, 400)):
        schedule = ("wsd", "cosine", "constant")[(turn + k) % 3]
        yield Spec(problem, schedule, 1.0, SHOWING[(turn + k) % len(SHOWING)], Fault("wrong", size))
    for k, fault in enumerate((Fault("batch", 30, 0.4, 2), Fault("rate", 30, 0.6, 1), Fault("batch", 8, 0.7, 1))):
        yield Spec(problem, ("wsd", "linear")[k % 2], 1.0, FINE[(turn + k) % len(FINE)], fault, seed=1 + k)


def _faulty(problem: str) -> Iterator[Spec]:
    draw = zlib.crc32(problem.encode())
    at = [0.2 + 0.6 * ((draw >> 3 * k) % 64) / 64 for k in range(10)]
    for factor in (0.3, 1.0):
        yield _spec(problem, "cosine", factor, Fault("noise", 0.4))
        yield _spec(problem, "cosine", factor, Fault("tiny", 4))
        yield _spec(problem, "wsd", factor, Fault("small", 48))
    yield _spec(problem, "wsd", 1.0, Fault("shuffled"))
    yield _spec(problem, "wsd", 1.0, Fault("frozen"))
    yield _spec(problem, "constant", 0.3, Fault("frozen"))
    yield _spec(problem, "linear", 1.0, Fault("scaler"))
    for k, size in enumerate((1.0, 3.0, 10.0, 30.0)):
        yield _spec(problem, ("wsd", "cosine")[k % 2], 1.0, Fault("resume", size))
    for k, size in enumerate((10.0, 100.0, 1000.0)):
        yield _spec(problem, "wsd", 0.3 if size < 1000 else 1.0, Fault("batch", size, at[k], 1 + k))
        yield _spec(problem, "cosine", 0.3, Fault("rate", size, at[3 + k], 2))
    yield _spec(problem, "wsd", 1.0, Fault("nan", 1.0, at[6]))
    yield _spec(problem, "cosine", 0.3, Fault("nan", 1.0, at[7]))
    for k, logger in enumerate(HIDDEN):
        yield Spec(problem, "cosine", 1.0, logger, Fault("nan", 1.0, at[8 + k]))


def _spec(problem: str, schedule: str, factor: float, fault: Fault = Fault(), seed: int = 0) -> Spec:  # noqa: B008  frozen
    key = f"{problem} {schedule} {factor} {fault} {seed}".encode()
    return Spec(problem, schedule, factor, LOGGERS[zlib.crc32(key) % len(LOGGERS)], fault, seed)
