"""What does diagnose say of runs whose trouble is known? Prints a table a corpus, peers' rules beside it.

    OMP_NUM_THREADS=1 python benchmarks/diagnosis/run.py [--logs FOLDER ...] [--curves FOLDER] [--wrong] [--out FILE]

With --curves and --out benchmarks/results/diagnosis.md it makes the committed table anew, in some seconds.

Nothing is trained here: record.py made the runs that are read.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

from curves import curves
from judging import judged
from labels import UNCLEAR, Labelled
from logs import logs
from made import RUNS, made
from table import beside, table, targets, wrong

ROOT = Path(__file__).parents[2]
LOGS = [ROOT / "tests" / "runs", ROOT / "benchmarks" / "results" / "diagnosis" / "frameworks"]

TITLES = {"runs": "Real logs that are committed", "frameworks": "Logs of Trainer and Lightning, made here"}

TEXT = """\
# What diagnose says of runs whose trouble is known

Each line counts the runs of one label: the gravest severity of their findings, whether the first finding that is no
info stands for the label, and which code came first ("-": called healthy). In brackets the 95 % interval of Wilson;
with few runs it is wide, and that is the point of it. No figure is averaged over labels. Runs labelled unclear are
left out. Diverged and collapsed count as one verdict, and so does a plateau that is known to come from a high rate.
Runs that are stuck_high look converged (they fell and went flat; only a better run shows that the rate was too high):
they are shown, and asked whether anybody is told to raise the rate, but not counted in the share of right verdicts.

- Committed logs: real, 31, in the formats of their frameworks; labels are one person's judgement of one plot each
  (tests/runs/README.md). The detectors were developed with them at hand: they are no proof.
- Trainer and Lightning: real log files of tiny models with one fault each (frameworks.py); the label is the intended
  one where the outcome bears it out.
- Published curves: 1,213 runs of four projects, labelled by rules over what is in the file (curves.py), nine in ten of
  the flat ones left out. Not in the repository.
- Runs made here: small models of the built-in tasks with known faults, logged in six ways (plan.py, training.py,
  logger.py); labels follow from the fault and from the outcome beside the best run of the same problem (outcomes.py).
  Small nets on small data for 300 to 600 updates: their noise and their spikes are not those of a large model.

Peers' rules are own small implementations of what their sources say, on logged rows (peers.py); "fired / asked".
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--logs", type=Path, nargs="*", default=LOGS, help="folders of logs")
    parser.add_argument("--curves", type=Path, help="the folder of published curves, not in the repository")
    parser.add_argument("--only", default="", help="only runs whose name contains this")
    parser.add_argument("--wrong", action="store_true", help="list the runs whose verdict is not their label")
    parser.add_argument("--out", type=Path, help="write here instead of printing")
    given = parser.parse_args()
    lines = [TEXT]
    for title, found in corpora(given.logs, given.curves).items():
        runs = [run for run in found if given.only in run.name]
        if runs:
            lines += section(title, runs, listed=given.wrong)
    print("\n".join(lines)) if given.out is None else given.out.write_text("\n".join(lines) + "\n")


def corpora(folders: list[Path], published: Path | None) -> dict[str, Iterator[Labelled]]:
    found = {
        TITLES.get(folder.name, str(folder)): logs(folder) for folder in folders if (folder / "index.jsonl").exists()
    }
    if published is not None and published.is_dir():
        found["Published curves"] = curves(published)
    if RUNS.exists():
        found["Runs made here with known faults"] = made()
    return found


def section(title: str, runs: list[Labelled], *, listed: bool) -> Iterator[str]:
    left = [run for run in runs if run.label == UNCLEAR]
    began = time.perf_counter()
    found = judged([run for run in runs if run.label != UNCLEAR])
    spent = time.perf_counter() - began
    yield f"## {title}\n"
    yield f"{len(found)} runs; {len(left)} unclear ones are left out.\n"
    yield from table(found)
    yield ""
    yield from targets(found)
    yield "\nThe rules of peers on the same rows, fired / could be asked:\n"
    yield from beside(found)
    if listed:
        yield f"\nDiagnosed in {spent:.1f} s. Verdict and label differ:\n"
        yield from wrong(found)
    yield ""


if __name__ == "__main__":
    main()
