"""The peers, each through its own public API and at its own defaults; one that is not installed is left out.

pip install optuna==5.0.0 lightning==2.6.6 prodigyopt==1.1.2 dadaptation==3.2 schedulefree==1.4.1 matplotlib tqdm
pip install --no-deps torch-lr-finder==0.2.2 fastai==2.8.12 fastdownload==0.0.8  # neither torchvision nor spacy
pip install fastcore==2.2.41 fastprogress==1.1.6 fasttransform==0.0.5 pandas scikit-learn scipy pillow requests pyyaml
"""

from __future__ import annotations

import contextlib
import io
import logging
import math
import os
import tempfile
import warnings
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from itertools import count
from typing import Any

import torch
from halving import halving
from methods import Answer, Method
from setup import Batch, Entry, Setup
from torch.utils.data import DataLoader, IterableDataset
from tuning_free import d_adapt, prodigy, schedule_free, tuning_free

from surefoot.tasks.loop import seeded

UPDATES = 100
VERSIONS = (
    "torch-lr-finder 0.2.2, Lightning 2.6.6, fastai 2.8.12, Optuna 5.0.0, prodigyopt 1.1.2, dadaptation 3.2, "
    "schedulefree 1.4.1"
)
"""What the kept answers are from, installed or not."""


class Drawn(IterableDataset[Batch]):
    """The training batches of a task, without end unless ``length`` is given; they are counted."""

    def __init__(self, setup: Setup, seed: int, length: int | None = None) -> None:
        self.setup, self.seed, self.length, self.count = setup, seed, length, 0

    def __iter__(self) -> Iterator[Batch]:
        order = torch.Generator().manual_seed(self.seed)
        for _ in range(self.length) if self.length else count():
            self.count += 1
            yield self.setup.draw(order)


class Finite(Drawn):
    """The same for a peer that asks how many there are."""

    def __len__(self) -> int:
        return self.length or 0


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep progress bars, logs and warnings of a peer from the console."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield


def torch_lr_finder(entry: Entry, seed: int) -> Answer:
    """Its README's test: from 1e-7 to 100 in 100 updates, the steepest descent of the plot."""
    from torch_lr_finder import LRFinder  # noqa: PLC0415  a peer that need not be there

    setup = entry.build(seed)
    for group in setup.optimizer.param_groups:
        group["lr"] = 1e-7
    drawn = Drawn(setup, seed)
    with quiet(), seeded(seed):
        finder = LRFinder(setup.model, setup.optimizer, setup.criterion, device="cpu")
        finder.range_test(DataLoader(drawn, batch_size=None), end_lr=100, num_iter=UPDATES)
        said = finder.plot(suggest_lr=True, ax=_axes())
    lr = said[1] if isinstance(said, tuple) else None
    return _answer(entry, "torch-lr-finder", seed, lr, drawn.count)


def lightning(entry: Entry, seed: int) -> Answer:
    """Tuner(trainer).lr_find(model) with its defaults: 1e-8 to 1 in 100 updates."""
    import lightning.pytorch as pl  # noqa: PLC0415  same
    from lightning.pytorch.tuner import Tuner  # noqa: PLC0415  same

    setup = entry.build(seed)
    drawn = Drawn(setup, seed)

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model, self.lr = setup.model, 1e-3

        def training_step(self, batch: Batch, _: int) -> torch.Tensor:
            return setup.loss(batch)

        def configure_optimizers(self) -> Any:
            for group in setup.optimizer.param_groups:
                group["lr"] = self.lr
            return setup.optimizer

    with quiet(), seeded(seed), tempfile.TemporaryDirectory() as folder:
        trainer = pl.Trainer(
            accelerator="cpu", devices=1, logger=False, enable_checkpointing=False, enable_progress_bar=False,
            enable_model_summary=False, max_steps=entry.total, default_root_dir=folder,
        )  # fmt: skip
        found = Tuner(trainer).lr_find(Module(), DataLoader(drawn, batch_size=None), update_attr=False)
    return _answer(entry, "Lightning lr_find", seed, found.suggestion() if found else None, drawn.count)


def fastai(rule: str, entry: Entry, seed: int) -> Answer:
    """learner.lr_find(suggest_funcs=rule) with its defaults: 1e-7 to 10 in 100 updates."""
    from fastai.callback import schedule  # noqa: PLC0415  same
    from fastai.data.core import DataLoaders  # noqa: PLC0415  same
    from fastai.learner import Learner  # noqa: PLC0415  same
    from fastai.optimizer import OptimWrapper  # noqa: PLC0415  same

    setup = entry.build(seed)
    drawn = Finite(setup, seed, UPDATES)
    with quiet(), seeded(seed), tempfile.TemporaryDirectory() as folder:
        loaders = DataLoaders(DataLoader(drawn, batch_size=None), DataLoader(drawn, batch_size=None), device="cpu")
        learner = Learner(
            loaders, setup.model, loss_func=setup.criterion, path=folder,
            opt_func=lambda _, **__: OptimWrapper(opt=setup.optimizer),
        )  # fmt: skip
        found = learner.lr_find(suggest_funcs=(getattr(schedule, rule),), show_plot=False)
    return _answer(entry, f"fastai {rule}", seed, getattr(found, rule), drawn.count)


def _axes() -> Any:
    os.environ.setdefault("MPLBACKEND", "Agg")
    from matplotlib.figure import Figure  # noqa: PLC0415  only this peer draws

    return Figure().subplots()


def _answer(entry: Entry, method: str, seed: int, lr: Any, updates: int) -> Answer:
    rate = float(lr) if lr is not None and math.isfinite(float(lr)) and float(lr) > 0 else None
    return Answer(entry.name, method, seed, rate, None, None, updates / entry.total)


_FASTAI = ("valley", "slide", "minimum", "steep")
_ALL: dict[str, tuple[str, Method]] = {
    "torch-lr-finder": ("torch_lr_finder", torch_lr_finder),
    "Lightning lr_find": ("lightning", lightning),
    **{f"fastai {rule}": ("fastai", partial(fastai, rule)) for rule in _FASTAI},
    **{f"Optuna {budget}": ("optuna", partial(halving, budget)) for budget in (1, 3, 5)},
    "Prodigy": ("prodigyopt", partial(tuning_free, prodigy)),
    "D-Adapt Adam": ("dadaptation", partial(tuning_free, d_adapt)),
    "Schedule-Free AdamW": ("schedulefree", partial(tuning_free, schedule_free)),
}
PEERS: dict[str, Method] = {label: method for label, (module, method) in _ALL.items() if find_spec(module)}
