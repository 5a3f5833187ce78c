"""Curvature: what a sharpness costs, how exact it is, and how well it tells the rate at which a run diverges.

Run ``python benchmarks/curvature.py``; it prints the tables and writes ``benchmarks/results/curvature.md``.
One thread, about four minutes. Models and data are those of the built-in tasks.
"""

import math
import pathlib
import platform
import statistics
import time

import torch
from torch import nn
from torch.nn.functional import cross_entropy

import surefoot.torch as st
from surefoot.tasks import data
from surefoot.tasks.charlm import Transformer
from surefoot.tasks.text import text

RESULT = pathlib.Path(__file__).parent / "results" / "curvature.md"
CLOCK = time.process_time
OPTIMIZERS = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.02),
    "SGD, momentum 0.9": lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=1e-3),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=1e-3),
}


def charlm():
    return Transformer(len(text().alphabet), context=64, width=64, depth=2, heads=4)


def perceptron():
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def convolutions():
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(128, 10),
    )  # fmt: skip


def normalised():
    layers = [nn.Unflatten(1, (1, 40))]
    for channels, width in ((1, 5), (24, 3), (24, 3)):
        layers += [nn.Conv1d(channels, 24, width, stride=2, padding=1), nn.BatchNorm1d(24), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(120, 10))


def windows(generator):
    return text().windows(torch.randint(len(text().train) - 64, (16,), generator=generator), 64)


def digits(generator):
    pick = torch.randint(len(data.digits().x), (64,), generator=generator)
    return data.digits().x[pick], data.digits().y[pick]


def signals(generator):
    pick = torch.randint(len(data.mnist1d().x), (64,), generator=generator)
    return data.mnist1d().x[pick], data.mnist1d().y[pick]


TASKS = {
    "digits": (perceptron, digits, 150),
    "digits_cnn": (convolutions, digits, 150),
    "mnist1d": (normalised, signals, 150),
    "charlm": (charlm, windows, 60),
}


class Run:
    """A model, its optimizer and an endless stream of batches, from one seed."""

    def __init__(self, task, optimizer, lr=None):
        make, self.batch, _ = TASKS[task]
        torch.manual_seed(0)
        self.model = make()
        self.optimizer = OPTIMIZERS[optimizer](self.model.parameters())
        if lr is not None:
            st.set_lr(self.optimizer, lr)
        self.generator = torch.Generator().manual_seed(1)

    def update(self):
        x, y = self.batch(self.generator)
        self.optimizer.zero_grad()
        loss = cross_entropy(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def sharpness(self, batches, **options):
        return st.sharpness(self.model, self.optimizer, cross_entropy, batches, **options)


def accuracy():
    """Yield the error and the price of a sharpness, by the number of products."""
    yield "| task | optimizer | truth | products | difference | its price | exact | its price |"
    yield "|---|---|---|---|---|---|---|---|"
    for task in ("charlm", "digits_cnn"):
        for optimizer in ("SGD, momentum 0.9", "AdamW"):
            run = Run(task, optimizer)
            for _ in range(50):
                run.update()
            begun = CLOCK()
            for _ in range(20):
                run.update()
            step = (CLOCK() - begun) / 20
            batch = [run.batch(run.generator)]
            truth = run.sharpness(batch, hvp="exact", products=60, tolerance=1e-4).sharpness
            for products in (3, 6, 12, 20):
                cells = []
                for hvp in ("difference", "exact"):
                    begun = CLOCK()
                    found = run.sharpness(batch, hvp=hvp, products=products, tolerance=1e-3)
                    cells += [f"{found.sharpness / truth - 1:+.1%}", f"{(CLOCK() - begun) / step:.0f} steps"]
                yield f"| {task} | {optimizer} | {truth:.4g} | {products} | {' | '.join(cells)} |"


def sharpening():
    """Yield the sharpness of a network under full-batch gradient descent, times the rate over 2."""
    images = data.digits()
    x, y = images.x[:500], images.y[:500]
    marks = (0, 50, 100, 200, 400, 800, 1200, 1600)
    yield "| rate | " + " | ".join(f"update {mark}" for mark in marks) + " |"
    yield "|---|" + "---|" * len(marks)
    for lr in (0.05, 0.1, 0.2):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 10))
        target = nn.functional.one_hot(y, 10).float()
        sgd = torch.optim.SGD(model.parameters(), lr=lr)
        cells = []
        for update in range(marks[-1] + 1):
            if update in marks:
                cells.append(f"{st.sharpness(model, sgd, _squares, [(x, target)]).ratio:.2f}")
            sgd.zero_grad()
            _squares(model(x), target).backward()
            sgd.step()
        yield f"| {lr} | " + " | ".join(cells) + " |"


def _squares(output, target):
    return ((output - target) ** 2).sum(1).mean() / 2


def falls(task, optimizer, lr):
    """Say whether the loss of a run at a constant rate falls."""
    run, losses = Run(task, optimizer, lr), []
    for _ in range(TASKS[task][2]):
        losses.append(run.update())
        if not math.isfinite(losses[-1]):
            return False
    return statistics.mean(losses[-15:]) < 0.98 * losses[0]


def edges():
    """Yield the edge that curvature tells at initialisation, and the one that runs find."""
    yield "| task | optimizer | exact | difference | stable at | diverges at | runs over exact | over difference |"
    yield "|---|---|---|---|---|---|---|---|"
    for task in TASKS:
        for optimizer in OPTIMIZERS:
            run = Run(task, optimizer)
            batches = [run.batch(run.generator) for _ in range(8)]
            exact, rough = (run.sharpness(batches, hvp=hvp).edge for hvp in ("exact", "difference"))
            lr, last = exact / 2.0, None
            while falls(task, optimizer, lr):
                last, lr = lr, 2.0 * lr
            while last is None:
                lr /= 2.0
                last = lr if falls(task, optimizer, lr) else None
            high = 2.0 * last
            seen = math.sqrt(last * high)
            yield (
                f"| {task} | {optimizer} | {exact:.3g} | {rough:.3g} | {last:.2g} | {high:.2g} | {seen / exact:.2g} | "
                f"{seen / rough:.2g} |"
            )


def watched():
    """Yield the ratio along healthy runs, and what the monitor costs a probe."""
    yield "| task | optimizer | rate | ratio after 1, 11, 21, ... updates | gradients a probe | steps a probe |"
    yield "|---|---|---|---|---|---|"
    for task, optimizer, lr in (
        ("charlm", "AdamW", 3e-3),
        ("charlm", "SGD, momentum 0.9", 0.1),
        ("digits_cnn", "AdamW", 2e-3),
        ("digits", "SGD, momentum 0.9", 0.05),
        ("mnist1d", "SGD, momentum 0.9", 0.1),
    ):
        run, calls = Run(task, optimizer, lr), []
        x, y = run.batch(torch.Generator().manual_seed(2))

        def loss(run=run, calls=calls, x=x, y=y):
            calls.append(1)
            return cross_entropy(run.model(x), y)

        ratios, spent = [], {True: [], False: []}
        options = {"every": 10, "probe_every": 10, "which": "sharpness_ratio", "loss_fn": loss}
        with st.Monitors(run.model, run.optimizer, **options) as monitors:
            for update in range(91):
                begun = CLOCK()
                run.update()
                spent[update % 10 == 0].append(CLOCK() - begun)
                ratios += monitors.read().values()
        step = statistics.median(spent[False])
        price = statistics.median(spent[True]) / step - 1.0
        told = ", ".join(f"{ratio:.2g}" for ratio in ratios)
        yield f"| {task} | {optimizer} | {lr:g} | {told} | {len(calls) / 10:.0f} | {price:.0f} |"


PARTS = (
    (
        "Accuracy and price",
        "After 70 updates, on one batch; the truth by exact products to a residual of 1e-4. `products` are the most",
        "that Lanczos makes; the price is in training steps of process time, all evaluations counted.",
        accuracy,
    ),
    (
        "The edge of stability",
        "Full-batch gradient descent on 500 digits, squared error, tanh: sharpness times rate over 2.",
        "It rises to 1 and stays there.",
        sharpening,
    ),
    (
        "Divergence, told from the curvature at initialisation",
        "Constant rates, 150 updates (charlm 60); a rate is stable when the loss falls. Told: threshold / sharpness",
        "on 8 batches. The last columns: the edge of the runs (the geometric middle) over the one told.",
        edges,
    ),
    (
        "As a monitor",
        "`sharpness_ratio` in healthy runs, on a fixed batch, every 10 updates; medians of the price.",
        "A ratio is of one batch: it is above that of the whole data.",
        watched,
    ),
)


def main():
    torch.set_num_threads(1)
    begun = CLOCK()
    lines = ["# Curvature", "", "Made by `python benchmarks/curvature.py`, one thread."]
    for title, one, two, rows in PARTS:
        lines += ["", f"## {title}", "", one, two, ""]
        for row in rows():
            print(row, flush=True)
            lines.append(row)
    lines += ["", f"Python {platform.python_version()}, torch {torch.__version__}; {CLOCK() - begun:.0f} s in all."]
    RESULT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
