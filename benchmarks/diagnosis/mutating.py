"""Mutants of logs: one seeded change, or a few, to the bytes of a real one."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

Change = Callable[[bytes, random.Random, Sequence[bytes]], bytes]
NUMBER = re.compile(rb"\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
WORDS = (
    b"nan",
    b"NaN",
    b"inf",
    b"-Infinity",
    b"null",
    b"",
    b"true",
    b'"x"',
    b"{}",
    b"[1, 2]",
    b"1e999",
    b"-5",
    b"0x10",
)
HUGE = (b"9" * 5_000, b"1e-9999", b"1" * 200 + b"." + b"1" * 200, b"1_000", b"9" * 100_000)
MARKS = (b",", b";", b"\t", b":", b"=", b"|", b'"', b"{", b"}", b"[", b"]", b"\n", b" ")


def truncate(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def behead(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    return data[rng.randrange(len(data) + 1) :]


def shuffle(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    lines = data.split(b"\n")
    rng.shuffle(lines)
    return b"\n".join(lines)


def duplicate(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    return b"\n".join(lines[:at] + lines[at : at + rng.randrange(1, 50)] * rng.randrange(1, 20) + lines[at:])


def drop_lines(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    keep = rng.random()
    return b"\n".join(line for line in data.split(b"\n") if rng.random() < keep)


def retype(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    share = rng.choice((0.001, 0.05, 0.5, 1.0))
    return NUMBER.sub(lambda found: rng.choice(WORDS) if rng.random() < share else found[0], data)


def enlarge(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    found = list(NUMBER.finditer(data))
    if not found:
        return data
    place = rng.choice(found)
    return data[: place.start()] + rng.choice(HUGE) + data[place.end() :]


def insert_binary(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.randbytes(rng.choice((1, 10, 1_000, 70_000))) + data[at:]


def flip(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 10, 1_000)) if data else 0):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def delete_marks(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    mark, share = rng.choice(MARKS), rng.choice((0.01, 0.5, 1.0))
    parts = data.split(mark)
    return b"".join(part + (b"" if rng.random() < share else mark) for part in parts[:-1]) + parts[-1]


def swap_marks(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    return data.replace(rng.choice(MARKS), rng.choice(MARKS))


def join(data: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    return data + rng.choice((b"", b"\n")) + rng.choice(others)


def nest(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice((b"[", b'{"a":', b"(", b'"', b"{'")) * rng.choice((10, 2_000, 50_000)) + data[at:]


def one_line(data: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    return data.replace(b"\n", rng.choice((b"", b" ", b"\r", b"\0")))


CHANGES: tuple[Change, ...] = (
    truncate, behead, shuffle, duplicate, drop_lines, retype, enlarge, insert_binary, flip, delete_marks, swap_marks,
    join, nest, one_line,
)  # fmt: skip


def mutant(samples: Sequence[bytes], seed: int) -> bytes:
    """Return the mutant of ``seed``: one of ``samples`` after one to three changes."""
    rng = random.Random(seed)
    data = rng.choice(samples)
    for change in rng.choices(CHANGES, k=rng.choice((1, 1, 2, 3))):
        data = change(data, rng, samples)
    return data[: 4 << 20]
