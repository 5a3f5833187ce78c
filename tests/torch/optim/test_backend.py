"""Which twin of a pass runs, and that neither numba's absence nor its disk is anybody's trouble."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

import surefoot.torch as st
from surefoot.errors import ArgumentError
from surefoot.torch.optim.backend import chosen

STEP = """
import torch, surefoot, surefoot.torch as st
p = torch.nn.Parameter(torch.ones(3))
p.grad = torch.ones(3)
optimizer = st.optim.ScheduleFreeAdamW([p], lr=0.5, backend={backend!r})
optimizer.step()
print(optimizer.backend, [round(x, 4) for x in p.tolist()])
"""
HIDDEN = """
import importlib.abc, sys

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in ("numba", "llvmlite"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "numba" else found(name, package)
"""


def said(program, **environment):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        timeout=300,
        check=False,
    )
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


def ones(dtype, device="cpu"):
    return torch.ones(2, dtype=dtype, device=device)


@pytest.mark.parametrize(
    ("asked", "parameters", "expected"),
    [
        ("auto", [ones(torch.float32)], "numba"),
        ("auto", [ones(torch.bfloat16)], "numba"),
        ("auto", [ones(torch.float16), ones(torch.float32)], "numba"),
        ("auto", [ones(torch.float16)], "torch"),
        ("auto", [ones(torch.float32, "meta")], "torch"),
        ("torch", [ones(torch.float32)], "torch"),
        ("numba", [ones(torch.float64)], "numba"),
    ],
)
def test_the_backend_is_compiled_wherever_a_parameter_can_be(asked, parameters, expected):
    assert chosen(asked, parameters) == expected


@pytest.mark.parametrize(("asked", "sentence"), [("cuda", "give one of auto, numba, torch"), ("numba", "on a CPU")])
def test_a_backend_that_does_not_exist_or_does_not_fit_is_refused(asked, sentence):
    with pytest.raises(ArgumentError, match=sentence):
        chosen(asked, [ones(torch.float32, "meta")])


def test_nothing_is_imported_before_the_first_step_and_a_process_forked_after_it_can_step():
    program = STEP.format(backend="auto").replace(
        "optimizer.step()", "print(optimizer.backend, 'numba' in sys.modules); optimizer.step()"
    )
    fork = """
child = os.fork()
if child == 0:
    optimizer.step()
    os._exit(0 if abs(p[0].item() - 0.25) < 0.05 else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), p[0].item())
"""
    assert said("import os, sys" + program + fork).splitlines() == ["numba False", "numba [0.5, 0.5, 0.5]", "0 0.5"]


def test_without_numba_steps_run_in_torch_and_asking_for_it_names_the_extra():
    ask = """
try:
    st.optim.ScheduleFreeAdamW([p], backend="numba")
except surefoot.MissingExtraError as error:
    print(error)
"""
    assert said(HIDDEN + STEP.format(backend="auto") + ask).splitlines() == [
        "torch [0.5, 0.5, 0.5]",
        "backend='numba' needs numba: pip install 'surefoot[fast]'.",
    ]


def test_machine_code_that_finds_no_place_on_disk_is_not_kept(tmp_path):
    taken = tmp_path / "file"
    taken.write_text("")
    # Nor beside the source, nor at home.
    only = {"NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator", "NUMBA_CACHE_DIR": str(taken / "below")}
    assert said(STEP.format(backend="auto"), **only) == "numba [0.5, 0.5, 0.5]"


def test_two_threads_may_step_two_optimizers_at_once():
    def run(seed):
        p = torch.nn.Parameter(torch.full((500,), float(seed)))
        optimizer = st.optim.ScheduleFreeAdamW([p], lr=0.1)
        for _ in range(50):
            p.grad = p.detach().clone()
            optimizer.step()
        return p.detach()

    alone = [run(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(run, range(4)))
    assert all(a.equal(b) for a, b in zip(alone, together, strict=True))
