"""D-Adaptation and Prodigy in two processes, replicated (DDP) and sharded (FSDP2), find the d of one."""

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

how, rank, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
alone = how == "alone"
if not alone:
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
SETTINGS = {
    "DAdaptSGD": {"momentum": 0.9},
    "DAdaptAdam": {"decouple": True},
    "DAdaptAdaGrad": {},
    "DAdaptLion": {},
    "Prodigy": {"use_bias_correction": True, "safeguard_warmup": True},
}

def build(kind):
    torch.manual_seed(0)
    model = inner = nn.Sequential(nn.Linear(6, 9), nn.Tanh(), nn.Linear(9, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    nn.init.zeros_(inner[4].weight)
    if how == "ddp":
        model = nn.parallel.DistributedDataParallel(inner)
    if how == "fsdp":
        try:
            from torch.distributed.fsdp import fully_shard
        except ImportError:  # torch 2.4 has it for CUDA alone
            from by_hand import fully_shard
        mesh = torch.distributed.init_device_mesh("cpu", (2,))
        for layer in (inner[0], inner[2], inner):
            fully_shard(layer, mesh=mesh)
    return model, getattr(st.optim, kind)(model.parameters(), weight_decay=0.01, d0=1e-4, **SETTINGS[kind])

def train(model, optimizer, start, stop):
    for k in range(start, stop):
        x = torch.randn(16, 6, generator=torch.Generator().manual_seed(k), dtype=torch.float64)
        y = (x[:, 0] > 0).long()
        x, y = (x, y) if alone else (x[rank::2], y[rank::2])
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

def end(model, optimizer):
    whole = [p.full_tensor() if hasattr(p, "full_tensor") else p for p in model.parameters()]
    return [optimizer.d, *(float(p.detach().double().sum()) for p in whole)]

from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
said = {}
for kind in SETTINGS:
    model, optimizer = build(kind)
    train(model, optimizer, 0, 15)
    if not alone:
        kept = copy.deepcopy(get_state_dict(model, optimizer))
    train(model, optimizer, 15, 20)
    said[kind] = end(model, optimizer)
    if not alone:
        other, second = build(kind)
        set_state_dict(other, second, model_state_dict=kept[0], optim_state_dict=kept[1])
        train(other, second, 15, 20)
        said[kind + " resumed"] = end(other, second) == said[kind]
if how == "fsdp":
    model, _ = build("Prodigy")
    sliced = st.optim.Prodigy(model.parameters(), slice_p=11)
    try:
        train(model, sliced, 0, 1)
    except ValueError as error:
        said["sliced"] = str(error)
print(repr(said), flush=True)
if not alone:
    torch.distributed.destroy_process_group()
"""


def said(how, folder):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": HERE}
    count = 1 if how == "alone" else 2
    command = [sys.executable, "-c", PROGRAM, how]
    ranks = [subprocess.Popen([*command, str(rank), str(folder)], **pipes) for rank in range(count)]
    told = [rank.communicate(timeout=300) for rank in ranks]
    # gloo aborts a process now and then when it ends, after right results: what was said is judged, not the code.
    assert all(out.strip() for out, _ in told), told
    return [ast.literal_eval(out.strip().splitlines()[-1]) for out, _ in told]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    (told,) = said("alone", tmp_path_factory.mktemp("alone"))
    return told


@pytest.mark.parametrize("how", ["ddp", "fsdp"])
def test_two_processes_find_the_d_of_one_and_resume_bit_for_bit(tmp_path, alone, how):
    first, second = said(how, tmp_path)
    assert first == second
    for kind, right in alone.items():
        assert first[kind][0] == pytest.approx(right[0], rel=1e-6), kind
        assert first[kind][1:] == pytest.approx(right[1:], rel=1e-4), kind
        assert right[0] > 1e-4 or kind == "DAdaptAdaGrad"
        assert first[f"{kind} resumed"], kind
    if how == "fsdp":
        assert first["sliced"].startswith("slice_p=11: a sharded parameter is not sliced")
