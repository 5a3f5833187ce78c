"""Cost of watching and of each monitor, on a 10M-parameter transformer with 1,024 tokens a step.

Run ``python benchmarks/monitors.py [rounds]``; it prints the table and writes ``benchmarks/results/monitors.md``.
One run, one thread. Each round makes one step with each monitor in turning order, and bare steps between them, so that
a busy machine slows all; a cost is the median over rounds of the difference in process time to the bare steps around
it. What is too small for that (the watch, an update that is not sampled) is timed alone.
"""

import pathlib
import platform
import statistics
import sys
import time
from functools import partial

import torch
from torch import nn

import surefoot.torch as st
from surefoot.live import Watch
from surefoot.torch.monitors.choice import CHEAP

TOKENS, LENGTH, VOCABULARY, WIDTH, LAYERS, EVERY = 1024, 128, 256, 320, 8, 100
RATE = 3e-4
RESULT = pathlib.Path(__file__).parent / "results" / "monitors.md"
CLOCK = time.process_time


class Transformer(nn.Module):
    """Eight pre-norm blocks of width 320: 10.1M parameters in 101 tensors."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, WIDTH)
        self.place = nn.Parameter(0.02 * torch.randn(LENGTH, WIDTH))
        block = nn.TransformerEncoderLayer(WIDTH, 5, 4 * WIDTH, 0.0, "gelu", batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(block, LAYERS, nn.LayerNorm(WIDTH), enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, VOCABULARY, bias=False)
        self.mask = nn.Transformer.generate_square_subsequent_mask(LENGTH)

    def forward(self, tokens):
        x = self.embed(tokens) + self.place
        return self.head(self.blocks(x, mask=self.mask, is_causal=True))


class Run:
    """The training run whose steps are timed."""

    def __init__(self):
        torch.manual_seed(0)
        self.model = Transformer()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=RATE)
        self.tokens = torch.randint(0, VOCABULARY, (64, TOKENS // LENGTH, LENGTH + 1))
        self.at = 0

    def loss(self):
        batch = self.tokens[self.at % len(self.tokens)]
        logits = self.model(batch[:, :-1])
        return nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())

    def step(self, monitors=None):
        """Make one update; return the seconds it took, and those of its end alone: the optimizer and what reads."""
        self.at += 1
        begun = CLOCK()
        self.optimizer.zero_grad()
        loss = self.loss()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        end = self.end(monitors)
        return CLOCK() - begun, end

    def end(self, monitors=None):
        """Make an update from the gradients that are there, and return the seconds it took."""
        begun = CLOCK()
        self.optimizer.step()
        if monitors is not None:
            monitors.read()
        return CLOCK() - begun


def sampled(run, *which, lead=0, **options):
    """Time a sampled step after ``lead`` that are not timed."""
    with st.Monitors(run.model, run.optimizer, every=1, which=which, **options) as monitors:
        for _ in range(lead):
            run.step()
        return run.step(monitors)


def contenders(run):
    """Return what is timed, by name: whether its whole cost falls in the step's end, and the timed step."""
    probe = {"probe_every": 1, "loss_fn": run.loss}
    return {
        "all cheap": (True, partial(sampled, run, *CHEAP, lead=1)),
        "log_z": (False, partial(sampled, run, "log_z", logits="head")),
        "attention_logit": (False, partial(sampled, run, "attention_logit")),
        "headroom, cold": (True, partial(sampled, run, "headroom", **probe)),
        "headroom, warm": (True, partial(sampled, run, "headroom", lead=1, **probe)),
    }


def rounds_of(run, rounds):
    """Yield the bare steps and of each contender the differences to the bare steps around it, after every round."""
    several = contenders(run)
    bare, extra = [], {name: [] for name in (*CHEAP, *several)}
    for number in range(rounds):
        names = list(several)
        turn = number * 2 % len(names)
        before = run.step()
        for name in names[turn:] + names[:turn]:
            end, timed = several[name]
            cost, after = timed(), run.step()
            bare.append(after[0])
            extra[name].append(cost[end] - (before[end] + after[end]) / 2)
            before = after
        # Many updates from one gradient would spoil the run, and cost the same at a rate of 0.
        st.set_lr(run.optimizer, 0.0)
        for name in CHEAP:
            extra[name] += [ends(run, name) for _ in range(3)]
        st.set_lr(run.optimizer, RATE)
        yield bare, extra


def ends(run, name):
    """Return what one monitor adds to the end of a step, beside the ends of the steps before and after it."""
    before = run.end()
    with st.Monitors(run.model, run.optimizer, every=1, which=(name,)) as monitors:
        if name == "grad_cosine":
            run.end()
        cost = run.end(monitors)
    return cost - (before + run.end()) / 2


class Idle(torch.optim.Optimizer):
    """An optimizer whose update is empty, so that the difference of two timings is the hooks' share."""

    def step(self, closure=None):
        return closure


def alone(run, calls, bare):
    """Return the mean seconds of the default watch a step, and of the monitors' hooks in a step without a sample."""
    gone = [0.0]
    # It judges as often as it would in a run whose steps take as long as the bare one.
    watch = Watch(total=calls, optimizer=run.optimizer, clock=lambda: time.perf_counter() + gone[0])
    losses = (2.5 + 0.1 * torch.randn(calls)).unbind()
    begun = CLOCK()
    for step, loss in enumerate(losses):
        watch(step, loss, grad_norm=loss)
        gone[0] += bare
    watched = (CLOCK() - begun) / calls
    idle = Idle([nn.Parameter(torch.zeros(1))], {"lr": 0.1})
    costs = []
    for hooked in (False, True) * 9:
        monitors = st.Monitors(nn.Module(), idle, every=10**9, which=("grad_norm",)) if hooked else None
        idle.step()
        begun = CLOCK()
        for _ in range(calls):
            idle.step()
            if monitors:
                monitors.read()
        costs.append((CLOCK() - begun) / calls)
        if monitors:
            monitors.close()
    return watched, statistics.median(b - a for a, b in zip(costs[::2], costs[1::2], strict=True))


def quartiles(values):
    low, _, high = statistics.quantiles(values, n=4)
    return low, high


def table(bare, extra, watched, idle):
    yield "| what | when | cost of one, ms | share of a step | quartiles | share of a run |"
    yield "|---|---|---|---|---|---|"
    for what, cost in (("default watch: loss, rate, gradient norm", watched), ("monitors, no sample", idle)):
        yield f"| {what} | every step | {1e3 * cost:.4f} | {cost / bare:.4%} | - | {cost / bare:.4%} |"
    for name, costs in extra.items():
        period = 10 * EVERY if name.startswith("headroom") else EVERY
        cost = statistics.median(costs)
        low, high = (value / bare for value in quartiles(costs))
        yield (
            f"| `{name}` | 1 step in {period:,} | {1e3 * cost:.1f} | {cost / bare:.1%} | {low:.1%} to {high:.1%} "
            f"| {cost / bare / period:.3%} |"
        )


def main(rounds):
    torch.set_num_threads(1)
    run = Run()
    sizes = [p.numel() for p in run.model.parameters()]
    for _ in range(3):
        run.step()
    watched, idle = alone(run, 20_000, statistics.median(run.step()[0] for _ in range(5)))
    for number, (steps, extra) in enumerate(rounds_of(run, rounds), start=1):
        print(f"round {number} of {rounds}")
        if number < 3:
            continue
        bare = statistics.median(steps)
        lines = [
            "# Cost of watching a run",
            "",
            f"Transformer of {sum(sizes) / 1e6:.2f}M parameters in {len(sizes)} tensors, AdamW, clipping,",
            f"{TOKENS:,} tokens a step, float32, one thread: {1e3 * bare:.0f} ms of process time a step.",
            f"Medians of paired differences over {number} rounds in one run (single cheap monitors: {3 * number},",
            "on the optimizer's step alone); the watch and the step without a sample over 20,000 calls.",
            f"Python {platform.python_version()}, torch {torch.__version__}.",
            f"Aims: default watch at most 1 % of a run, all cheap monitors sampled every {EVERY} steps at most 2 %.",
            "",
            *table(bare, extra, watched, idle),
            "",
            f"All cheap: {', '.join(CHEAP)}.",
        ]
        # An interrupted benchmark has its table of the rounds so far.
        RESULT.write_text("\n".join(lines) + "\n")
    print(RESULT.read_text())


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 21)
