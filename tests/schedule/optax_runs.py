"""What optax's schedules give over a run, as JSON: a process of its own, since jax's threads forbid forking.

Run by test_parity_optax.py.
"""

import json

import jax
import numpy as np
import optax

PEAK = 3e-4
STEPS = 80

jax.config.update("jax_enable_x64", True)

RUNS = {
    "constant": lambda t: optax.constant_schedule(PEAK)(t) + 0 * t,
    "linear": optax.linear_schedule(PEAK, PEAK / 10, 50),
    "warmup constant": optax.warmup_constant_schedule(0.0, PEAK, 20),
    "polynomial": optax.polynomial_schedule(PEAK, PEAK / 10, 3.0, 50),
    "cosine": optax.cosine_decay_schedule(PEAK, 50, alpha=0.1),
    "warmup cosine": optax.warmup_cosine_decay_schedule(0.0, PEAK, 10, 60, PEAK / 10),
    "warmup cosine from a start": optax.warmup_cosine_decay_schedule(PEAK / 4, PEAK, 10, 60),
    "cosine one-cycle": optax.cosine_onecycle_schedule(60, PEAK, 0.3, 25.0, 1e4),
    "linear one-cycle": optax.linear_onecycle_schedule(60, PEAK, 0.3, 0.85, 25.0, 1e4),
    "exponential": optax.exponential_decay(PEAK, 7, 0.5, end_value=PEAK / 50),
    "staircase": optax.exponential_decay(PEAK, 7, 0.5, staircase=True),
    "warmup exponential": optax.warmup_exponential_decay_schedule(0.0, PEAK, 10, 5, 0.8),
    "piecewise constant": optax.piecewise_constant_schedule(PEAK, {10: 0.5, 30: 0.5}),
    "piecewise linear": optax.piecewise_interpolate_schedule("linear", PEAK, {20: 0.1, 50: 0.5}),
    "piecewise cosine": optax.piecewise_interpolate_schedule("cosine", PEAK, {20: 0.1, 50: 0.5}),
    "sgdr": optax.sgdr_schedule(
        [
            {"init_value": k * PEAK, "peak_value": k * PEAK, "warmup_steps": 0, "decay_steps": n}
            for k, n in ((1, 10), (0.5, 20), (0.25, 40))
        ]
    ),
    "rounding one-cycle": optax.cosine_onecycle_schedule(33, 1.0, 0.3),
}
POINTS = {
    "length of nothing": float(optax.linear_schedule(1.0, 0.0, 0)(5)),
    "negative step": float(optax.linear_schedule(1.0, 0.0, 10)(-5)),
}

if __name__ == "__main__":
    steps = np.arange(STEPS, dtype=np.float64)
    runs = {name: np.asarray(jax.vmap(schedule)(steps)).tolist() for name, schedule in RUNS.items()}
    print(json.dumps(runs | POINTS))  # noqa: T201  its output is what it is for
