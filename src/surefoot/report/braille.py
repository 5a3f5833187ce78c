"""A canvas of braille cells, two by four dots each: the finest drawing a terminal's text allows."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

# The bit of each dot within its cell, by row then column (Unicode block Braille Patterns, U+2800).
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_LIMIT = 100.0


@dataclass(slots=True)
class Canvas:
    """``width`` x ``height`` cells; x and y are fractions of the plot, (0, 0) at the lower left."""

    width: int
    height: int
    bits: dict[tuple[int, int], int] = field(default_factory=dict)
    tones: dict[tuple[int, int], str] = field(default_factory=dict)
    stamps: dict[tuple[int, int], str] = field(default_factory=dict)

    def dot(self, x: float, y: float, tone: str) -> None:
        """Set one dot; outside the canvas, or at NaN, nothing happens."""
        if not math.isfinite(x + y):
            return
        column = round(x * (self.width * 2 - 1))
        row = round((1 - y) * (self.height * 4 - 1))
        if 0 <= column < self.width * 2 and 0 <= row < self.height * 4:
            cell = (row // 4, column // 2)
            self.bits[cell] = self.bits.get(cell, 0) | _BITS[row % 4][column % 2]
            self.tones[cell] = tone

    def line(self, a: tuple[float, float], b: tuple[float, float], tone: str) -> None:
        """Set the dots between two points."""
        if not math.isfinite(sum(a) + sum(b)) or max(map(abs, (*a, *b))) > _LIMIT:
            return
        across = abs(b[0] - a[0]) * self.width * 2
        up = abs(b[1] - a[1]) * self.height * 4
        count = math.ceil(max(across, up, 1.0))
        for k in range(count + 1):
            share = k / count
            self.dot(a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, tone)

    def stamp(self, x: float, y: float, character: str, tone: str) -> None:
        """Put one character over the cell at (x, y): what stands out of a line."""
        if math.isfinite(x + y) and 0 <= x <= 1 and 0 <= y <= 1:
            cell = (round((1 - y) * (self.height - 1)), round(x * (self.width - 1)))
            self.stamps[cell] = character
            self.tones[cell] = tone

    def cell(self, row: int, column: int, *, plain: bool = False) -> tuple[str, str]:
        """Return the character of a cell and its tone; ``plain`` keeps to ASCII."""
        if (row, column) in self.stamps:
            return self.stamps[(row, column)], self.tones[(row, column)]
        bits = self.bits.get((row, column), 0)
        if not bits:
            return " ", ""
        return ("*" if plain else chr(0x2800 + bits)), self.tones[(row, column)]
