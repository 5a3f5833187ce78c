"""Runs whose losses follow the multi-power law, with noise."""

import numpy as np

import surefoot as sf
from surefoot.forecasting.course import Course
from surefoot.forecasting.multipower import MultiPower

# Of the size of the published ones, for a peak of 1e-3 and runs of a few thousand updates.
LAW = MultiPower(2.6, 0.45, 0.5, 110.0, 1.2, 0.6, 0.65)


def losses(plan, steps):
    """The losses of the law after each of ``steps`` of ``plan``."""
    return LAW.loss(Course.of(plan.array(0, int(max(steps)))), np.asarray(steps))


def run(plan, *, every=20, noise=5e-4, seed=0, start=None, end=None, column="val_loss", lr=True, facts=None):
    """A history of ``plan``: a row every ``every`` updates from ``start`` to ``end``, with relative ``noise``."""
    steps = np.arange(every if start is None else start, (end or plan.total) + 1, every)
    rng = np.random.default_rng(seed)
    values = losses(plan, steps) * (1 + noise * rng.standard_normal(len(steps)))
    columns = {"step": steps, "loss": values if column == "loss" else values * 1.01, column: values}
    if lr:
        columns["lr"] = plan.array(0, int(steps[-1]) + 1)[steps]
    return sf.History(columns, origin=sf.Origin(facts=facts or {}))


def final(plan):
    """The loss of the law at the end of ``plan``."""
    return float(losses(plan, [plan.total])[0])
