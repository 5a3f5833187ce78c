"""Columns found by where keys stand hold what reading record by record holds."""

from __future__ import annotations

import dataclasses
import json
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.curve import Curve, Peak
from surefoot.curve.packed import packed, trial_in
from surefoot.curve.table import table_of
from surefoot.errors import ArgumentError, FormatError
from surefoot.trial import STATUSES, Trial, plain

numbers = st.one_of(st.floats(width=64, allow_nan=False), st.just(0.25))


@st.composite
def trials(draw):
    kept = draw(st.lists(numbers, max_size=3))
    return Trial(
        lr=draw(st.floats(1e-300, 1e9)),
        seed=draw(st.integers(0, 10**9)),
        steps=draw(st.integers(0, 10**6)),
        total=draw(st.integers(1, 10**6)),
        loss=draw(numbers),
        status=draw(st.sampled_from(STATUSES)),
        validated=draw(st.booleans()),
        stage=draw(st.sampled_from(["sweep", "probe T/8", "a", '"q": {'])),
        points=tuple(range(len(kept))),
        losses=tuple(kept),
        message=draw(st.sampled_from(["", "OverflowError: too large", 'said "no": {"lr": 3}', "é\n", "a, b", "12:30"])),
        start=draw(numbers),
    )


lists = st.lists(trials(), min_size=2, max_size=40).map(tuple)


def journal(found, separators=(", ", ": ")):
    rows = ({"key": f"sweep|{k}", "trial": plain(trial)} for k, trial in enumerate(found))
    return "".join(json.dumps(row, separators=separators) + "\n" for row in rows).encode()


def same(read, found):
    if read is None:
        return True
    ours, theirs = read.table, table_of(found)
    assert [ours.stages[k] for k in ours.stage] == [theirs.stages[k] for k in theirs.stage]
    for name in ("lr", "loss", "seed", "steps", "total", "status", "validated"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), name)
    return read == found and tuple(read) == found


@given(lists, st.sampled_from([(", ", ": "), (",", ":")]))
def test_a_journal_s_lines_are_their_trials_whatever_a_message_holds(found, separators):
    data = journal(found, separators)
    assert same(packed(data, 0, len(data)), found)


@given(lists, st.sampled_from([(", ", ": "), (",", ":")]))
def test_so_are_bare_lines(found, separators):
    data = "\n".join(json.dumps(plain(trial), separators=separators) for trial in found).encode()
    assert same(packed(data, 0, len(data)), found)


@given(lists, st.sampled_from([None, 0, 1, 4, "\t"]))
def test_so_are_the_trials_inside_a_curve_indented_or_not(found, indent):
    text = json.dumps(Curve(found, 2.0, (0.1,), (1.0,)).plain(), indent=indent).encode()
    read = packed(text, text.find(b"{", text.find(b"[")))
    assert same(read, found)
    assert read is None or text[read.stop :].split()[0] in {b"],", b"]"}


def plainly(count=500, message=""):
    rng = np.random.default_rng(0)
    return tuple(
        Trial(
            float(10 ** rng.uniform(-5, 0)), k % 3, 9, 9, float(rng.random()), stage="sweep", message=message, start=2.0
        )
        for k in range(count)
    )


@pytest.mark.parametrize("message", ["", "OverflowError: math range", "12:30 to 12:40"])
def test_what_surefoot_writes_is_read_as_columns(message):
    found = plainly(message=message)
    data = journal(found)
    assert same(packed(data, 0, len(data)), found)
    assert packed(data, 0, len(data)) is not None


def test_records_that_are_not_alike_are_left_to_the_slow_way():
    one, other = (json.dumps(plain(trial)) for trial in plainly(2))
    for odd in ('{"lr": 0.1, "loss": 2.0}', other.replace('"seed": 1, ', ""), other.replace("seed", "seat"), "{}"):
        data = f"{one}\n{odd}\n{other}".encode()
        assert packed(data, 0, len(data)) is None


def test_lines_of_rate_and_loss_are_enough():
    data = "".join(json.dumps({"loss": k / 2, "lr": 0.1}) + "\n" for k in range(300)).encode()
    read = packed(data, 0, len(data))
    assert read is not None
    assert read[-1] == trial_in({"lr": 0.1, "loss": 149.5})
    same(read, tuple(read))


def test_a_packed_list_is_a_sequence():
    found = plainly(300)
    data = journal(found)
    read = packed(data, 0, len(data))
    assert (len(read), read[-1], read[2:4], read[::-100]) == (300, found[-1], found[2:4], found[::-100])
    assert hash(read) == hash(found)
    assert found in {found: 1}
    assert pickle.loads(pickle.dumps(read)) == found  # noqa: S301  our own bytes
    assert repr(read).startswith("<300 trials in ")
    with pytest.raises(IndexError, match="trial 300 of 300"):
        read[300]
    assert read != found[:-1]
    assert read != 3


@pytest.fixture
def large():
    """A curve whose text is long enough to be read as columns."""
    return Curve(plainly(2000), 2.0, (1e-3, 1e-2), (2.0, math.inf))


def test_a_long_curve_comes_back_equal_from_its_text(large):
    back = Curve.from_json(large.to_json())
    indented = Curve.from_json(json.dumps(large.plain(), indent=1))
    for read in (back, indented):
        assert not isinstance(read.trials, tuple)
        assert read == large
    assert (back.best, back.edge, back.by_rate()) == (large.best, large.edge, large.by_rate())
    assert (back.cost_steps, back.validated, back.plateau()) == (large.cost_steps, large.validated, large.plateau())
    assert back._repr_html_() == large._repr_html_()
    peak = Peak(0.1, 0.05, 0.2, None, "sweep", 0.5, 100, "because", 1000, 2.5, large)
    assert Peak.from_json(peak.to_json()) == peak
    assert back.to_json() == large.to_json()


def test_a_long_text_that_is_no_curve_is_refused(large):
    text = large.to_json()
    for wrong in (text[:-1], text.replace('"start_loss"', '"stop"'), text.replace('"trials"', '"runs"')):
        with pytest.raises(FormatError):
            Curve.from_json(wrong)


HEADER = json.dumps({"format": "surefoot journal 1", "search": {"verb": "sweep"}}) + "\n"


@pytest.mark.parametrize("count", [5, 2000])
def test_a_journal_is_a_curve_a_torn_last_line_left_out(tmp_path, count):
    found = plainly(count)
    path = tmp_path / "journal.jsonl"
    path.write_bytes(HEADER.encode() + journal(found) + b'{"key": "sw')
    curve = Curve.from_file(path)
    assert curve == Curve(found, 2.0)
    assert isinstance(curve.trials, tuple) == (count == 5)


@pytest.mark.parametrize("count", [1, 5, 2000])
def test_lines_of_trials_are_a_curve_with_or_without_a_last_line_feed(tmp_path, count):
    found = plainly(count)
    lines = "\n".join(json.dumps(plain(trial)) for trial in found)
    for end in ("", "\n", "\n\n"):
        (tmp_path / "trials.jsonl").write_text(lines + end)
        assert Curve.from_file(tmp_path / "trials.jsonl") == Curve(found, 2.0)


@pytest.mark.parametrize("count", [3, 2000])
def test_a_curve_a_peak_and_a_result_are_read_from_files(tmp_path, count):
    curve = Curve(plainly(count), 2.0, (1e-3, 1e-2), (2.0, 1.0))
    peak = Peak(0.1, 0.05, 0.2, None, "tune", 0.5, 100, "because", 1000, 2.5, curve)
    rows = [{k: v for k, v in plain(t).items() if k not in {"points", "losses"}} for t in curve.trials]
    test = {"lrs": list(curve.test_lrs), "losses": list(curve.test_losses)}
    result = {
        "format": "surefoot result 1",
        "start_loss": 2.0,
        "interrupted": False,
        "trials": rows,
        "range_test": test,
    }
    for text in (curve.to_json(), peak.to_json(), json.dumps(result, indent=1)):
        (tmp_path / "file").write_text(text)
        assert Curve.from_file(str(tmp_path / "file")) == curve


def test_the_range_test_in_a_journal_is_no_trial(tmp_path):
    test = Trial(100.0, 0, 3, 100, math.inf, "diverged", False, "range test", (0, 1, 2), (2.0, 1.0, 9.0), start=2.0)
    path = tmp_path / "journal.jsonl"
    path.write_bytes(HEADER.encode() + journal((test, *plainly(3))))
    curve = Curve.from_file(path)
    assert curve.trials == plainly(3)
    assert curve.test_lrs == pytest.approx((1e-6, 1e-6 * 1e8**0.01, 1e-6 * 1e8**0.02))
    assert curve.test_losses == (2.0, 1.0, 9.0)


@pytest.mark.parametrize("text", ["", "3", "[]", "{}", "no json", '{"lr": 0.1}', '{"lr": 1, "loss": 2}\n[]\n', "\xff"])
def test_what_is_no_curve_is_refused(tmp_path, text):
    (tmp_path / "file").write_bytes(text.encode("latin1"))
    with pytest.raises(FormatError):
        Curve.from_file(tmp_path / "file")


def test_a_training_log_is_no_curve(tmp_path):
    (tmp_path / "log.jsonl").write_text('{"step": 0, "loss": 2.0, "lr": 0.1}\n{"step": 1, "loss": 1.0, "lr": 0.1}\n')
    with pytest.raises(FormatError, match=r"log.jsonl is a training log, which sf\.read reads"):
        Curve.from_file(tmp_path / "log.jsonl")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ArgumentError, match=r"none.jsonl' cannot be read"):
        Curve.from_file(tmp_path / "none.jsonl")


@pytest.mark.parametrize("row", [3, {}, {"lr": 1}, {"lr": "x", "loss": 1.0}, {"lr": 1.0, "loss": []}])
def test_a_row_that_is_no_trial_is_refused(row):
    with pytest.raises(FormatError):
        trial_in(row)


@pytest.mark.parametrize("where", [None, 0, 1500])
@pytest.mark.parametrize("tested", [None, 0, 700])
def test_a_long_file_says_the_start_and_the_range_test_that_a_look_at_every_trial_says(tmp_path, where, tested):
    rows = [Trial(0.01 * (1 + k % 7), k, 10, 10, 1.0 + k, message='"start": 9.0, "stage"') for k in range(2000)]
    if where is not None:
        rows[where] = dataclasses.replace(rows[where], start=4.5)
    if tested is not None:
        rise = Trial(1.0, 0, 3, 3, 2.0, stage="range test", points=(0, 1, 2), losses=(3.0, 2.0, 4.0))
        rows.insert(tested, rise)
    path = tmp_path / "trials.jsonl"
    path.write_text("".join(json.dumps(plain(row)) + "\n" for row in rows))
    curve = Curve.from_file(path)
    assert curve.start_loss == 4.5 if where is not None else math.isnan(curve.start_loss)
    assert curve.test_losses == ((3.0, 2.0, 4.0) if tested is not None else ())
    assert [trial.seed for trial in curve.trials] == list(range(2000))
    assert len(curve.table.lr) == 2000
