"""English text that ships with Python itself: the topics behind ``help()``."""

from __future__ import annotations

import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

_HELD = 0.1
# Long, well commented modules that every Python has, for one that was packaged without its documentation topics.
_SOURCES = (
    "argparse",
    "ast",
    "datetime",
    "doctest",
    "inspect",
    "logging",
    "optparse",
    "pathlib",
    "subprocess",
    "typing",
)


class Text(NamedTuple):
    """Text as indices into its ``alphabet``: a part to train on and the end of it, held out."""

    alphabet: str
    train: Tensor
    held: Tensor

    def windows(self, starts: Tensor, length: int, *, held: bool = False) -> tuple[Tensor, Tensor]:
        """Return the characters from each of ``starts`` on, and their successors: two [len(starts), length]."""
        source = self.held if held else self.train
        rows = source[starts[:, None] + torch.arange(length + 1)]
        return rows[:, :-1], rows[:, 1:]


@cache
def text() -> Text:
    """Return the language reference as ``help()`` prints it, 0.4 MB; without it, sources of the standard library.

    The text differs a little between versions of Python, so losses compare within one version only.
    """
    characters = topics() or sources()
    alphabet = "".join(sorted(set(characters)))
    index = {character: k for k, character in enumerate(alphabet)}
    codes = torch.tensor([index[character] for character in characters])
    cut = int(len(codes) * (1 - _HELD))
    return Text(alphabet, codes[:cut], codes[cut:])


def topics() -> str:
    """Return the documentation topics in order of name, or nothing where the interpreter lacks them."""
    try:
        from pydoc_data.topics import topics as pages  # noqa: PLC0415  half a megabyte, needed here only
    except ImportError:
        return ""
    return "\n\n".join(pages[name] for name in sorted(pages))


def sources() -> str:
    """Return the source of ten modules of the standard library, 0.8 MB in ASCII."""
    found = [find_spec(name) for name in _SOURCES if name in sys.stdlib_module_names]
    files = [Path(spec.origin) for spec in found if spec is not None and spec.origin is not None]
    pages = [file.read_text(encoding="utf-8") for file in files if file.suffix == ".py"]
    return "\n".join(pages).encode("ascii", "replace").decode()
