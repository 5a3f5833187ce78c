"""Two processes of gloo on this machine search together.

gloo aborts a process now and then when it ends, after right results: what was said is judged, not the exit code.
"""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import torch.distributed.fsdp

# torch has fully_shard under this name from 2.6 on.
SHARDED = ["FSDP2", "FSDP"] if hasattr(torch.distributed.fsdp, "fully_shard") else ["FSDP"]

BEGIN = """
import json, os, sys, torch, torch.distributed as dist, torch.distributed.fsdp
from torch import nn
import surefoot as sf, surefoot.torch as st
from surefoot.errors import SurefootError
from surefoot.torch import consenting

rank, folder = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)


def tell(*said):
    print(json.dumps(said), flush=True)


def built(kind):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 16), nn.Dropout(0.1), nn.Linear(16, 3))
    if kind == "DDP":
        return nn.parallel.DistributedDataParallel(model)
    if kind == "FSDP":
        options = {"device_id": torch.device("cpu"), "use_orig_params": True}
        return torch.distributed.fsdp.FullyShardedDataParallel(model, **options)
    mesh = dist.device_mesh.init_device_mesh("cpu", (2,))
    # The root keeps parameters of its own: it is what a validation leaves gathered.
    for part in (model[0], model):
        torch.distributed.fsdp.fully_shard(part, mesh=mesh)
    return model


def data(rank):
    x = torch.randn(128, 6, generator=torch.Generator().manual_seed(rank))
    return torch.utils.data.TensorDataset(x, (x[:, 0] > 0).long())


loss_fn = nn.functional.cross_entropy
"""


def started(tmp_path, program, *arguments):
    path = tmp_path / "program.py"
    path.write_text(BEGIN + textwrap.dedent(program), encoding="utf-8")
    command = [sys.executable, path]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return [subprocess.Popen([*command, str(rank), str(tmp_path), *arguments], **pipes) for rank in range(2)]


def told(ranks):
    """Return what each rank said, and fail if one never ends."""
    try:
        said = [rank.communicate(timeout=120) for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
            rank.communicate()
    assert all(out for out, _ in said), said
    return [[json.loads(line) for line in out.splitlines()] for out, _ in said]


SEARCH = """
def course(search):
    model = built(sys.argv[3])
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    loader = torch.utils.data.DataLoader(data(rank), 16, shuffle=True)
    held = torch.utils.data.DataLoader(data(rank + 5), 64)
    torch.manual_seed(rank)

    def train():
        for x, y in loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()

    train()
    who = [id(p) for p in model.parameters()]
    if search:
        peak = st.find(model, optimizer, loader, loss_fn, total=300, val_loader=held, clip=1.0)
        curve = [(trial.lr, trial.loss, trial.losses, trial.status) for trial in peak.curve.trials]
        tell(peak.lr, peak.low, peak.high, peak.edge, peak.why, curve)
    assert who == [id(p) for p in model.parameters()]
    train()
    tensors = [p.detach() for p in model.parameters()]
    tensors += [value for state in optimizer.state.values() for value in state.values()]
    tell([float((one.to_local() if hasattr(one, "to_local") else one).double().sum()) for one in tensors])


course(search=True)
course(search=False)
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What the ranks of each kind say: the answer, the end of a training with the search in it, and of one without."""
    return {kind: told(started(tmp_path_factory.mktemp(kind), SEARCH, kind)) for kind in ("DDP", *SHARDED)}


@pytest.mark.parametrize("kind", ["DDP", *SHARDED])
def test_every_rank_sees_the_same_curve_and_makes_the_same_decision(found, kind):
    first, second = (said[0] for said in found[kind])
    assert first == second
    assert first[0] is not None
    assert len(first[-1]) >= 3


@pytest.mark.parametrize("kind", ["DDP", *SHARDED])
def test_training_goes_on_as_if_there_had_been_no_search(found, kind):
    for _, searched, plain in found[kind]:
        assert searched == plain


@pytest.mark.parametrize("kind", SHARDED)
def test_sharded_weights_find_what_whole_ones_find(found, kind):
    whole, sharded = (found[one][0][0][-1] for one in ("DDP", kind))
    assert [trial[1] for trial in sharded] == pytest.approx([trial[1] for trial in whole], rel=1e-3)


JOURNAL = """
model = built("DDP")
optimizer = torch.optim.SGD(model.parameters(), 1e-2)
loader = torch.utils.data.DataLoader(data(rank), 16, shuffle=True)
told, path = [], os.path.join(folder, "deep", "journal.jsonl")


def search(journal):
    peak = st.tune(model, optimizer, loader, loss_fn, total=200, journal=journal, progress=told.append)
    return peak.lr, [(trial.lr, trial.losses) for trial in peak.curve.trials]


plain = search(None)
first = search(path if rank == 0 else os.path.join(folder, "other", "journal.jsonl"))
finished = [one for one in told if one.finished]
dist.barrier()
if rank == 0:
    with open(path) as stream:
        lines = stream.readlines()
    with open(path, "w") as stream:
        stream.writelines(lines[:3])
dist.barrier()
again = search(path)
tell(plain == first == again, plain, len(finished) > 0, sorted(os.listdir(folder)))
"""


def test_rank_0_alone_writes_the_journal_and_shows_progress_and_all_resume_from_it(tmp_path):
    first, second = (said[0] for said in told(started(tmp_path, JOURNAL)))
    assert first[:2] == second[:2]
    assert first[0]
    assert (first[2], second[2]) == (True, False)
    assert "other" not in first[3]


RAISING = """
def task(schedule):
    "Says which rank it is, and fails on one of them at one update."
    for step in range(schedule.total):
        if rank == 1 and step == 7:
            raise LookupError("no batch")
        yield 1.0 + rank - step / 100


def diverging(schedule):
    for step in range(schedule.total):
        if rank == 1 and schedule.peak > 0.01 and step == 7:
            raise ValueError("Input contains NaN")
        yield 1.0 + rank - step / 100


def judged(schedule):
    "Only rank 0 validates."
    for step in range(schedule.total):
        yield sf.Reading(step, 5.0, val_loss=(lambda: 3.0 - schedule.peak) if rank == 0 else None)


def short(schedule):
    for step in range(schedule.total - rank):
        yield 1.0


def said(error):
    return type(error).__name__, str(error)


for one in (task, short):
    with st.together(one) as ours:
        try:
            sf.sweep(ours.task, [0.1], total=20)
        except SurefootError as error:
            tell(*said(error))
for one in (diverging, judged):
    with st.together(one) as ours:
        curve = sf.sweep(ours.task, [0.001, 0.1], total=20)
        tell([(trial.status, trial.loss, trial.losses) for trial in curve.trials])
"""


def test_what_happens_on_one_rank_happens_on_all(tmp_path):
    first, second = told(started(tmp_path, RAISING))
    (kind, text), (other_kind, other) = first[0], second[0]
    assert kind == other_kind == "TaskError"
    assert text == "rank 1 raised LookupError: no batch"
    assert other.startswith("task raised LookupError (no batch) at update 7")
    assert first[1] == second[1]
    assert first[1][1].startswith("short ended after 19 updates where 20 were asked for")
    assert first[2] == second[2]
    assert [status for status, *_ in first[2][0]] == ["done", "diverged"]
    assert first[2][0][0][2][0] == 1.5
    assert first[3] == second[3]
    assert [loss for _, loss, _ in first[3][0]] == [3.0 - 0.001, 3.0 - 0.1]


# gloo of torch 2.4 knows no timeout of one word, only that of the group; newer ones wait for the grace alone.
STUCK = """
from datetime import timedelta
from importlib import import_module

consenting.GRACE = 1.0
import_module("surefoot.torch.together").MEETING = timedelta(seconds=20)
model = built("DDP")
optimizer = torch.optim.SGD(model.parameters(), 1e-2)
batches = list(torch.utils.data.DataLoader(data(rank), 16))


class Torn:
    def __iter__(self):
        for k, batch in enumerate(batches):
            if rank == 1 and k == 5:
                raise OSError("the disk is gone")
            yield batch


try:
    st.find(model, optimizer, Torn(), loss_fn, total=200)
except SurefootError as error:
    tell(type(error).__name__, str(error))
"""


def test_a_rank_that_fails_before_a_collective_of_the_model_leaves_nobody_waiting(tmp_path):
    first, second = (said[0] for said in told(started(tmp_path, STUCK)))
    assert second[0] == "TaskError"
    assert "the disk is gone" in second[1]
    assert first[0] == "TaskError"


INTERRUPTED = """
import time
from pathlib import Path

model = built("DDP")
optimizer = torch.optim.SGD(model.parameters(), 1e-2)
loader = torch.utils.data.DataLoader(data(rank), 16, shuffle=True)
told = []


def slow(x, y):
    time.sleep(0.01)
    if not told:
        told.append(rank)
        tell("begun")
    return loss_fn(x, y)


peak = st.find(model, optimizer, loader, slow, total=4000)
tell(peak.lr, "interrupted" in peak.why, [(trial.lr, trial.losses) for trial in peak.curve.trials])
"""


def test_ctrl_c_in_one_rank_ends_the_search_of_all_at_the_same_update(tmp_path):
    ranks = started(tmp_path, INTERRUPTED)
    assert [rank.stdout.readline() for rank in ranks] == ['["begun"]\n'] * 2
    time.sleep(1.0)
    os.kill(ranks[1].pid, signal.SIGINT)
    first, second = (said[0] for said in told(ranks))
    assert first == second
    assert first[1]


def test_the_example_finds_the_same_peak_in_every_rank_under_torchrun():
    example = Path(__file__).parents[2] / "examples" / "distributed.py"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(example)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False).stdout.splitlines()
    assert sorted(line.split(":")[0] for line in said) == ["rank 0", "rank 1"]
    assert len({line.split(":")[1] for line in said}) == 1
