"""Read and diagnose mutated logs: what is not an answer must be one clear error, and soon.

python benchmarks/diagnosis/mutants.py [COUNT] [SECONDS]    20,000 mutants, 10 seconds for each
"""

from __future__ import annotations

import collections
import io
import signal
import sys
import time
import traceback
from pathlib import Path

from mutating import mutant

import surefoot as sf

TESTS = Path(__file__).parents[2] / "tests"


class Hang(BaseException):
    pass


def samples():
    runs = [path for path in (TESTS / "runs").rglob("*") if path.is_file() and path.suffix in {".csv", ".log", ".tab"}]
    runs += (TESTS / "runs").rglob("trainer_state.json")
    small = [path for path in (TESTS / "history" / "samples").rglob("*") if path.is_file()]
    return [path.read_bytes() for path in sorted(small + [p for p in runs if p.stat().st_size < 200_000])]


def outcome(data):
    try:
        history = sf.read(io.BytesIO(data))
    except sf.SurefootError as error:
        one = str(error).count("\n") == 0 and len(str(error)) < 3_000
        return "refused" if one else f"TRACEBACK: a message of {len(str(error))} characters"
    try:
        sf.diagnose(history)
    except sf.SurefootError as error:
        return f"refused by diagnose: {error}"[:200]
    return "read"


def alarmed(*_):
    raise Hang


def main(count, seconds):
    signal.signal(signal.SIGALRM, alarmed)
    found, counts, slowest = samples(), collections.Counter(), (0.0, -1)
    for seed in range(count):
        data = mutant(found, seed)
        start = time.perf_counter()
        signal.alarm(seconds)
        try:
            said = outcome(data)
        except Hang:
            said = "HANG"
        except Exception:  # noqa: BLE001  any of them is what is counted here
            said = "TRACEBACK " + traceback.format_exc().strip().splitlines()[-1][:200]
            if counts[said] == 0:
                print(seed, traceback.format_exc(), flush=True)
        finally:
            signal.alarm(0)
        if said not in {"read", "refused"} and counts[said] == 0:
            print(f"seed {seed}: {said}", flush=True)
        counts[said] += 1
        slowest = max(slowest, (time.perf_counter() - start, seed))
    for said, number in counts.most_common():
        print(f"{number:7d}  {said}")
    print(f"slowest: {slowest[0]:.2f} s (seed {slowest[1]})")


if __name__ == "__main__":
    main(*(int(given) for given in (sys.argv + [20_000, 10][len(sys.argv) - 1 :])[1:3]))
