import json
import math
import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import surefoot as sf
from surefoot import ArgumentError, FormatError, History, Reading
from surefoot.history.lines import Log

LINE = '{"step": 0, "loss": 2.5}\n'


def write(path, readings):
    with Log(path) as log:
        for reading in readings:
            log.write(reading)


@given(losses=st.lists(st.floats(), min_size=1, max_size=20))
def test_what_is_written_is_what_is_read(tmp_path_factory, losses):
    path = tmp_path_factory.mktemp("runs") / "run.jsonl"
    rows = [Reading(k, loss, lr=0.1 / (k + 1)) for k, loss in enumerate(losses)]
    write(path, rows)
    assert sf.read(path) == History.of(rows)


def test_each_line_is_strict_json(tmp_path):
    path = tmp_path / "run.jsonl"
    write(path, [Reading(0, math.nan), Reading(1, -math.inf)])

    def refuse(name):
        raise AssertionError(name)

    rows = [json.loads(line, parse_constant=refuse) for line in path.read_text().splitlines()]
    assert rows == [{"step": 0, "loss": "nan"}, {"step": 1, "loss": "-inf"}]


def test_a_log_goes_on_where_it_was(tmp_path):
    path = tmp_path / "run.jsonl"
    write(path, [Reading(0, 1.0)])
    write(path, [Reading(1, 0.5)])
    assert sf.read(path)["step"].tolist() == [0, 1]


@pytest.mark.parametrize("cut", range(1, len(LINE)))
def test_a_torn_last_line_is_left_out_and_then_removed(tmp_path, cut):
    path = tmp_path / "run.jsonl"
    path.write_text(LINE + LINE.replace("0", "1", 1)[:-cut])
    seen = len(sf.read(path))
    assert seen == (2 if cut == 1 else 1)
    write(path, [Reading(2, 0.25)])
    assert sf.read(path)["step"].tolist() == ([0, 1, 2] if cut == 1 else [0, 2])


def test_a_torn_line_longer_than_a_block_is_removed(tmp_path):
    path = tmp_path / "run.jsonl"
    path.write_text(LINE + '{"step": 1, "note": "' + "x" * 200_000)
    write(path, [Reading(2, 0.25)])
    assert sf.read(path)["step"].tolist() == [0, 2]


@pytest.mark.parametrize("bad", ["nonsense", "[1]", '{"loss": 1}', '{"step": "nan", "loss": 1}', "[" * 100_000])
def test_a_bad_line_is_named_by_its_number(tmp_path, bad):
    path = tmp_path / "run.jsonl"
    path.write_text(LINE + bad + "\n" + LINE)
    with pytest.raises(FormatError, match=r"run\.jsonl, line 2, is not a reading"):
        sf.read(path)


def test_fields_that_are_not_numbers_are_left_out(tmp_path):
    path = tmp_path / "run.jsonl"
    path.write_text('{"step": 0, "loss": 1.0, "tags": ["a"], "ok": true, "name": "b", "none": null}\n')
    assert sf.read(path).names == ("step", "loss")


def test_an_empty_file_is_said_to_be_empty(tmp_path):
    path = tmp_path / "run.jsonl"
    path.write_text("")
    with pytest.raises(FormatError, match="holds no reading"):
        sf.read(path)


def test_a_missing_file_and_a_folder_are_said(tmp_path):
    with pytest.raises(ArgumentError, match="cannot be read"):
        sf.read(tmp_path / "nothing.jsonl")
    with pytest.raises(ArgumentError, match="cannot be written"):
        Log(tmp_path)


def test_closing_twice_is_harmless(tmp_path):
    log = Log(tmp_path / "run.jsonl")
    log.close()
    log.close()
    assert (tmp_path / "run.jsonl").read_text() == ""


def test_a_killed_process_loses_at_most_the_line_in_flight(tmp_path):
    path = tmp_path / "run.jsonl"
    program = textwrap.dedent("""
        import sys
        from surefoot import Reading
        from surefoot.history.lines import Log
        log, step = Log(sys.argv[1]), 0
        while True:
            log.write(Reading(step, 1.0))
            step += 1
    """)
    process = subprocess.Popen([sys.executable, "-c", program, str(path)])
    while not path.exists() or path.stat().st_size < 2_000:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    steps = sf.read(path)["step"]
    np.testing.assert_array_equal(steps, np.arange(len(steps)))
    assert len(steps) > 50


def test_a_whole_last_line_without_a_newline_is_kept(tmp_path):
    path = tmp_path / "run.jsonl"
    path.write_text(LINE + '{"step": 1, "loss": 2.0}', encoding="utf-8")
    write(path, [Reading(2, 1.5)])
    assert sf.read(path)["loss"].tolist() == [2.5, 2.0, 1.5]


@pytest.mark.parametrize("text", ["weights", '{"epoch": 3, "log_history": []}', '{\n "step": 0\n}', "[1, 2"])
def test_a_file_that_is_no_log_is_refused_and_left_alone(tmp_path, text):
    path = tmp_path / "precious"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match="precious is no log of readings"):
        Log(path)
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("step", ['"a"', "true", "null"])
def test_a_step_that_is_no_number_is_refused_with_its_line(tmp_path, step):
    path = tmp_path / "run.jsonl"
    path.write_text(LINE + f'{{"step": {step}, "loss": 1}}\n', encoding="utf-8")
    with pytest.raises(FormatError, match=r"line 2, is not a reading"):
        sf.read(path)
