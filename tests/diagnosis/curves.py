"""Losses with a known story, made of a realistic descent, seeded noise, and one trouble."""

import numpy as np

import surefoot as sf


def descent(count=400, *, start=10.0, floor=2.0, power=0.5, noise=0.03, seed=0):
    """A loss that falls fast, then slowly, along a power law, as language models do."""
    rng = np.random.default_rng(seed)
    t = np.arange(count)
    return floor + (start - floor) * (1 + t / 5) ** -power + noise * rng.standard_normal(count)


def spiked(losses, at, *, height=5.0, rows=10):
    """The same with a jump that decays over ``rows``."""
    t = np.arange(len(losses)) - at
    return losses + np.where(t >= 0, height * np.exp(-t / (rows / 3)), 0.0)


def history(losses, *, facts=(), every=1, **columns):
    """A history of one row every ``every`` steps; other columns by name."""
    losses = np.asarray(losses, dtype=float)
    steps = every * np.arange(len(losses), dtype=float)
    named = {name: np.asarray(values, dtype=float) for name, values in columns.items()}
    return sf.History({"step": steps, "loss": losses, **named}, origin=sf.Origin(facts=dict(facts)))


def codes(found, *, least="warning"):
    """The codes of the findings that are at least so grave, in their order."""
    levels = ("info", "warning", "error")
    return [one.code for one in sf.diagnose(found) if levels.index(one.severity) >= levels.index(least)]


def only(found, code):
    """The one finding with this code."""
    (one,) = [finding for finding in sf.diagnose(found) if finding.code == code]
    return one
