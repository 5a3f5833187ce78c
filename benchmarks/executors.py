"""What do other processes gain, and what does a kill cost?

    python benchmarks/executors.py > benchmarks/results/executors.md

Speed: the same sweep in this process and on `sf.pool(2)`, in turns, three times each; the time of the pool holds its
start, torch's import in both workers included. The machine may be busy with other things, so the best of the turns is
shown, and beside it what does not depend on that: the processor time of either, how many of the two cores the pool was
given, and how many times faster two free cores make it, 2 x (processor time here) / (processor time there).

Kills: a sweep of 200 trials is killed with SIGKILL at 20 random moments and begun again each time. The task notes every
run that begins, so what is repeated is counted from outside.
"""

from __future__ import annotations

import collections
import os
import platform
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import surefoot as sf
from surefoot.tasks import BUILT_IN, resolve

TURNS = int(os.environ.get("TURNS", "3"))
SWEEPS = {"charlm": (400, 12), "digits_cnn": (1000, 12), "digits": (3000, 16)}
KILLS, RATES = 20, 100
KILLED = """
import sys
sys.path.insert(0, {here!r})
from executors import noted
import surefoot as sf

if __name__ == "__main__":
    rates = [0.01 * 1.1**k for k in range({rates})]
    options = {{"total": 200, "seeds": 2, "journal": sys.argv[1]}}
    if sys.argv[2] == "here":
        curve = sf.sweep(noted, rates, **options)
    else:
        with sf.pool(2) as executor:
            curve = sf.sweep(noted, rates, executor=executor, **options)
    print([(t.lr, t.seed, t.loss, t.losses) for t in curve.trials])
"""


def noted(schedule: Any, seed: int = 0) -> Any:
    """Descend into a noisy bowl, a fifth of a second long; a line in the file NOTES for every run that begins."""
    handle = os.open(os.environ["NOTES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(handle, f"{schedule.peak!r} {seed}\n".encode())
    os.close(handle)
    rng, x = np.random.default_rng(seed), 1.0
    for step in range(schedule.total):
        time.sleep(0.001)
        yield 2.0 * x * x
        x -= schedule(step) * (4.0 * x + rng.standard_normal())


def cpu() -> float:
    """Return the processor seconds of this process and of the children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def timed(task: Any, rates: list[float], total: int, workers: int) -> tuple[float, float, list[float]]:
    """Return the wall and processor seconds of one sweep, and its losses."""
    wall, processor = time.perf_counter(), cpu()
    if workers:
        with sf.pool(workers) as executor:
            curve = sf.sweep(task, rates, total=total, executor=executor)
    else:
        curve = sf.sweep(task, rates, total=total)
    return time.perf_counter() - wall, cpu() - processor, [trial.loss for trial in curve.trials]


def speed(name: str) -> str:
    """Return one line of the table of speed."""
    total, points = SWEEPS[name]
    task, usual = resolve(name), BUILT_IN[name].default_lr
    rates = [usual * 2.0 ** (k / 2) for k in range(-points // 2, points - points // 2)]
    turns = [[timed(task, rates, total, workers) for workers in (0, 2)] for _ in range(TURNS)]
    here, there = ([turn[k] for turn in turns] for k in (0, 1))
    ratios = [a[0] / b[0] for a, b in turns]
    wall = [min(one[0] for one in ones) for ones in (here, there)]
    processor = [min(one[1] for one in ones) for ones in (here, there)]
    same = "yes" if all(one[2] == here[0][2] for one in (*here, *there)) else "no"
    cells = [
        name,
        f"{points} x {total}",
        f"{wall[0]:.1f} s",
        f"{wall[1]:.1f} s",
        f"{wall[0] / wall[1]:.2f}",
        ", ".join(f"{ratio:.2f}" for ratio in ratios),
        f"{processor[0]:.1f} s",
        f"{processor[1]:.1f} s",
        f"{max(one[1] / one[0] for one in there):.2f}",
        f"{2 * processor[0] / processor[1]:.2f}",
        same,
    ]
    return f"| {' | '.join(cells)} |"


def begun(command: list[str], notes: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "NOTES": str(notes), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    )


def kills(how: str, whole: bool) -> str:
    """Return one line of the table of kills."""
    folder = Path(tempfile.mkdtemp())
    script = folder / "killed.py"
    script.write_text(KILLED.format(here=str(Path(__file__).parent), rates=RATES))
    command, chance = [sys.executable, str(script)], random.Random(how)
    expected = begun([*command, str(folder / "calm"), how], folder / "once").communicate()[0]
    notes, journal = folder / "notes", folder / "journal"
    worst = earlier = made = 0
    # A search that has nothing left to do could not be killed in the middle of it.
    while made < KILLS and (not journal.exists() or journal.read_bytes().count(b"\n") < 2 * RATES - 10):
        made += 1
        process = begun([*command, str(journal), how], notes)
        before = count(notes)
        while count(notes) == before and process.poll() is None:
            time.sleep(0.005)
        time.sleep(chance.uniform(0.0, 0.8 if how == "pool" else 1.6))
        (os.killpg if whole else os.kill)(process.pid, signal.SIGKILL)
        process.communicate()
        found = repeated(notes)
        worst, earlier = max(worst, found - earlier), found
    said = begun([*command, str(journal), how], notes).communicate()[0]
    runs = collections.Counter(notes.read_text().split("\n")[:-1])
    lines = journal.read_bytes().count(b"\n") - 1
    same = "yes" if said == expected and len(said) > 1000 else "no"
    killed = {"here": "the process", "pool": "all three processes" if whole else "the process that asked"}[how]
    where = {"here": "in-process", "pool": "two processes"}[how]
    total = repeated(notes)
    worst = max(worst, total - earlier)
    return f"| {where} | {killed} | {made} | {len(runs)} | {total} | {worst} | {lines} | {same} |"


def count(notes: Path) -> int:
    return notes.read_bytes().count(b"\n") if notes.exists() else 0


def repeated(notes: Path) -> int:
    runs = collections.Counter(notes.read_text().split("\n")[:-1]) if notes.exists() else collections.Counter()
    return sum(runs.values()) - len(runs)


def main() -> None:
    chosen = sys.argv[1:] or [*SWEEPS, "kills"]
    cores = len(os.sched_getaffinity(0))
    threads = os.environ.get("OMP_NUM_THREADS", "torch's own choice")
    print("# Other processes, and kills\n")
    print(f"{platform.machine()}, {cores} cores, Python {platform.python_version()}; threads in-process: {threads}.")
    print(f"Load of the machine before: {', '.join(f'{one:.1f}' for one in os.getloadavg())}.\n")
    print("| task | rates x updates | in-process | two processes | faster | each turn | CPU here | CPU there ", end="")
    print("| cores it got | on free cores | same losses |\n|---|---|---|---|---|---|---|---|---|---|---|")
    for name in SWEEPS:
        if name in chosen:
            print(speed(name), flush=True)
    if "kills" in chosen:
        print("\n| sweep | killed | kills | trials | repeated | at most by a kill | lines of journal | same answer |")
        print("|---|---|---|---|---|---|---|---|")
        for how, whole in (("here", False), ("pool", False), ("pool", True)):
            print(kills(how, whole), flush=True)


if __name__ == "__main__":
    main()
