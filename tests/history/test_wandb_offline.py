"""W&B files written byte by byte from the description of LevelDB's log, and read back."""

import json
import math
import struct
import zlib

import numpy as np
import pytest

from surefoot.errors import FormatError
from surefoot.history.formats import wandb_offline
from surefoot.history.formats.table import Source

BLOCK = 1 << 15


def varint(number):
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def part(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def item(name, value, *, text=None):
    names = part(1, name.encode()) if isinstance(name, str) else b"".join(part(2, word.encode()) for word in name)
    return part(1, names + part(16, (json.dumps(value) if text is None else text).encode()))


def history(step, **values):
    items = b"".join(item((name,), value) for name, value in values.items())
    return part(2, items + part(2, b"\x08" + varint(step)))


def config(**values):
    return part(17, part(4, b"".join(item(name, value) for name, value in values.items())) + part(8, b"toy"))


def chunk(kind, data):
    return struct.pack("<IHB", zlib.crc32(bytes([kind]) + data), len(data), kind) + data


def written(*records):
    out = b":W&B\xe1\xbe\x00"
    for record in records:
        rest, begun = record, False
        while True:
            left = BLOCK - len(out) % BLOCK
            if left < 7:
                out += bytes(left)
                continue
            piece, rest = rest[: left - 7], rest[left - 7 :]
            out += chunk({(0, 0): 1, (0, 1): 2, (1, 1): 3, (1, 0): 4}[begun, bool(rest)], piece)
            begun = True
            if not rest:
                break
    return out


def source(data):
    return Source("run-x.wandb", data[:100], None, lambda: data)


def only(data):
    (found,) = wandb_offline.tables(source(data))
    return found


def test_a_run_becomes_a_table_with_its_name_and_settings():
    found = only(
        written(config(learning_rate=3e-4, optimizer="AdamW"), history(0, loss=2.5, lr=0.1), history(5, loss=2))
    )
    assert {name: column.tolist()[:1] for name, column in found.columns.items()} == {
        "loss": [2.5],
        "lr": [0.1],
        "_step": [0],
    }
    assert found.columns["_step"].tolist() == [0, 5]
    assert found.blank["lr"].tolist() == [False, True]
    assert (found.run, found.facts, found.notes) == ("toy", {"peak": 3e-4, "optimizer": "adamw"}, ())


def test_wandb_files_are_recognised_from_their_first_bytes():
    assert wandb_offline.fits(source(written()))
    assert not wandb_offline.fits(source(b"step,loss\n0,1\n"))


def test_records_longer_than_a_block_are_put_together():
    rows = [history(k, loss=float(k), note="x" * 20_000 * (k % 5)) for k in range(20)]
    assert only(written(*rows)).columns["loss"].tolist() == list(range(20))


@pytest.mark.parametrize(("text", "value"), [("NaN", math.nan), ('"NaN"', math.nan), ("Infinity", math.inf)])
def test_numbers_that_are_not_finite_are_said(text, value):
    found = only(written(part(2, item(("loss",), 0, text=text)), history(1, loss=1.0)))
    np.testing.assert_array_equal(found.columns["loss"], [value, 1.0])
    assert "loss" not in found.blank


def test_nested_names_are_joined_and_media_and_wandb_s_own_fields_left_out():
    row = part(
        2,
        item(("a", "b"), 1.0) + item(("_runtime",), 9.0) + item(("_step",), 7) + item("image", {"_type": "image-file"}),
    )
    assert {name: column.tolist() for name, column in only(written(row)).columns.items()} == {"a/b": [1], "_step": [7]}


def test_numbers_of_the_newer_encoding_are_read():
    row = part(1, part(1, b"loss") + b"\x31" + struct.pack("<d", 1.5)) + part(1, part(1, b"n") + b"\x28" + varint(3))
    found = only(written(part(2, row)))
    assert (found.columns["loss"].tolist(), found.columns["n"].tolist()) == ([1.5], [3])


def test_a_file_that_was_cut_short_gives_its_whole_rows_and_a_note():
    data = written(history(0, loss=1.0), history(1, loss=2.0))
    found = only(data[:-3])
    assert found.columns["loss"].tolist() == [1]
    assert found.notes == ("the last record is cut short and left out.",)


def test_damage_costs_the_rest_of_its_block_only():
    rows = [history(k, loss=float(k)) for k in range(4000)]
    data = bytearray(written(*rows))
    data[BLOCK + 300] ^= 1
    found = only(bytes(data))
    assert found.columns["loss"][[0, -1]].tolist() == [0, 3999]
    assert 2000 < len(found.columns["loss"]) < 4000
    assert "damaged" in found.notes[0]


def test_a_folder_of_runs_gives_each(tmp_path):
    for name, loss in (("offline-run-1-a", 1.0), ("offline-run-2-b", 2.0)):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"run-{name[-1]}.wandb").write_bytes(written(history(0, loss=loss)))
    folder = Source("wandb", b"", tmp_path, lambda: b"")
    assert wandb_offline.fits(folder)
    assert [found.columns["loss"].tolist() for found in wandb_offline.tables(folder)] == [[1], [2]]


@pytest.mark.parametrize("data", [b":W&B", written(), written(config(lr=1)), b":W&B" + bytes(40_000)])
def test_a_file_without_rows_says_so(data):
    with pytest.raises(FormatError, match="holds no logged row"):
        wandb_offline.tables(source(data))


def test_mutants_are_read_or_refused():
    rng = np.random.default_rng(0)
    whole = written(config(lr=0.1, model={"a": 1}), *(history(k, loss=float(k), lr=0.5) for k in range(30)))
    for _ in range(400):
        data = bytearray(whole[: rng.integers(len(whole) + 1)] if rng.random() < 0.3 else whole)
        for place in rng.integers(len(data), size=rng.integers(1, 4)) if data else ():
            data[place] = rng.integers(256)
        try:
            found = only(bytes(data))
        except FormatError:
            continue
        assert len({len(column) for column in found.columns.values()}) == 1


def test_broken_messages_with_right_checksums_are_left_out():
    rng = np.random.default_rng(1)
    broken = [bytearray(config(lr=0.1) + history(3, loss=1.0)) for _ in range(400)]
    for data in broken:
        data[rng.integers(len(data))] = rng.integers(256)
    found = only(written(history(0, loss=7.0), *map(bytes, broken)))
    assert found.columns["loss"][0] == 7.0
