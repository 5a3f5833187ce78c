"""What does diagnose say of runs whose trouble is known? Prints a table a corpus, peers' rules beside it.

    OMP_NUM_THREADS=1 python benchmarks/diagnosis/run.py [--logs FOLDER ...] [--curves FOLDER] [--wrong] [--out FILE]

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--logs", type=Path, nargs="*", default=LOGS, help="folders of logs")
    parser.add_argument("--curves", type=Path, help="the folder of published curves, not in the repository")
    parser.add_argument("--only", default="", help="only runs whose name contains this")
    parser.add_argument("--wrong", action="store_true", help="list the runs whose verdict is not their label")
    parser.add_argument("--out", type=Path, help="write here instead of printing")
    given = parser.parse_args()
    lines = []
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
