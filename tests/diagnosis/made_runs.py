"""Runs for the laws: histories of every kind, good and odd, made from a few words and a seed."""

from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

import surefoot as sf

LOSSES = ("falls", "noisy", "diverges", "spikes", "flat", "zeros", "negative", "huge", "nan", "mostly nan", "chance")
STEPS = ("every", "sparse", "epochs", "decreasing", "repeated", "restarted", "growing gaps", "unknown")
RATES = ("cosine", "constant", "restarts", "warmup", "zero", "huge", "nan")
FACTS = {
    "total": 200.0,
    "optimizer": "AdamW",
    "batch": 32.0,
    "weight_decay": 0.1,
    "momentum": 0.9,
    "classes": 10.0,
    "kind": "pretraining",
    "unit": "step",
    "resumes": (50.0, 120.0),
}


def losses(kind, count, rng):
    t = np.arange(count) / max(count, 1)
    falls = 2.3 * np.exp(-2 * t) + 0.05 * rng.standard_normal(count)
    wild = np.where(rng.random(count) < 0.05, 10.0, 1.0)
    made = {
        "falls": falls,
        "noisy": 2.0 + rng.standard_normal(count),
        "diverges": np.where(t > 0.6, falls * np.exp(40 * np.maximum(t - 0.6, 0)), falls),
        "spikes": falls * wild,
        "flat": np.full(count, 0.7),
        "zeros": np.zeros(count),
        "negative": -falls,
        "huge": 1e300 * wild,
        "nan": np.where(t > 0.7, np.nan, falls),
        "mostly nan": np.where(rng.random(count) < 0.9, np.nan, falls),
        "chance": np.where(t > 0.2, np.log(10) + 1e-3 * rng.standard_normal(count), falls),
    }
    return made[kind]


def steps(kind, count):
    t = np.arange(count)
    made = {
        "every": t,
        "sparse": 100 * t,
        "epochs": t + 1,
        "decreasing": t[::-1],
        "repeated": t // 3,
        "restarted": t % max(count // 2, 1),
        "growing gaps": t * t,
        "unknown": np.where(t % 5 == 2, np.nan, t),
    }
    return made[kind].astype(float)


def rates(kind, count):
    if count < 40:
        return np.full(count, 1e-3)
    made = {
        "cosine": sf.cosine(1e-3, total=count, warmup=0.1).array(),
        "constant": np.full(count, 3e-4),
        "restarts": sf.restarts(1e-3, total=count, cycles=3).array(),
        "warmup": np.linspace(0, 1e-3, count),
        "zero": np.zeros(count),
        "huge": np.full(count, 1e200),
        "nan": np.full(count, np.nan),
    }
    return made[kind]


def run(count, seed=0, *, loss="falls", step="every", rate="cosine", extras=(), facts=()):
    rng = np.random.default_rng(seed)
    held = losses(loss, count, rng)
    columns = {"step": steps(step, count), "loss": held, "lr": rates(rate, count)}
    more = {
        "grad_norm": np.where(np.isnan(held), np.nan, np.abs(rng.standard_normal(count)) + np.abs(held)),
        "val_loss": np.where(np.arange(count) % 10 == 9, 1.1 * held, np.nan),
        "val_accuracy": np.where(np.arange(count) % 10 == 9, 0.5, np.nan),
        "applied_lr": columns["lr"] * 0.5,
        "noise_scale": np.full(count, 4096.0),
        "batch": np.full(count, 16.0),
        "weight_norm": np.linspace(10, 30, count),
        "update_ratio": 10.0 ** rng.uniform(-6, 1, count),
        "headroom": rng.uniform(0.1, 3, count),
        "sharpness_ratio": rng.uniform(0.1, 3, count),
        "epoch": np.arange(count) / 10,
        "d": 10.0 ** np.minimum(np.arange(count) * rng.uniform(0, 0.2) - 6, rng.uniform(-6, 3)),
    }
    columns.update({name: more[name] for name in extras})
    return sf.History(columns, origin=sf.Origin("test", facts={name: FACTS[name] for name in facts}))


EXTRAS = (
    *("grad_norm", "val_loss", "val_accuracy", "applied_lr", "noise_scale", "batch", "weight_norm"),
    *("update_ratio", "headroom", "sharpness_ratio", "epoch", "d"),
)


def several(names):
    return st.lists(st.sampled_from(sorted(names)), unique=True)


def histories(largest=150):
    return st.builds(
        run,
        st.integers(0, largest),
        st.integers(0, 1000),
        loss=st.sampled_from(LOSSES),
        step=st.sampled_from(STEPS),
        rate=st.sampled_from(RATES),
        extras=several(EXTRAS),
        facts=several(FACTS),
    )


def pieces(history, cuts):
    """Return the history cut at the rows ``cuts``."""
    edges = [0, *sorted({cut for cut in cuts if cut < len(history)}), len(history)]
    return [history.rows(start, stop) for start, stop in pairwise(edges)]
