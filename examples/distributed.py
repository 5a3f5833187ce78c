"""Find the rate of a model that several processes train together.

    torchrun --nproc-per-node 2 examples/distributed.py          (or: python -m torch.distributed.run ...)

Every rank calls `st.find`; all see the same curve and get the same peak, and everything is put back. The same lines
serve `fully_shard` and `FullyShardedDataParallel(..., use_orig_params=True)`.
"""

import torch
import torch.distributed as dist
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler

import surefoot as sf
import surefoot.torch as st

TOTAL = 400

dist.init_process_group("gloo")  # "nccl" on GPUs
torch.manual_seed(0)
x = torch.randn(512, 16)
data = TensorDataset(x, (x[:, :4].sum(1) > 0).long())
loader = DataLoader(data, batch_size=16, sampler=DistributedSampler(data))
model = nn.parallel.DistributedDataParallel(nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 2)))
optimizer = torch.optim.AdamW(model.parameters(), 1e-3)

peak = st.find(model, optimizer, loader, nn.CrossEntropyLoss(), total=TOTAL)
# The line feed with the line: two ranks that print at once would mix them up otherwise.
print(f"rank {dist.get_rank()}: {peak.lr:.3g}\n", end="", flush=True)  # noqa: T201  an example says what it found

schedule = sf.cosine(peak.lr, total=TOTAL, warmup=0.05)
scheduler = st.Scheduler(optimizer, schedule)
dist.destroy_process_group()
