"""Every format that is read: a sample of each, and the real logs of tests/runs."""

import gzip
import io
import json
import math
from pathlib import Path

import numpy as np
import pytest

import surefoot as sf

SAMPLES = Path(__file__).parent / "samples"
RUNS = Path(__file__).parents[1] / "runs"
NAN = math.nan

# Sample, format, unit of its step, and columns: None where a row does not say, NaN where it says NaN.
TABLE = [
    ("trainer_state.json", "transformers trainer_state.json", "step", {
        "step": [2, 4, 6, 8, 10, 12, 14, 16, 18, 20],
        "epoch": [0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0],
    }),
    ("trainer_output.txt", "transformers output", "row", {
        "loss": [0.6747, 0.5132, 0.5104, 0.4451, 0.4466, 0.4896, 0.3873, 0, 0, 0],
        "grad_norm": [0.7673, 0.8451, 0.415, 0.5244, 0.6059, 0.3629, 0.6027, NAN, NAN, NAN],
        "val_loss": [None, None, None, None, 0.4702, None, None, None, None, NAN],
    }),
    ("trainer_terminal.txt", "transformers output", "step", {
        "step": [10, 20, 30], "loss": [1.5, 1.25, 1.125], "val_loss": [None, 1.375, None],
    }),
    ("keras.csv", "Keras CSVLogger", "epoch", {
        "step": [0, 1, 2], "loss": [1.2, 1.0, NAN], "val_loss": [1.1, None, 1.0], "lr": [0.001, 0.001, 0.0005],
        "accuracy": [0.5, 0.6, 0.7], "val_accuracy": [0.6, 0.65, 0.66],
    }),
    ("yolo_old.csv", "ultralytics results.csv", "epoch", {
        "step": [0, 1, 2, 3, 4], "loss": [0.875] * 5, "val_loss": [1.375] * 5, "lr": [0, 0.001, 0.002, 0.003, 0.004],
        "val_map_0_5": [0.4] * 5,
    }),
    ("yolo_new.csv", "ultralytics results.csv", "epoch", {
        "step": [1, 2, 3, 4], "loss": [5.0] * 4, "val_loss": [5.25] * 4, "lr": [0.001, 0.002, 0.003, 0.004],
        "val_map50_b": [0.4] * 4,
    }),
    ("wandb.csv", "W&B exported CSV", "step", {"step": [1, 2], "loss": [3.5, 3.0]}),
    ("wandb.json", "JSON", "step", {
        "step": [0, 1], "loss": [2.5, NAN], "val_loss": [None, 2.75], "lr": [0.1, None],
    }),
    ("keras_history.json", "JSON", "row", {
        "step": [0, 1, 2], "loss": [2.5, 2.25, 2.0], "val_loss": [2.75, 2.5, NAN], "accuracy": [0.1, 0.2, 0.3],
    }),
    ("lists.json", "JSON", "row", {"loss": [2.5, 2.4, 2.2, 2.1], "val_loss": [None, 2.75, None, 2.5]}),
    ("nanogpt.txt", "nanoGPT text", "step", {
        "step": [0, 10, 20], "loss": [4.21, 3.25, NAN], "val_loss": [4.5, None, NAN], "train_loss": [4.25, None, NAN],
    }),
    ("llmc_console.txt", "llm.c console", "step", {
        "step": [0, 1, 2], "loss": [None, 10.955372, 10.5], "val_loss": [11.0, None, 10.25],
        "grad_norm": [None, 15.2345, 15.0], "lr": [None, 8.57e-07, 1.71e-06],
    }),
    ("llmc_python.txt", "llm.c console", "step", {
        "step": [1, 2], "loss": [5.25, 4.25], "lr": [1e-4, 2e-4], "grad_norm": [30.5, 3.5],
    }),
    ("modded.txt", "modded-nanogpt text", "step", {
        "step": [0, 1, 125], "loss": [None, 10.5, None], "val_loss": [10.8258, None, 4.5],
    }),
    ("megatron.txt", "Megatron text", "step", {
        "step": [10, 20, 30, 40], "loss": [6.25, 6.25, NAN, 6.25], "val_loss": [None, None, None, 6.5],
        "lr": [6e-5] * 4, "grad_norm": [1, 2, 3, 4], "loss_scale": [2048] * 4, "skipped": [0] * 4,
    }),
    ("mnist.txt", "text with named numbers", "step", {
        "step": [0, 640, 1280, 1920], "loss": [2.25, 2.0, 0.5, 0.25], "val_loss": [None, 0.0525, None, 0.04],
    }),
    ("imagenet.txt", "text with named numbers", "step", {
        "step": [10, 20, 30], "loss": [6.5, 6.25, 6.0], "epoch": [0, 0, 1], "acc_1": [0, 0, 0],
    }),
    ("keras_output.txt", "text with named numbers", "epoch", {
        "step": [1, 2], "loss": [0.5, 0.25], "val_loss": [0.25, 0.125], "val_accuracy": [0.95, 0.96],
    }),
    ("logging.txt", "text with named numbers", "step", {"step": [10, 20], "loss": [2.5, 2.25], "lr": [0.001, 0.001]}),
    ("tqdm.txt", "text with named numbers", "step", {"step": [3, 4], "loss": [2.5, 2.25]}),
    ("tutorial.txt", "text with named numbers", "step", {"step": [100, 200, 300], "loss": [0.5, 0.25, 0.125]}),
    ("epochs.txt", "text with named numbers", "epoch", {
        "step": [1, 2], "loss": [0.5, 0.25], "val_loss": [0.6, 0.61], "train_acc": [0.9, 0.92], "val_acc": [0.8, 0.81],
    }),
    ("typed.txt", "numbers", "row", {"step": [0, 1, 2, 3, 4, 5], "loss": [2.5, 2.4, 2.6, 3.1, 4.2, NAN]}),
    ("typed_pairs.txt", "numbers", "step", {"step": [0, 10, 20], "loss": [2.5, 2.25, 2.0]}),
    ("one_column.csv", "numbers", "row", {"step": [0, 1], "loss": [2.5, 2.25]}),
    ("within_epoch.csv", "Lightning metrics.csv", "step", {
        "step": [0, 50, 100, 150, 200, 250], "loss": [3, 2.75, 2.5, 2.25, 2, 1.75],
    }),
    ("nested.jsonl", "JSON lines", "step", {
        "step": [10, 20], "loss": [2.5, 2.25], "lr": [0.1, 0.1], "val_loss": [None, 2.0], "train_acc": [0.5, 0.75],
    }),
    ("semicolon_bom.csv", "CSV", "step", {
        "step": [10, 20, 30], "loss": [2.5, 2.25, 2.0], "val_loss": [None, 2.5, 2.2], "lr": [0.1, 0.05, 0.025],
    }),
    ("axolotl.jsonl", "JSON lines", "step", {
        "step": [10, 20], "loss": [2.5, 2.25], "grad_norm": [0.5, NAN], "lr": [1e-5, 1e-5], "val_loss": [None, 2.5],
    }),
    ("spaces.txt", "CSV", "step", {"step": [10, 20], "loss": [2.5, 2.25], "lr": [0.1, NAN]}),
    ("phases.csv", "CSV", "epoch", {
        "step": [0, 1, 2], "loss": [2, 1.75, 1.5], "val_loss": [2.5, 2.25, 2], "acc": [0.5] * 3, "val_acc": [0.25] * 3,
    }),
    ("header_again.csv", "Keras CSVLogger", "epoch", {
        "step": [0, 1, 2], "loss": [2.0, 1.75, 1.5], "val_loss": [2.25, 2.0, 1.75],
    }),
    ("mmdet.json", "JSON lines", "step", {
        "step": [50, 100, 150, 200], "loss": [1.75, 1.5, 0.75, 0.5], "val_loss": [None, None, None, 1.75],
        "lr": [0.002] * 4,
    }),
    ("torn.csv", "CSV", "step", {"step": [0, 1], "loss": [2.5, 2.25], "lr": [0.1, 0.1]}),
]  # fmt: skip


def index():
    return [json.loads(line) for line in (RUNS / "index.jsonl").read_text(encoding="utf-8").splitlines()]


def check(history, columns):
    for name, values in columns.items():
        said = [value is not None for value in values]
        np.testing.assert_array_equal(history.said(name), said, err_msg=name)
        np.testing.assert_array_equal(history[name], [NAN if value is None else value for value in values], name)


@pytest.mark.parametrize(("name", "kind", "unit", "columns"), TABLE, ids=[row[0] for row in TABLE])
def test_a_sample_is_read_into_its_columns(name, kind, unit, columns):
    history = sf.read(SAMPLES / name)
    assert (history.origin.format, history.origin.facts["unit"]) == (kind, unit)
    check(history, columns)


@pytest.mark.parametrize("name", [row[0] for row in TABLE])
def test_a_sample_is_the_same_from_a_file_a_stream_and_packed(name, tmp_path):
    data = (SAMPLES / name).read_bytes()
    packed = tmp_path / "log"
    packed.write_bytes(gzip.compress(data))
    history = sf.read(SAMPLES / name)
    assert sf.read(io.BytesIO(data)) == history
    assert sf.read(packed) == history
    assert sf.read(io.BytesIO(gzip.compress(data))) == history


@pytest.mark.parametrize("name", [row[0] for row in TABLE])
def test_a_sample_is_the_same_with_other_line_ends_and_a_mark_at_its_beginning(name):
    data = (SAMPLES / name).read_bytes().removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    history = sf.read(SAMPLES / name)
    assert sf.read(io.BytesIO(b"\xef\xbb\xbf" + data)) == history
    assert sf.read(io.BytesIO(data.replace(b"\n", b"\r\n"))) == history
    assert sf.read(io.BytesIO(data.decode().encode("utf-16"))) == history


@pytest.mark.parametrize("log", index(), ids=lambda log: str(log["id"]))
def test_a_real_log_is_read_into_the_right_columns(log):
    history = sf.read(RUNS / log["file"])
    finite = np.isfinite(history["loss"])
    # Several evaluation sets are rows of their own in the file, and columns of one row here.
    judged = [n for n in history.names if n == "val_loss" or (n.startswith("val_g") and n.endswith("_loss"))]
    assert np.count_nonzero(finite) == log["rows"]
    assert sum(np.count_nonzero(history.said(name)) for name in judged) == log["eval_rows"]
    assert log["steps"] in {history["step"][finite][-1], history["step"][-1]}
    assert ("lr" in history.names) == log["has_lr"]
    # Log 306 has a norm of zero in every row, which is none.
    assert ("grad_norm" in history.names) == (log["has_grad_norm"] and log["id"] != 306)
    assert np.all(np.diff(history["step"]) > 0)


def test_a_loss_that_megatron_dropped_is_a_nan_that_was_said():
    history = sf.read(RUNS / "megatron/305/tr8_8738_9027.log")
    assert math.isnan(history["loss"][-1])
    assert history.said("loss").all()
    assert "missing at iteration 9027" in " ".join(history.origin.notes)


def test_a_row_whose_updates_were_all_skipped_has_no_loss_and_no_nan():
    line = " iteration {}/ 90 | consumed samples: 8 |{} grad norm: 1.0 | number of skipped iterations: {} |\n"
    text = line.format(1, "", 1) + line.format(2, " lm loss: 2.5 |", 0) + line.format(3, "", 0)
    history = sf.read(io.BytesIO(text.encode()))
    check(history, {"step": [1, 2, 3], "loss": [None, 2.5, NAN]})


def test_a_norm_of_zero_in_every_row_is_left_out_and_said():
    history = sf.read(SAMPLES / "no_norm.csv")
    assert history.names == ("step", "loss")
    assert "was not recorded" in history.origin.notes[0]
    assert "grad_norm" in history.origin.ignored


def test_a_filtered_loss_and_its_nan_norm_are_kept_as_they_were_logged():
    history = sf.read(SAMPLES / "trainer_state.json")
    assert history["loss"][-3:].tolist() == [0, 0, 0]
    assert np.isnan(history["grad_norm"][-3:]).all()
    assert history.said("grad_norm").all()
    assert history.origin.facts["nan_filter"] == "default"
    assert {"total": 20, "batch": 4, "logging_steps": 2}.items() <= dict(history.origin.facts).items()


def test_the_rows_of_lightning_are_merged_by_step():
    history = sf.read(SAMPLES / "lightning.csv")
    assert history["step"].tolist() == [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29]
    assert history["lr"][0] == 0.0019
    assert np.flatnonzero(history.said("val_loss")).tolist() == [4, 9, 14]
    assert history.origin.roles["loss"] == "train_loss_step"
    assert history.origin.roles["lr"] == "lr-AdamW/pg1"


def test_hyperparameters_beside_a_log_are_facts():
    facts = sf.read(RUNS / "algoperf/000/measurements.csv").origin.facts
    assert facts["peak"] == 4.199449275251465
    assert facts["beta1"] == 0
    assert facts["weight_decay"] == 6.404237434173623e-05
    tab = next((RUNS / "tab/141").iterdir())
    expected = {"optimizer": "adam", "peak": 0.16384, "warmup": 1024, "batch": 128, "total": 100_000}
    assert expected.items() <= dict(sf.read(tab).origin.facts).items()


def test_arguments_beside_a_log_of_ultralytics_are_facts(tmp_path):
    (tmp_path / "results.csv").write_bytes((SAMPLES / "yolo_new.csv").read_bytes())
    (tmp_path / "args.yaml").write_text("task: detect\nepochs: 100\noptimizer: SGD\nlr0: 0.01  # first\nbatch: 16\n")
    facts = sf.read(tmp_path).origin.facts
    assert {"total": 100, "optimizer": "sgd", "batch": 16, "peak": 0.01}.items() <= dict(facts).items()
