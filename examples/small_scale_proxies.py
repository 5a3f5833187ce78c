"""Small-scale proxies: the instabilities of large transformers, in a small one at high rates, and three cures.

    python examples/small_scale_proxies.py            # a quarter of an hour on one core; killed, it goes on
    surefoot sweep examples/small_scale_proxies.py:train --total 300

Two troubles of large runs are said to appear in small ones when the rate is high enough: attention logits that grow
until each position looks at one other, and output logits that drift away from 0. Layer norm on queries and keys is the
cure of the first, an auxiliary loss of ``1e-4 log^2 Z`` that of the second, and a long warmup helps a little. The
measure is the LR sensitivity: what a rate costs on average that is chosen blindly from three decades. What reproduced,
and what did not, is in benchmarks/results/proxies.md.

After "Small-scale proxies for large-scale Transformer training instabilities", arXiv 2309.14322, 2023: AdamW with
beta2 0.95, clipping at 1, a decay of the weights of 1e-4 that does not depend on the rate, warmup and cosine.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, gelu, scaled_dot_product_attention

import surefoot as sf
import surefoot.torch as st
from surefoot.tasks.text import text

Row = dict[str, Any]
RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"
RATES = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
WINDOW = (2.9e-4, 3.1e-1)
TOTAL, SEEDS = 300, 2
# Output logits drift slowly: what z-loss does to them needs longer runs, in which attention is cured already.
LONG, LONG_RATES, LONG_VARIANTS = 1000, (3e-1, 1.0), ("qk-layernorm", "qk-layernorm and z-loss")
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "qk-layernorm": {"qk_norm": True},
    "z-loss": {"z_loss": 1e-4},
    "qk-layernorm and z-loss": {"qk_norm": True, "z_loss": 1e-4},
    "plain, warmup 1 %": {"warmup": 0.01},
    "plain, warmup 25 %": {"warmup": 0.25},
}
"""Warmup is 5 % of the run unless a variant says otherwise."""


class Block(nn.Module):
    """Attention and a perceptron, each normalised before and added to its input; q and k normalised if asked."""

    def __init__(self, width: int, heads: int, *, qk_norm: bool) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)
        head = width // heads
        self.q_norm, self.k_norm = (nn.LayerNorm(head) if qk_norm else nn.Identity() for _ in range(2))
        self.seen: float | None = None

    def forward(self, x: Tensor, *, watch: bool = False) -> Tensor:
        parts = self.qkv(self.norm1(x)).chunk(3, -1)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        q, k = self.q_norm(q), self.k_norm(k)
        if watch:
            self.seen = st.max_attention_logit(q, k).item()
        x = x + self.out(scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(-2))
        more: Tensor = self.down(gelu(self.up(self.norm2(x))))
        return x + more


class Transformer(nn.Module):
    """Characters in, logits of the next one out: [batch, position, character]."""

    def __init__(self, characters: int, *, context: int, width: int, depth: int, heads: int, qk_norm: bool) -> None:
        super().__init__()
        self.token, self.place = nn.Embedding(characters, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads, qk_norm=qk_norm) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, characters, bias=False)

    def forward(self, x: Tensor, *, watch: bool = False) -> Tensor:
        hidden = self.token(x) + self.place(torch.arange(x.shape[1]))
        for block in self.blocks:
            hidden = block(hidden, watch=watch)
        logits: Tensor = self.head(self.norm(hidden))
        return logits

    def attention_logit(self) -> float:
        """Return the largest attention logit of the last forward that was watched."""
        return max(block.seen or 0.0 for block in self.blocks if isinstance(block, Block))


def train(
    schedule: sf.Schedule,
    *,
    seed: int = 0,
    qk_norm: bool = False,
    z_loss: float = 0.0,
    width: int = 64,
    depth: int = 2,
    context: int = 64,
    batch: int = 16,
    every: int = 10,
) -> Iterator[sf.Reading]:
    """Read Python's manual; every ``every`` updates the readings say the attention logit and log Z."""
    page = text()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Transformer(len(page.alphabet), context=context, width=width, depth=depth, heads=4, qk_norm=qk_norm)
    # The decay of an update is 1e-4 at the peak, whatever the rate.
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.95), weight_decay=1e-4 / schedule.peak)
    order = torch.Generator().manual_seed(seed)
    held = page.windows(torch.linspace(0, len(page.held) - context - 1, 64).long(), context, held=True)

    def validate() -> float:
        with torch.no_grad():
            return cross_entropy(model(held[0]).flatten(0, 1), held[1].flatten()).item()

    for step in range(schedule.total or TOTAL):
        st.set_lr(optimizer, schedule(step))
        x, y = page.windows(torch.randint(len(page.train) - context, (batch,), generator=order), context)
        watch = step % every == 0 or step + 1 == schedule.total
        logits = model(x, watch=watch)
        loss = cross_entropy(logits.flatten(0, 1), y.flatten())
        whole = loss + z_loss * (logits.logsumexp(-1) ** 2).mean() if z_loss else loss
        optimizer.zero_grad()
        whole.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        extra = {"attention_logit": model.attention_logit(), "log_z": st.log_z(logits).item()} if watch else {}
        yield sf.Reading(step, loss.item(), lr=schedule(step), grad_norm=norm.item(), val_loss=validate, **extra)


def trial(variant: str, lr: float, seed: int, total: int, **sizes: int) -> Row:
    """Run one variant at one rate and return what the table needs."""
    knobs = dict(VARIANTS[variant])
    schedule = sf.cosine(lr, total=total, warmup=knobs.pop("warmup", 0.05))
    logits, zs, start, final = [], [], math.nan, math.inf
    for reading in train(schedule, seed=seed, **knobs, **sizes):
        start = reading.loss if reading.step == 0 else start
        if not math.isfinite(reading.loss):
            break
        if reading.step + 1 == total:
            final = reading.val_loss()
        if "attention_logit" in reading.extra:
            logits.append(reading.extra["attention_logit"])
            zs.append(reading.extra["log_z"])
    told = {"attention_logit": max(logits), "last_logit": logits[-1], "log_z": zs[-1], "far_z": max(zs, key=abs)}
    return {"variant": variant, "lr": lr, "seed": seed, "total": total, "start": start, "loss": final} | told


def study(
    journal: Path,
    *,
    variants: Sequence[str] = tuple(VARIANTS),
    rates: Sequence[float] = RATES,
    seeds: int = SEEDS,
    total: int = TOTAL,
    **sizes: int,
) -> list[Row]:
    """Run every trial that ``journal`` doesn't hold yet, and return those of this study."""
    text_so_far = journal.read_text() if journal.exists() else ""
    # A line that was cut off by a kill is run again.
    rows = [row for line in text_so_far.splitlines() if line.endswith("}") for row in [json.loads(line)]]
    rows = [row for row in rows if row["total"] == total]
    done = {(row["variant"], row["lr"], row["seed"]) for row in rows}
    with journal.open("a") as file:
        file.write("" if text_so_far.endswith("\n") or not text_so_far else "\n")
        for variant, lr, seed in ((v, r, s) for s in range(seeds) for v in variants for r in rates):
            if (variant, lr, seed) not in done:
                rows.append(trial(variant, lr, seed, total, **sizes))
                file.write(json.dumps(rows[-1]) + "\n")
                file.flush()
    return rows


def sensitivity(rows: list[Row]) -> float:
    """Return the LR sensitivity of the trials of one variant, of the mean over seeds."""
    trials = tuple(
        sf.Trial(
            r["lr"], r["seed"], r["total"], r["total"], r["loss"], "done" if math.isfinite(r["loss"]) else "diverged"
        )
        for r in rows
    )
    start = math.fsum(r["start"] for r in rows) / len(rows)
    found = sf.sensitivity(sf.Curve(trials, start_loss=start), *WINDOW)
    return math.nan if found is None else found


def tables(rows: list[Row]) -> Iterator[str]:
    """Yield the tables of a study, line by line."""
    rates = sorted({row["lr"] for row in rows})
    found = {variant: [row for row in rows if row["variant"] == variant] for variant in VARIANTS}
    of = {variant: own for variant, own in found.items() if own}
    head = " | ".join(f"{rate:g}" for rate in rates) + " |"
    yield f"| final loss | LR sensitivity | {head}"
    yield "|---|---|" + "---|" * len(rates)
    for variant, own in of.items():
        cells = (_mean(own, rate, "loss") for rate in rates)
        told = "-" if math.isnan(sensitivity(own)) else f"{sensitivity(own):.3f}"
        yield f"| {variant} | {told} | " + " | ".join(f"{cell:.2f}" for cell in cells) + " |"
    for name, title in (
        ("attention_logit", "largest attention logit"),
        ("far_z", "log Z furthest from 0"),
        ("log_z", "log Z at the end"),
    ):
        yield ""
        yield f"| {title} | {head}"
        yield "|---|" + "---|" * len(rates)
        for variant, own in of.items():
            yield f"| {variant} | " + " | ".join(f"{_mean(own, rate, name):.3g}" for rate in rates) + " |"


def _mean(rows: list[Row], rate: float, name: str) -> float:
    values = [row[name] for row in rows if row["lr"] == rate]
    return math.fsum(values) / len(values) if values else math.nan


if __name__ == "__main__":
    torch.set_num_threads(1)
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else RESULTS / "proxies.jsonl"
    for rows in (study(path), study(path, variants=LONG_VARIANTS, rates=LONG_RATES, total=LONG)):
        print("\n".join(tables(rows)), end="\n\n")  # noqa: T201  a script prints
