"""Event files written byte by byte from the description of the format, and read back."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.errors import FormatError
from surefoot.history.formats import tensorboard
from surefoot.history.formats.table import Source


def crc32c(data):
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ (0x82F63B78 if register & 1 else 0)
    register ^= 0xFFFFFFFF
    return struct.pack("<I", (((register >> 15) | (register << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def framed(data):
    length = struct.pack("<Q", len(data))
    return length + crc32c(length) + data + crc32c(data)


def varint(number):
    number &= (1 << 64) - 1
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def part(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def simple(tag, value):
    return part(1, part(1, tag.encode()) + b"\x15" + struct.pack("<f", value))


def tensor(tag, kind, content):
    return part(
        1, part(1, tag.encode()) + part(8, b"\x08" + bytes([kind]) + b"\x12\x00" + content) + part(9, b"\x0a\x00")
    )


def event(step, *values, time=0.0):
    at = b"\x09" + struct.pack("<d", time)
    return framed(at + (b"\x10" + varint(step) if step else b"") + part(5, b"".join(values)))


VERSION = framed(b"\x09" + struct.pack("<d", 0.0) + part(3, b"brain.Event:2"))


def source(data, name="events.out.tfevents.1.x"):
    return Source(name, data[:100], None, lambda: data)


def only(data):
    (found,) = tensorboard.tables(source(data))
    return found


def lists(found):
    return {name: column.tolist() for name, column in found.columns.items()}


def write(folder, *events, number=1):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"events.out.tfevents.{number}.x").write_bytes(VERSION + b"".join(events))


def run_of(folder):
    return tensorboard.tables(Source(folder.name, b"", folder, lambda: b""))


def test_tags_become_columns_and_steps_rows():
    found = only(
        VERSION + b"".join(event(k, simple("train/loss", 2.0 - k)) + event(k, simple("lr", k)) for k in range(3))
    )
    assert lists(found) == {"step": [0, 1, 2], "train/loss": [2, 1, 0], "lr": [0, 1, 2]}
    assert (found.blank, found.notes, found.ignored) == ({}, (), ())


def test_events_are_recognised_from_their_first_bytes():
    assert tensorboard.fits(source(VERSION))
    assert not tensorboard.fits(source(b'{"step": 0, "loss": 1.0}'))


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (1, part(4, struct.pack("<f", 1.5))),
        (1, part(5, struct.pack("<f", 1.5))),
        (1, b"\x2d" + struct.pack("<f", 1.5)),
        (2, part(4, struct.pack("<d", 1.5))),
        (2, part(6, struct.pack("<d", 1.5))),
        (19, part(4, struct.pack("<e", 1.5))),
        (19, part(13, varint(0x3E00))),
        (14, part(4, b"\xc0\x3f")),
        (14, part(13, varint(0x3FC0))),
    ],
)
def test_scalars_are_read_from_tensors_of_every_kind(kind, content):
    assert lists(only(VERSION + event(7, tensor("loss", kind, content)))) == {"step": [7], "loss": [1.5]}


def test_a_nan_is_said_and_a_missing_tag_is_blank():
    found = only(VERSION + event(0, simple("loss", float("nan"))) + event(1, simple("lr", 0.5)))
    assert {name: mask.tolist() for name, mask in found.blank.items()} == {"loss": [False, True], "lr": [True, False]}


def test_one_event_may_hold_several_tags():
    assert lists(only(VERSION + event(3, simple("a", 1.0), simple("b", 2.0)))) == {"step": [3], "a": [1], "b": [2]}


def test_what_is_no_scalar_is_named_and_left_out():
    histogram = part(1, part(1, b"weights") + part(5, b"\x09" + bytes(8)))
    found = only(VERSION + b"".join(event(k, histogram) for k in range(20)) + event(1, simple("loss", 1.0)))
    assert (found.ignored, lists(found)) == (("weights",), {"step": [1], "loss": [1]})


def test_a_restart_keeps_the_rows_in_the_order_of_the_file():
    steps = [0, 1, 2, 3, 2, 3, 4]
    found = only(VERSION + b"".join(event(k, simple("loss", k)) + event(k, simple("lr", 1)) for k in steps))
    assert lists(found)["step"] == steps


def test_a_tag_that_is_behind_the_others_is_merged_by_step():
    late = event(1, simple("val", 9.0))
    found = only(VERSION + b"".join(event(k, simple("loss", k)) for k in range(3)) + late)
    assert found.columns["step"].tolist() == [0, 1, 2]
    assert found.columns["val"][1] == 9.0


def test_a_tag_that_never_says_its_step_is_counted():
    found = only(VERSION + b"".join(event(0, simple("loss", k)) for k in range(4)))
    assert lists(found)["step"] == [0, 1, 2, 3]
    assert "counted" in found.notes[0]


def test_a_last_record_that_is_cut_short_is_left_out_with_a_note():
    whole = VERSION + event(0, simple("loss", 1.0))
    last = event(1, simple("loss", 2.0))
    for size in (1, 11, 12, 20, len(last) - 1):
        found = only(whole + last[:size])
        assert lists(found) == {"step": [0], "loss": [1]}
        assert len(found.notes) == 1


def test_a_damaged_record_is_left_out_and_counted():
    first, second, third = (event(k, simple("loss", float(k + 1))) for k in range(3))
    spoilt = second[:-6] + bytes([second[-6] ^ 1]) + second[-5:]
    found = only(VERSION + first + spoilt + third)
    assert lists(found)["step"] == [0, 2]
    assert found.notes == ("1 of 4 records are damaged and left out.",)


def test_after_a_damaged_length_the_rest_is_left_out_with_a_note():
    first, second = event(0, simple("loss", 1.0)), event(1, simple("loss", 2.0))
    found = only(VERSION + first + bytes([second[0] ^ 1]) + second[1:])
    assert lists(found)["step"] == [0]
    assert found.notes == ("what follows record 2 is damaged and left out.",)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["loss", "lr", "a much longer tag"]),
            st.integers(0, 1 << 40),
            st.floats(width=32, allow_nan=False),
        ),
        min_size=1,
        max_size=40,
        unique_by=lambda row: row[:2],
    )
)
def test_any_log_is_read_back_value_for_value(rows):
    rows = sorted(rows, key=lambda row: row[1])
    rows = rows if any(step for _, step, _ in rows) else [(tag, step + 1, value) for tag, step, value in rows]
    found = only(VERSION + b"".join(event(step, simple(tag, value)) for tag, step, value in rows))
    row = {step: k for k, step in enumerate(found.columns["step"].tolist())}
    assert list(row) == sorted({step for _, step, _ in rows})
    for tag, step, value in rows:
        assert found.columns[tag][row[step]] == value
    spoken = sum(int(np.sum(~found.blank.get(tag, np.zeros(len(row), dtype=bool)))) for tag in list(found.columns)[1:])
    assert spoken == len(rows)


def test_files_of_one_folder_follow_each_other_in_time(tmp_path):
    write(tmp_path, event(2, simple("loss", 5.0), time=20.0), event(3, simple("loss", 4.0), time=21.0), number=1)
    write(tmp_path, *(event(k, simple("loss", 9.0), time=float(k)) for k in range(4)), number=2)
    (found,) = run_of(tmp_path)
    assert lists(found) == {"step": [0, 1, 2, 3, 2, 3], "loss": [9, 9, 9, 9, 5, 4]}


def test_each_folder_is_a_run_in_the_order_of_their_beginnings(tmp_path):
    write(tmp_path / "a", event(1, simple("loss", 1.0), time=50.0))
    write(tmp_path / "b", event(1, simple("loss", 2.0), time=10.0))
    assert [found.run for found in run_of(tmp_path)] == ["b", "a"]


def test_folders_of_add_scalars_belong_to_the_run_above(tmp_path):
    write(tmp_path, event(1, simple("lr", 0.5), time=1.0))
    write(tmp_path / "cmp_loss_train", event(1, simple("cmp/loss", 1.0), time=1.0))
    write(tmp_path / "cmp_loss_val", event(1, simple("cmp/loss", 2.0), time=1.0))
    (found,) = run_of(tmp_path)
    assert lists(found) == {"step": [1], "lr": [0.5], "cmp/loss/train": [1], "cmp/loss/val": [2]}


def test_the_two_halves_of_a_keras_run_are_one(tmp_path):
    write(tmp_path / "train", event(1, simple("epoch_loss", 1.0), time=1.0))
    write(tmp_path / "validation", event(1, simple("epoch_loss", 2.0), time=2.0))
    (found,) = run_of(tmp_path)
    assert lists(found) == {"step": [1], "train/epoch_loss": [1], "validation/epoch_loss": [2]}


def test_a_folder_without_events_does_not_fit(tmp_path):
    (tmp_path / "events.out.tfevents.1.x").write_bytes(b"")
    assert not tensorboard.fits(Source("logs", b"", tmp_path, lambda: b""))


def test_a_file_without_any_scalar_says_so():
    with pytest.raises(FormatError, match="holds no scalar"):
        tensorboard.tables(source(VERSION))


def test_mutants_are_read_or_refused():
    rng = np.random.default_rng(0)
    whole = VERSION + b"".join(
        event(k, simple("loss", k), simple("lr", 0.5)) + event(k, tensor("val", 1, part(4, bytes(4))))
        for k in range(20)
    )
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
    plain = event(5, simple("loss", 1.0))[12:-4]
    broken = [bytearray(plain) for _ in range(300)]
    for data in broken:
        data[rng.integers(len(data))] = rng.integers(256)
    found = only(VERSION + event(1, simple("good", 1.0)) + b"".join(framed(bytes(data)) for data in broken))
    assert found.columns["good"][found.columns["step"] == 1].tolist()[0] == 1.0


def test_records_too_short_for_an_event_are_left_out():
    found = only(VERSION + framed(b"") + framed(b"\x10") + framed(b"\x10\x01") + event(1, simple("loss", 1.0)))
    assert lists(found) == {"step": [1], "loss": [1]}


def test_more_tags_than_any_run_has_are_left_out_with_a_note():
    found = only(VERSION + event(1, simple("loss", 1.0)) + event(1, *(simple(f"{k}", 1.0) for k in range(20_000))))
    assert lists(found) == {"step": [1], "loss": [1]}
    assert found.notes == ("more than 20,000 tags: 1 records are left out.",)


def test_many_records_of_odd_kinds_are_told_apart():
    histogram = [part(1, part(1, f"weights/{k % 3}".encode()) + part(5, bytes([k, k + 1] * 9))) for k in range(40)]
    rows = [event(k + 1, value) + event(k + 1, simple("loss", float(k))) for k, value in enumerate(histogram)]
    found = only(VERSION + b"".join(rows))
    assert found.columns["loss"].tolist() == list(range(40))
    assert (found.ignored, found.notes) == (("weights/0", "weights/1", "weights/2"), ())


def test_a_folder_of_hyperparameters_beside_a_run_is_none(tmp_path):
    write(tmp_path, event(1, simple("loss", 1.0), time=1.0))
    session = part(1, part(1, b"_hparams_/session_start_info") + part(9, b"\x0a\x00"))
    write(tmp_path / "17000.5", event(0, session), event(0, simple("hparam/accuracy", 1.0), time=2.0))
    assert [lists(found) for found in run_of(tmp_path)] == [{"step": [1], "loss": [1]}]
