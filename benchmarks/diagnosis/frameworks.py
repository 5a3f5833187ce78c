"""Make real logs of transformers' Trainer and of Lightning; writes benchmarks/results/diagnosis/frameworks.

    OMP_NUM_THREADS=1 nice python benchmarks/diagnosis/frameworks.py

Each is a tiny model on built-in data with one known fault, and is kept as its framework wrote it. The label is the
intended one, held against the outcome: a run that does not come out as intended is labelled unclear.
"""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from labels import COLLAPSED, DIVERGED, HEALTHY, NAN, OVERFITTING, SLOW, UNCLEAR
from lightning.pytorch.loggers import CSVLogger
from problems import digits
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset, TensorDataset
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

from surefoot.tasks.text import text

FOLDER = Path(__file__).parents[1] / "results" / "diagnosis" / "frameworks"
CONTEXT, STEPS = 32, 200


@dataclass(frozen=True)
class Wanted:
    """A run to make: its ``label``, ``rate``, how many ``examples`` it sees, and the update from which on it is NaN."""

    name: str
    label: str
    rate: float
    examples: int = 4000
    nan_from: int = 10**9
    every: int = 5


TRAINER = (
    Wanted("trainer healthy", HEALTHY, 3e-3),
    Wanted("trainer healthy every step", HEALTHY, 1e-3, every=1),
    Wanted("trainer healthy every 20", HEALTHY, 5e-3, every=20),
    Wanted("trainer rate 10", DIVERGED, 10.0),
    Wanted("trainer rate 1", COLLAPSED, 1.0),
    Wanted("trainer nan hidden every step", NAN, 3e-3, nan_from=120, every=1),
    Wanted("trainer nan hidden", NAN, 3e-3, nan_from=77),
    Wanted("trainer nan from the start", NAN, 3e-3, nan_from=0),
    Wanted("trainer rate 1e-6", SLOW, 1e-6),
    Wanted("trainer 24 examples", OVERFITTING, 5e-3, examples=24),
)
LIGHTNING = (
    Wanted("lightning healthy", HEALTHY, 0.1, every=10),
    Wanted("lightning healthy every 20", HEALTHY, 0.05, every=20),
    Wanted("lightning rate 30", DIVERGED, 30.0, every=10),
    Wanted("lightning rate 5", COLLAPSED, 5.0, every=10),
    Wanted("lightning nan", NAN, 0.1, nan_from=130, every=10),
    Wanted("lightning rate 1e-5", SLOW, 1e-5, every=10),
    Wanted("lightning 60 examples", OVERFITTING, 0.05, examples=60, every=10),
)
Outcome = tuple[float, float, float, float]


def main() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.getLogger("lightning").setLevel(logging.ERROR)
    FOLDER.mkdir(parents=True, exist_ok=True)
    made: tuple[tuple[tuple[Wanted, ...], Callable[[Wanted, Path], Mapping[str, Any]]], ...]
    made = ((TRAINER, trainer), (LIGHTNING, lightning_run))
    index = [make(wanted, FOLDER / wanted.name.replace(" ", "_")) for several, make in made for wanted in several]
    (FOLDER / "index.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in index))


class Windows(Dataset[dict[str, torch.Tensor]]):
    """Windows of characters, the labels those of the input, as a causal language model wants them."""

    def __init__(self, codes: torch.Tensor, count: int) -> None:
        self.rows = codes[torch.linspace(0, len(codes) - CONTEXT, count).long()[:, None] + torch.arange(CONTEXT)]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, k: int) -> dict[str, torch.Tensor]:
        return {"input_ids": self.rows[k], "labels": self.rows[k]}


class Broken(GPT2LMHeadModel):
    """A model whose loss is NaN from one update on."""

    nan_from, seen = 10**9, 0

    def forward(self, *given: Any, **named: Any) -> Any:
        found = super().forward(*given, **named)
        if self.training:
            found.loss = found.loss * (torch.nan if self.seen >= self.nan_from else 1.0)
            self.seen += 1
        return found


def trainer(wanted: Wanted, folder: Path) -> Mapping[str, Any]:
    page = text()
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(page.alphabet),
        n_positions=CONTEXT,
        n_embd=32,
        n_layer=2,
        n_head=2,
        bos_token_id=0,
        eos_token_id=0,
    )
    model = Broken(config)
    model.nan_from = wanted.nan_from
    with tempfile.TemporaryDirectory() as place:
        arguments = TrainingArguments(
            place, max_steps=STEPS, learning_rate=wanted.rate, logging_steps=wanted.every, lr_scheduler_type="cosine",
            warmup_steps=10, per_device_train_batch_size=16, eval_strategy="steps", eval_steps=25, save_steps=STEPS,
            report_to=[], remove_unused_columns=False, label_names=["labels"], use_cpu=True, disable_tqdm=True,
        )  # fmt: skip
        run = Trainer(
            model, arguments, train_dataset=Windows(page.train, wanted.examples), eval_dataset=Windows(page.held, 64)
        )
        start = run.evaluate()["eval_loss"]
        run.state.log_history.clear()
        run.train()
        said = [row["eval_loss"] for row in run.state.log_history if "eval_loss" in row]
        folder.mkdir(exist_ok=True)
        shutil.copy(Path(place) / f"checkpoint-{STEPS}" / "trainer_state.json", folder / "trainer_state.json")
    return entry(wanted, f"{folder.name}/trainer_state.json", start, said)


class Perceptron(lightning.LightningModule):
    """The digits of scikit-learn under SGD with momentum."""

    def __init__(self, wanted: Wanted) -> None:
        super().__init__()
        self.wanted, self.parts = wanted, digits(0)
        self.model = self.parts.model

    def training_step(self, batch: Any, _: int) -> torch.Tensor:
        loss = cross_entropy(self.model(batch[0]), batch[1])
        if self.global_step >= self.wanted.nan_from:
            loss = loss * torch.nan
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: Any, _: int) -> None:
        self.log("val_loss", cross_entropy(self.model(batch[0]), batch[1]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.model.parameters(), self.wanted.rate, momentum=0.9)


def lightning_run(wanted: Wanted, folder: Path) -> Mapping[str, Any]:
    lightning.seed_everything(0, verbose=False)
    module = Perceptron(wanted)
    parts = module.parts
    few = TensorDataset(parts.x[: wanted.examples], parts.y[: wanted.examples])
    train = DataLoader(few, batch_size=min(64, wanted.examples), shuffle=True)
    held = DataLoader(TensorDataset(parts.x_val, parts.y_val), batch_size=512)
    start = cross_entropy(module.model(parts.x_val), parts.y_val).item()
    with tempfile.TemporaryDirectory() as place:
        run = lightning.Trainer(
            max_steps=400, logger=CSVLogger(place), log_every_n_steps=wanted.every, enable_progress_bar=False,
            enable_model_summary=False, enable_checkpointing=False, accelerator="cpu", num_sanity_val_steps=0,
            check_val_every_n_epoch=1 if wanted.examples > 100 else 20,
        )  # fmt: skip
        run.fit(module, train, held)
        folder.mkdir(exist_ok=True)
        shutil.copy(next(Path(place).rglob("metrics.csv")), folder / "metrics.csv")
    with (folder / "metrics.csv").open() as file:
        head, *rows = (line.strip().split(",") for line in file)
    said = [float(row[head.index("val_loss")]) for row in rows if row[head.index("val_loss")]]
    return entry(wanted, f"{folder.name}/metrics.csv", start, said)


def entry(wanted: Wanted, file: str, start: float, said: list[float]) -> Mapping[str, Any]:
    """Return the line of the index; the label is the wanted one if the validation losses bear it out."""
    last, low = said[-1], min(said)
    holds = {
        HEALTHY: last < 0.75 * start and last <= 1.1 * low,
        DIVERGED: last > 1.1 * start,
        COLLAPSED: 0.65 * start < last <= 1.1 * start,
        NAN: last != last,  # noqa: PLR0124  NaN
        SLOW: start > last > 0.9 * start,
        OVERFITTING: last > 1.1 * low and low < 0.9 * start,
    }
    label = wanted.label if holds[wanted.label] else UNCLEAR
    evidence = f"wanted {wanted.label}; validation {start:.3g}, lowest {low:.3g}, last {last:.3g}"
    cause = {DIVERGED: "lr_too_high", COLLAPSED: "lr_too_high", SLOW: "flat" if last > 0.99 * start else ""}
    return {"file": file, "label": label, "cause": cause.get(label, ""), "evidence": evidence}


if __name__ == "__main__":
    main()
