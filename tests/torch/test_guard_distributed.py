"""Two processes that train together decide alike, whichever of them sees the trouble."""

import subprocess
import sys

PROGRAM = """
import sys, torch
from torch import nn
import surefoot as sf, surefoot.torch as st

rank, folder = int(sys.argv[1]), sys.argv[2]
torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
torch.manual_seed(0)
model = nn.parallel.DistributedDataParallel(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)))
optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
scheduler = st.Scheduler(optimizer, sf.constant(0.1))
guard = st.Guard(model, optimizer, scheduler, log=f"{folder}/run-{rank}.jsonl", policy=st.policies.ladder(times=3))
generator = torch.Generator().manual_seed(rank)
for k in range(40):
    x = torch.randn(16, 6, generator=generator)
    y = (x[:, 0] > 0).long()
    # One rank sees a NaN batch at 5, and the losses of the other explode from 20 on.
    x = x * float("nan") if k == 5 and rank == 1 else x
    loss = nn.functional.cross_entropy(model(x), y)
    told = loss + 50.0 if 20 <= k < 26 and rank == 0 else loss
    optimizer.zero_grad()
    with guard.update(told):
        loss.backward()
        optimizer.step()
weights = float(torch.cat([p.detach().flatten() for p in model.parameters()]).double().sum())
done = [(action.step, action.what, action.after) for action in guard.actions]
print(repr((done, [one.step for one in guard.snapshots], scheduler.position, weights)), flush=True)
torch.distributed.destroy_process_group()
"""


def test_both_ranks_skip_a_batch_that_one_saw_and_roll_back_at_the_same_update(tmp_path):
    command = [sys.executable, "-c", PROGRAM]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    ranks = [subprocess.Popen([*command, str(rank), str(tmp_path)], **pipes) for rank in range(2)]
    said = [rank.communicate(timeout=120) for rank in ranks]
    # gloo aborts a process now and then when it ends, after right results: what was said is judged, not the code.
    first, second = (out.strip() for out, _ in said)
    assert first, said
    assert first == second
    assert first.startswith("([(5, 'skip', None)")
    assert first.count("'roll back'") == first.count("'cut'") == 1
    assert sorted(path.name for path in tmp_path.glob("run-*.jsonl")) == ["run-0.jsonl"]
