import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.diagnosis.made_runs import losses, pieces

import surefoot as sf
from surefoot.diagnosis.detectors import sf501_hidden_nan, sf502_unapplied_rate, sf503_sparse_rows

HIDDEN, UNAPPLIED, SPARSE = (module.DETECTOR for module in (sf501_hidden_nan, sf502_unapplied_rate, sf503_sparse_rows))
RNG = np.random.default_rng(0)


def found(detector, history):
    return detector.finding(detector.update(detector.init(), history))


def run(loss, norm=None, form="", **more):
    columns = {"step": np.arange(1, len(loss) + 1), "loss": loss, **more}
    blank = {}
    if norm is not None:
        columns["grad_norm"] = norm
        blank["grad_norm"] = np.zeros(len(loss), dtype=bool)
    return sf.History(columns, origin=sf.Origin(form), blank=blank)


def filtered(count=100, at=60, every=1):
    """The Trainer's log of a run whose loss is NaN from update ``at`` on, a mean over ``every`` updates a row."""
    told, norm = [], []
    loss = losses("falls", count, np.random.default_rng(1))
    for start in range(0, count, every):
        part = [loss[t] if t < at else None for t in range(start, start + every)]
        total = 0.0
        for k, value in enumerate(part):
            total += total / (1 + k) if value is None else value
        told.append(round(total / every, 4))
        norm.append(math.nan if start + every > at else 1.0)
    return run(told, norm, "transformers trainer_state.json")


@pytest.mark.parametrize("every", [1, 5, 10])
def test_a_nan_behind_the_filter_of_the_trainer_is_seen(every):
    finding = found(HIDDEN, filtered(every=every))
    assert finding.severity == "error"
    assert finding.step == pytest.approx(60 // every + 1, abs=1)
    assert "logging_nan_inf_filter=False" in finding.remedies[0].text


def test_labels_that_are_all_masked_are_seen_from_the_first_row():
    finding = found(HIDDEN, run(np.zeros(10), np.full(10, math.nan)))
    assert (finding.severity, finding.step) == ("error", 1)


def test_a_log_of_zeros_shows_no_training():
    finding = found(HIDDEN, run(np.zeros(10), np.zeros(10)))
    assert finding.severity == "error"
    assert all(remedy.topic != "rate" for remedy in finding.remedies)


def test_a_loss_that_drops_to_zero_is_an_error_where_a_filter_does_that_or_it_drops_far_and_long():
    loss = np.concatenate([np.linspace(2.3, 1.0, 40), np.zeros(9)])
    assert found(HIDDEN, run(loss, form="transformers trainer_state.json")).severity == "error"
    assert found(HIDDEN, run(loss)).severity == "warning"
    assert found(HIDDEN, run(np.append(loss, 0.0))).severity == "error"
    # A hinge loss reaches 0 on its own: from near it, and that is no more than a question.
    assert found(HIDDEN, run(np.append(0.01 * loss, 0.0))).severity == "warning"


@pytest.mark.parametrize(
    ("loss", "norm"),
    [
        (np.linspace(2, 1, 100), np.ones(100)),
        (np.linspace(2, 1, 100), np.where(np.arange(100) % 9 == 0, np.inf, 1.0)),
        (np.round(np.exp(-np.arange(100) / 8.0), 4), None),
        (np.linspace(2, 1, 100), np.zeros(100)),
        (np.where(np.arange(100) % 5 == 4, 0.0, 0.4), np.where(np.arange(100) % 5 == 4, 0.0, 1.0)),
        (np.concatenate([np.ones(10), np.zeros(10)]), np.ones(20)),
    ],
    ids=["healthy", "loss scaler skips", "memorised", "norms not recorded", "hinge loss", "gradients still there"],
)
def test_clean_logs_hide_nothing(loss, norm):
    assert found(HIDDEN, run(loss, norm, "transformers trainer_state.json")) is None


def cosine_run(applied):
    lr = sf.cosine(1e-3, total=100, warmup=10).array()
    return run(np.linspace(2, 1, 100), lr=lr, applied_lr=applied(lr))


def test_a_rate_that_a_callback_replaced_is_seen():
    finding = found(UNAPPLIED, cosine_run(lambda lr: np.where(np.arange(100) >= 20, 1e-6, lr)))
    assert (finding.severity, finding.step) == ("warning", 21)
    assert (finding.evidence["logged"], finding.evidence["applied"]) == (pytest.approx(9.7e-4, rel=0.01), 1e-6)


@pytest.mark.parametrize(
    "applied",
    [lambda lr: lr, lambda lr: np.concatenate([[0.0], lr[:-1]]), lambda lr: lr * 1.01, lambda lr: lr * np.nan],
    ids=["equal", "one update ahead", "rounded", "not logged"],
)
def test_a_rate_that_was_applied_is_no_fault(applied):
    assert found(UNAPPLIED, cosine_run(applied)) is None


def test_few_rows_of_a_long_run_are_said_to_be_few():
    history = sf.History({"step": [7198, 7209, 7220], "loss": [2.1, 2.2, 2.1]})
    finding = found(SPARSE, history)
    assert finding.severity == "info"
    assert "3 rows" in finding.message
    assert "no gradient norm" in finding.message


def test_a_log_of_validations_alone_has_no_training_loss():
    history = sf.History({"step": np.arange(9), "loss": np.full(9, np.nan), "val_loss": np.linspace(2, 1, 9)})
    assert "no training loss" in found(SPARSE, history).message


@pytest.mark.parametrize("count", [1, 4, 5, 100])
def test_a_run_that_has_just_begun_or_goes_on_is_not_sparse(count):
    assert found(SPARSE, run(np.linspace(2, 1, count))) is None


VALUES = st.sampled_from([0.0, 0.5, 2.0, math.nan])
NORMS = st.sampled_from([0.0, 1.0, math.nan, math.inf])
RATES = st.sampled_from([0.0, 1e-3, 1.05e-3, 2e-3, math.nan])


@pytest.mark.parametrize("detector", [HIDDEN, UNAPPLIED], ids=lambda detector: detector.code)
@given(rows=st.lists(st.tuples(VALUES, NORMS, RATES, RATES), max_size=30), cuts=st.lists(st.integers(0, 30)))
def test_own_folds_say_the_same_for_any_chunks(detector, rows, cuts):
    table = np.array(rows, dtype=float).reshape(-1, 4)
    history = run(table[:, 0], table[:, 1], "transformers", lr=table[:, 2], applied_lr=table[:, 3])
    state = detector.init()
    for piece in pieces(history, cuts):
        state = detector.update(state, piece)
    assert repr(state) == repr(detector.update(detector.init(), history))
    assert detector.finding(state) == found(detector, history)


def test_a_hidden_nan_is_seen_in_the_trainers_own_file(tmp_path):
    rows = [{"step": 10 * k, "loss": 2.0 if k < 12 else 0.0, "learning_rate": 1e-3} for k in range(1, 21)]
    full = [{**row, "grad_norm": 1.0 if row["loss"] else math.nan} for row in rows]
    file = tmp_path / "trainer_state.json"
    file.write_text(json.dumps({"log_history": full, "global_step": 200, "max_steps": 200}))
    finding = found(HIDDEN, sf.read(file))
    assert (finding.severity, finding.step, finding.evidence["hidden"]) == ("error", 120, 9)
