"""What a path may be, and what is refused before it is read."""

import gzip
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import surefoot as sf
from surefoot import ArgumentError, FormatError

SAMPLES = Path(__file__).parent / "samples"
ROW = '{"step": 0, "loss": 2.5}\n'


def test_a_folder_of_transformers_is_its_newest_trainer_state(tmp_path):
    for step, name in ((9, "checkpoint-9"), (10, "checkpoint-10")):
        folder = tmp_path / name
        folder.mkdir()
        text = (SAMPLES / "trainer_state.json").read_text().replace('"max_steps": 20', f'"max_steps": {step}')
        (folder / "trainer_state.json").write_text(text)
    assert sf.read(tmp_path).origin.facts["total"] == 10
    assert sf.read(tmp_path / "checkpoint-9").origin.facts["total"] == 9
    shutil.copy(SAMPLES / "trainer_state.json", tmp_path)
    assert sf.read(tmp_path).origin.facts["total"] == 20


def test_a_folder_of_lightning_is_its_newest_version(tmp_path):
    for version in (2, 10):
        folder = tmp_path / "lightning_logs" / f"version_{version}"
        folder.mkdir(parents=True)
        (folder / "metrics.csv").write_text(f"epoch,step,train_loss\n0,{version},2.5\n")
    assert sf.read(tmp_path / "lightning_logs")["step"].tolist() == [10]
    assert sf.read(tmp_path / "lightning_logs" / "version_2")["step"].tolist() == [2]


def test_a_folder_without_a_log_is_refused(tmp_path):
    with pytest.raises(FormatError, match="no log that surefoot knows"):
        sf.read(tmp_path)


def test_standard_input_is_read():
    program = "import surefoot as sf; print(sf.read('-')['loss'].tolist())"
    said = subprocess.run([sys.executable, "-c", program], input=b"2.5 2.4 nan\n", capture_output=True, check=True)
    assert said.stdout.decode().strip() == "[2.5, 2.4, nan]"


def test_an_open_file_is_read_be_it_of_bytes_or_text():
    assert sf.read(io.StringIO(ROW)) == sf.read(io.BytesIO(ROW.encode()))


def test_a_pipe_in_the_file_system_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FormatError, match="no ordinary file"):
        sf.read(tmp_path / "pipe")
    with pytest.raises(FormatError, match="no ordinary file"):
        sf.read("/dev/zero")


@pytest.mark.parametrize("path", ["nothing.csv", "a\0b", "x" * 5_000, "", 3, None])
def test_a_path_that_leads_nowhere_is_said(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if path == "":
        with pytest.raises(FormatError):
            sf.read(path)
    else:
        with pytest.raises(ArgumentError, match="path="):
            sf.read(path)


def test_a_packed_file_that_is_cut_or_broken_is_said():
    data = gzip.compress((SAMPLES / "keras.csv").read_bytes())
    for broken in (data[:-9], data[:5], data[:20] + b"xxxx" + data[24:]):
        with pytest.raises(FormatError, match="gzip file that is cut short or broken"):
            sf.read(io.BytesIO(broken))


def test_a_file_that_unpacks_to_far_more_than_a_log_is_refused():
    bomb = gzip.compress(b"0 " * (50 << 20), compresslevel=9)
    with pytest.raises(FormatError, match="far more than a log"):
        sf.read(io.BytesIO(bomb))


HOSTILE = {
    "binary": bytes(range(256)) * 10,
    "nested lists": b"[" * 200_000,
    "nested objects": b'{"a":' * 200_000,
    "nested in a line": ROW.encode() + b'{"step": 1, "loss": ' + b"[" * 200_000 + b"\n" + ROW.encode(),
    "a number of a million digits": b'{"loss": ' + b"9" * 1_000_000 + b"}",
    "a list of one such": b"[" + b"9" * 1_000_000 + b", 2]",
    "an open quote": b'step,loss\n0,"' + b"x" * 1_000_000,
    "one long line": b"loss " * 2_000_000,
    "long digits in text": b"loss: " + b"1" * 1_000_000 + b"x\n" + b"loss: " + b"1" * 1_000_000 + b"x\n",
    "spaces": b"iteration " + b" " * 1_000_000 + b"\n",
    "only marks": b",,,,\n,,,,\n",
    "wide": b",".join(b"c%d" % k for k in range(20_000)) + b"\n" + b",".join(b"1" for _ in range(20_000)),
    "bars": b"{'loss" * 200_000,
    "step bars": b"step:1/2 " * 200_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_gives_one_clear_error(name):
    with pytest.raises(FormatError) as caught:
        sf.read(io.BytesIO(HOSTILE[name]))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 3_000


def test_zeros_that_a_power_cut_left_at_the_end_are_not_read():
    history = sf.read(io.BytesIO(ROW.encode() + b"\0" * 4096))
    assert history["loss"].tolist() == [2.5]


def test_nothing_of_a_log_is_executed(tmp_path):
    text = "{'loss': __import__('os').mkdir('%s'), 'epoch': 1}\n{'loss': 2.0, 'epoch': 2}\n" % (tmp_path / "made")
    assert sf.read(io.BytesIO(text.encode()))["loss"][-1] == 2.0
    assert not (tmp_path / "made").exists()
