"""Every kind of log that surefoot reads, the specific ones first: the first that fits a source is taken."""

from __future__ import annotations

from surefoot.history.formats import (
    json_lines,
    json_tables,
    megatron,
    mlflow,
    mlflow_files,
    numbers,
    pairs,
    printed,
    tensorboard,
    trackio,
    trainer_state,
    wandb_export,
    wandb_offline,
)
from surefoot.history.formats.gpt_lines import LLMC, LLMC_CONSOLE, MODDED, NANOGPT
from surefoot.history.formats.table import Format
from surefoot.history.formats.tables import ALGOPERF, CSV, KERAS, LIGHTNING, ULTRALYTICS

FORMATS: tuple[Format, ...] = (
    trainer_state.FORMAT,
    tensorboard.FORMAT,
    wandb_offline.FORMAT,
    mlflow_files.FORMAT,
    mlflow.FORMAT,
    trackio.FORMAT,
    json_lines.FORMAT,
    numbers.FORMAT,
    json_tables.FORMAT,
    megatron.FORMAT,
    ALGOPERF,
    ULTRALYTICS,
    LIGHTNING,
    KERAS,
    wandb_export.FORMAT,
    CSV,
    LLMC,
    LLMC_CONSOLE,
    MODDED,
    NANOGPT,
    printed.FORMAT,
    pairs.FORMAT,
)
