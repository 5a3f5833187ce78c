"""Schedule-Free in two processes, replicated (DDP) and sharded (FSDP2), is Schedule-Free in one."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROGRAM = """
import copy, sys, torch
from torch import nn
import surefoot.torch as st

rank, folder, hows = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
if hows != ["alone"]:
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    from torch.distributed.checkpoint import state_dict as checkpoint
    try:
        from torch.distributed.fsdp import fully_shard
    except ImportError:  # torch 2.4 has it for CUDA alone
        from by_hand import fully_shard

def build(how):
    torch.manual_seed(0)
    inner = nn.Sequential(nn.Linear(6, 9), nn.Tanh(), nn.Linear(9, 5), nn.BatchNorm1d(5), nn.Linear(5, 3)).double()
    model = nn.parallel.DistributedDataParallel(inner) if how == "ddp" else inner
    if how == "fsdp":
        mesh = torch.distributed.init_device_mesh("cpu", (2,))
        for layer in (inner[0], inner[2], inner):
            fully_shard(layer, mesh=mesh)
    optimizer = st.optim.ScheduleFreeAdamW(model.parameters(), lr=0.05, weight_decay=0.1)
    optimizer.attach(model)
    return model, optimizer

def batch(k):
    x = torch.randn(16, 6, generator=torch.Generator().manual_seed(k), dtype=torch.float64)
    return x, (x[:, 0] > 0).long()

def train(how, model, optimizer, start, stop):
    # Statistics of half a batch would differ from those of a whole one.
    model.train()
    [layer.eval() for layer in model.modules() if isinstance(layer, nn.BatchNorm1d)]
    for k in range(start, stop):
        x, y = batch(k) if how == "alone" else (part[rank::2] for part in batch(k))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

def here(t):
    return getattr(t, "_local_tensor", t)

def whole(model):
    state = {name.removeprefix("module."): t for name, t in model.state_dict().items()}
    return {name: float((t.full_tensor() if hasattr(t, "full_tensor") else t).sum()) for name, t in state.items()}

@torch.no_grad()
def output(model):
    return float(model(batch(60)[0]).sum())

def told(how):
    model, optimizer = build(how)
    train(how, model, optimizer, 0, 8)
    with optimizer.evaluating():
        share = [batch(k)[0] for k in range(50, 54)]
        seen = st.optim.recalibrate_batchnorm(model, share if how == "alone" else share[rank::2])
        x = {name: here(t).clone() for name, t in model.state_dict().items()}
    right = all(torch.equal(here(t), x[name]) for name, t in model.state_dict().items())
    # A forward pass under x leaves whole weights behind: y must come back in their place.
    before = output(model)
    with optimizer.evaluating():
        between = output(model)
    right &= output(model) == before != between
    saved = whole(model)
    if how == "fsdp":
        kept = checkpoint.get_model_state_dict(model), checkpoint.get_optimizer_state_dict(model, optimizer)
    else:
        kept = model.state_dict(), optimizer.state_dict()
    kept = copy.deepcopy(kept)
    train(how, model, optimizer, 8, 12)
    end = whole(model)
    other, second = build(how)
    if how == "fsdp":
        checkpoint.set_model_state_dict(other, kept[0])
        checkpoint.set_optimizer_state_dict(other, second, kept[1])
    else:
        other.load_state_dict(kept[0])
        second.load_state_dict(kept[1])
    train(how, other, second, 8, 12)
    return right, whole(other) == end, seen, saved, end

print(repr([told(how) for how in hows]), flush=True)
if hows != ["alone"]:
    torch.distributed.destroy_process_group()
"""


def test_two_processes_are_one_replicated_and_sharded(tmp_path):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": HERE}
    starts = [["0", "alone"], ["0", "ddp", "fsdp"], ["1", "ddp", "fsdp"]]
    runs = [
        subprocess.Popen([sys.executable, "-c", PROGRAM, rank, str(tmp_path), *hows], **pipes) for rank, *hows in starts
    ]
    told = [run.communicate(timeout=300) for run in runs]
    # gloo aborts a process now and then when it ends, after right results: what was said is judged, not the code.
    assert all(out.strip() for out, _ in told), told
    ((right, resumed, seen, saved, end),), *both = (ast.literal_eval(out.strip().splitlines()[-1]) for out, _ in told)
    assert (right, resumed, seen) == (True, True, 4)
    for ddp, fsdp in both:
        for there in (ddp, fsdp):
            # It saves x, goes on bit for bit from what it saved, and ends where one process ends.
            assert there[:3] == (True, True, 2)
            assert there[3] == pytest.approx(saved, rel=1e-9, abs=1e-9)
            assert there[4] == pytest.approx(end, rel=1e-9, abs=1e-9)
