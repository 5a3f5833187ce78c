"""Which field becomes which column, from its name and its values."""

import io
import itertools

import numpy as np
import pytest

import surefoot as sf
from surefoot.history.names import Name, higher_is_better


def table(**columns):
    rows = [",".join(map(str, row)) for row in itertools.zip_longest(*columns.values(), fillvalue="")]
    return io.BytesIO("\n".join([",".join(columns), *rows]).encode())


def read(names, **options):
    """Return the history of a log whose fields count up from their number, named ``names``."""
    columns = {name: [k + row / 8 for row in range(1, 4)] for k, name in enumerate(names)}
    return sf.read(table(step=[1, 2, 3], **columns), **options)


LOSSES = [
    "loss", "Loss", " LOSS ", "train_loss", "train/loss", "train-loss", "train.loss", "trainLoss", "Training Loss",
    "loss/train", "loss_train", "train_loss_epoch", "train_loss_step", "lm loss", "total_loss", "train/total_loss",
    "running_loss", "avg_loss", "nll_loss", "train/ctc_loss", "loss_mean", "tr_loss", "batch loss", "cross_entropy",
]  # fmt: skip
VAL_LOSSES = [
    "val_loss", "val/loss", "valLoss", "validation_loss", "Validation Loss", "valid_loss", "eval_loss", "eval/loss",
    "loss/val", "loss_val", "dev_loss", "val_loss_epoch", "validation/ctc_loss", "eval_g0_loss", "test_loss",
    "Test Loss",
]  # fmt: skip
RATES = [
    "lr",
    "LR",
    "learning_rate",
    "learning rate",
    "train/learning_rate",
    "lr-AdamW",
    "lr/pg0",
    "x/lr0",
    "optimizer/lr",
]
NORMS = [
    "grad_norm",
    "grad norm",
    "train/grad_norm",
    "gnorm",
    "gradient_norm",
    "grad_2.0_norm_total",
    "global_grad_norm",
]
STEPS = [
    "step",
    "_step",
    "global_step",
    "trainer/global_step",
    "train/global_step",
    "iteration",
    "iter",
    "Step",
    "steps",
]


@pytest.mark.parametrize("name", LOSSES)
def test_a_training_loss_is_known_by_its_name(name):
    assert read([name]).origin.roles["loss"] == name.strip()


@pytest.mark.parametrize("name", VAL_LOSSES)
def test_a_validation_loss_is_known_by_its_name(name):
    history = read(["loss", name])
    assert (history.origin.roles["loss"], history.origin.roles["val_loss"]) == ("loss", name)


@pytest.mark.parametrize("name", RATES)
def test_a_rate_is_known_by_its_name(name):
    assert read(["loss", name]).origin.roles["lr"] == name


@pytest.mark.parametrize("name", NORMS)
def test_a_gradient_norm_is_known_by_its_name(name):
    assert read(["loss", name]).origin.roles["grad_norm"] == name


@pytest.mark.parametrize("name", STEPS)
def test_a_step_is_known_by_its_name(name):
    history = sf.read(table(**{name: [10, 20, 30], "loss": [3, 2, 1]}))
    assert history["step"].tolist() == [10, 20, 30]


@pytest.mark.parametrize(
    "name",
    ["loss_scale", "loss_weight", "best_val_loss", "lr-SGD-momentum", "lr-SGD-weight_decay", "momentum", "param_norm"],
)
def test_a_name_that_only_looks_like_a_role_is_not_taken_for_it(name):
    taken = read(["loss", name]).origin.roles
    assert {column for column, field in taken.items() if field == name} <= {name, "loss_scale", Name.of(name).clean}
    assert "lr" not in taken
    assert "grad_norm" not in taken


def test_the_loss_of_training_comes_before_an_evaluation_of_the_training_set():
    history = read(["train/loss", "loss", "validation/loss", "test/loss"])
    assert history.origin.roles["loss"] == "loss"
    assert {"train_loss", "test_loss"} < set(history.names)
    assert history.origin.roles["val_loss"] == "validation/loss"


def test_the_test_set_stands_in_only_where_there_is_no_validation():
    assert read(["loss", "test_loss"]).origin.roles["val_loss"] == "test_loss"
    assert "stands for the validation loss" in read(["loss", "test_loss"]).origin.notes[0]
    assert read(["loss", "test_loss", "val_loss"]).origin.roles["val_loss"] == "val_loss"


def test_perplexity_is_a_loss_only_if_there_is_nothing_else():
    assert read(["perplexity", "loss"]).origin.roles["loss"] == "loss"
    assert read(["perplexity"]).origin.roles["loss"] == "perplexity"


def test_of_twins_the_one_with_more_rows_is_taken():
    step = list(range(1, 9))
    often, seldom = [1] * 8, [1, "", "", "", 1, "", "", ""]
    columns = {"step": step, "train_loss_step": often, "train_loss_epoch": seldom}
    assert sf.read(table(**columns)).origin.roles["loss"] == "train_loss_step"
    columns = {"step": step, "train_loss_step": seldom, "train_loss_epoch": often}
    assert sf.read(table(**columns)).origin.roles["loss"] == "train_loss_epoch"


def test_parts_that_are_infinite_sum_to_what_is_not_finite():
    parts = {"train/box_loss": ["inf", 1.0, "inf"], "train/cls_loss": ["-inf", 0.5, 0.5]}
    history = sf.read(table(epoch=[0, 1, 2], **parts))
    np.testing.assert_array_equal(history["loss"], [np.nan, 1.5, np.inf])
    assert history.said("loss").all()


def test_several_losses_without_a_total_are_said():
    history = read(["gen_loss", "disc_loss"])
    assert history.origin.roles["loss"] == "gen_loss"
    assert "'gen_loss' was taken as training loss, not one of 'disc_loss'" in history.origin.notes[0]


def test_the_rate_of_several_groups_is_the_largest_that_is_not_the_biases():
    up = [0.001, 0.002, 0.003]
    history = sf.read(table(epoch=[0, 1, 2], loss=[3, 2, 1], lr0=[0.07, 0.05, 0.003], lr1=up, lr2=[v / 2 for v in up]))
    assert history["lr"].tolist() == up
    falling = sf.read(table(epoch=[0, 1, 2], loss=[3, 2, 1], lr0=[0.3, 0.2, 0.1], lr1=[0.03, 0.02, 0.01]))
    assert falling["lr"].tolist() == [0.3, 0.2, 0.1]


def test_other_metrics_keep_their_names_cleaned_and_bookkeeping_is_left_out():
    history = read(
        ["loss", "eval/accuracy", "metrics/mAP50(B)", "validation/wer", "train_runtime", "eval_samples_per_second"]
    )
    assert set(history.names) == {"step", "loss", "val_accuracy", "val_map50_b", "val_wer"}
    assert history.origin.ignored == ("train_runtime", "eval_samples_per_second")


def test_a_map_wins_over_names_and_finds_them_in_any_spelling():
    history = read(["loss", "Other/Value"], map={"loss": "other_value", "mine": "loss"})
    assert history.origin.roles["loss"] == "Other/Value"
    assert history["mine"].tolist() == [0.125, 0.25, 0.375]


def test_a_map_to_a_field_that_is_not_there_names_those_that_are():
    with pytest.raises(
        sf.ArgumentError, match=r"map=\{'loss': 'x'\} names no field of this log: it has 'step', 'loss'"
    ):
        read(["loss"], map={"loss": "x"})


def test_a_log_without_a_loss_says_what_it_has():
    with pytest.raises(
        sf.FormatError, match="no field whose name tells a loss: it has 'step', 'foo'; name it with map"
    ):
        read(["foo"])


def test_a_log_with_a_validation_loss_only_is_read_and_that_is_said():
    history = read(["val_loss"])
    assert np.isnan(history["loss"]).all()
    assert not history.said("loss").any()
    assert "no training loss" in " ".join(history.origin.notes)


def test_whether_a_metric_should_rise_is_told_by_its_name():
    up = ("val_accuracy", "val_acc", "eval/f1", "metrics/mAP50(B)", "bleu", "val_top1")
    down = ("val_wer", "val_error", "perplexity", "val_loss")
    assert [higher_is_better(name) for name in (*up, *down, "lr")] == [True] * 6 + [False] * 4 + [None]
