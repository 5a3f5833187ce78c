"""Arrows only downward: each room may import the rooms below it, and nothing else."""

import ast
import sys
from pathlib import Path

import surefoot

ROOT = Path(surefoot.__file__).parent
CORE = {"errors", "_version", "_names"}
FRONT = {"__init__", "__main__"}
BELOW = {
    "schedule": {"chart", "svg"},
    "history": set(),
    "rules": set(),
    "methods": set(),
    "chart": {"rules"},
    "svg": {"chart"},
    "trial": set(),
    "curve": {"trial", "chart", "svg"},
    "task": {"schedule", "history", "curve"},
    "diagnosis": {"history", "schedule", "curve", "chart", "laws"},
    "laws": {"curve", "trial", "chart", "svg", "schedule"},
    "forecasting": {"history", "schedule", "chart", "svg", "laws", "trial"},
    "live": {"diagnosis", "history", "schedule"},
    "search": {"laws", "task", "schedule", "history", "curve", "trial", "forecasting"},
    "report": {
        "trial",
        "search",
        "task",
        "schedule",
        "history",
        "curve",
        "chart",
        "svg",
        "diagnosis",
        "live",
        "laws",
        "forecasting",
    },
    "torch": {"search", "task", "schedule", "history", "curve", "chart", "svg", "diagnosis", "live", "laws"},
    "integrations": {"torch", "live", "diagnosis", "schedule", "history"},
    "tasks": {"torch", "schedule", "history"},
    "cli": {
        "methods",
        "rules",
        "integrations",
        "laws",
        "forecasting",
        "diagnosis",
        "live",
        "trial",
        "report",
        "tasks",
        "search",
        "task",
        "schedule",
        "history",
        "curve",
        "chart",
        "svg",
    },
}
# What each room may import from outside besides the standard library and NumPy.
OUTSIDE = {
    "report": {"rich", "matplotlib"},
    "torch": {"torch", "numba", "llvmlite"},
    "tasks": {"torch", "sklearn", "mnist1d"},
    "integrations": {"torch", "transformers", "lightning", "accelerate", "ray"},
    "cli": {"click", "rich"},
}


def modules():
    return sorted(ROOT.rglob("*.py"))


def room(path):
    part = path.relative_to(ROOT).parts[0]
    return part.removesuffix(".py")


def imports(path):
    package = ["surefoot", *path.relative_to(ROOT).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield ".".join([*package[: len(package) - node.level + 1], node.module or ""]).strip(".")
        elif isinstance(node, ast.ImportFrom):
            whole = node.module == "surefoot"
            yield from (f"surefoot.{alias.name}" if whole else node.module for alias in node.names)


def test_every_room_is_on_the_plan():
    found = {room(path) for path in modules()} - CORE - FRONT
    assert found == set(BELOW)


def test_arrows_point_downward():
    wrong = []
    for path in modules():
        here = room(path)
        if here in CORE | FRONT:
            continue
        for name in imports(path):
            if name.split(".")[0] != "surefoot":
                continue
            there = name.split(".")[1] if "." in name else "surefoot"
            if there not in BELOW[here] | CORE | {here}:
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert wrong == []


def test_the_plan_has_no_circle():
    done = set()
    for _ in BELOW:
        done |= {name for name, below in BELOW.items() if below <= done}
    assert done == set(BELOW)


def test_only_the_rooms_at_the_edge_import_what_is_not_numpy():
    wrong = []
    for path in modules():
        allowed = {"surefoot", "numpy", *OUTSIDE.get(room(path), ())} | set(sys.stdlib_module_names)
        wrong += [f"{path.relative_to(ROOT)} imports {n}" for n in imports(path) if n.split(".")[0] not in allowed]
    assert [line for line in wrong if "_typeshed" not in line] == []


def test_files_stay_readable():
    long = {str(path.relative_to(ROOT)): n for path in modules() if (n := len(path.read_text().splitlines())) > 250}
    assert long == {}


def test_functions_stay_readable():
    long = []
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                lines = node.end_lineno - body[0].lineno + 1 if body else 0
                if lines > 40:
                    long.append(f"{path.relative_to(ROOT)}:{node.name} ({lines})")
    assert long == []


def test_nothing_is_left_to_do():
    marks = ("TO" + "DO", "FIX" + "ME", "X" * 3, "Not" + "ImplementedError")
    found = [f"{path.relative_to(ROOT)}: {m}" for path in modules() for m in marks if m in path.read_text()]
    assert found == []
