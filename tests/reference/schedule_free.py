"""Schedule-Free written out in float64, with x, y and z all kept, from the formulas of arXiv 2405.15682.

Nothing is rearranged: the average is computed as an average, y as a mixture, and every option where it enters.
"""

import numpy as np


class Twin:
    def __init__(self, start, lr, b1, *, warmup=0, r=0.0, power=2.0, C=None, decay=0.0, decay_at="y"):
        self.x, self.y, self.z = (np.array(start, dtype=np.float64) for _ in range(3))
        self.lr, self.b1, self.warmup, self.r, self.power, self.C = lr, b1, warmup, r, power, C
        self.decay, self.decay_at = decay, decay_at
        self.t, self.largest, self.weights = 0, 0.0, 0.0

    def rate(self):
        return self.lr * min(self.t / self.warmup, 1.0) if self.warmup else self.lr

    def direction(self, g):
        return g

    def step(self, g):
        self.t += 1
        g = np.asarray(g, dtype=np.float64)
        rate = self.rate()
        u = self.direction(g) + self.decay * (self.y if self.decay_at == "y" else self.z)
        self.largest = max(self.largest, rate)
        weight = self.t**self.r * self.largest**self.power
        self.weights += weight
        c = weight / self.weights if self.weights else 0.0
        if self.C is not None:
            c = min(1.0, (1 - self.b1) * self.C * c)
        self.z = self.z - rate * u
        self.x = (1 - c) * self.x + c * self.z
        self.y = (1 - self.b1) * self.z + self.b1 * self.x


class SGDTwin(Twin):
    """u = g."""


class AdamWTwin(Twin):
    """u = g over the root of the second moment, corrected for its start at 0; m puts the mean of g in its place."""

    def __init__(self, start, lr, b1, *, b2=0.999, eps=1e-8, m=0.0, **rest):
        super().__init__(start, lr, b1, **rest)
        self.b2, self.eps, self.m = b2, eps, m
        self.v, self.mean = np.zeros_like(self.x), np.zeros_like(self.x)

    def moment(self, g):
        self.v = self.b2 * self.v + (1 - self.b2) * g**2
        return np.sqrt(self.v / (1 - self.b2**self.t)) + self.eps

    def direction(self, g):
        self.mean = self.m * self.mean + (1 - self.m) * g
        return self.mean / (1 - self.m**self.t) / self.moment(g)


class RAdamTwin(AdamWTwin):
    """The rate times RAdam's factor (arXiv 1908.03265); before there is one, none or plain SGD."""

    def __init__(self, start, lr, b1, *, silent=True, **rest):
        super().__init__(start, lr, b1, **rest)
        self.silent = silent

    def factor(self):
        longest = 2 / (1 - self.b2) - 1
        length = longest - 2 * self.t * self.b2**self.t / (1 - self.b2**self.t)
        if length <= 4:
            return None
        above = (length - 4) * (length - 2) * longest
        return np.sqrt(above / ((longest - 4) * (longest - 2) * length))

    def rate(self):
        factor = self.factor()
        return self.lr * ((0.0 if self.silent else 1.0) if factor is None else factor)

    def direction(self, g):
        below = self.moment(g)
        return g if self.factor() is None else g / below
