"""The study of small-scale proxies, at a size that takes seconds."""

import importlib.util
import json
import math
from pathlib import Path

import pytest
import torch

import surefoot as sf
from surefoot.tasks import resolve

FILE = Path(__file__).parents[2] / "examples" / "small_scale_proxies.py"
TINY = {"width": 16, "depth": 1, "context": 16, "batch": 4}


@pytest.fixture(scope="module")
def proxies():
    spec = importlib.util.spec_from_file_location("small_scale_proxies", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_is_a_task_as_any_other_and_repeats():
    train = resolve(f"{FILE}:train")
    noise = torch.get_rng_state()
    one, again = ([r.loss for r in train(sf.cosine(1e-2, total=25), seed=3, **TINY)] for _ in range(2))
    assert one == again
    assert one[-1] < one[0]
    assert torch.equal(torch.get_rng_state(), noise)


def test_readings_carry_the_two_signs_of_trouble(proxies):
    readings = list(proxies.train(sf.cosine(1e-2, total=12), every=5, **TINY))
    told = [reading.step for reading in readings if "attention_logit" in reading.extra]
    assert told == [0, 5, 10, 11]
    assert all(math.isfinite(readings[0].extra[name]) for name in ("attention_logit", "log_z"))
    assert readings[-1].val_loss() > 0.0


def test_at_a_high_rate_attention_logits_grow_unless_queries_and_keys_are_normalised(proxies):
    plain, cured = (proxies.trial(name, 0.3, 0, 40, **TINY) for name in ("plain", "qk-layernorm"))
    assert plain["attention_logit"] > 10 * cured["attention_logit"]


def test_the_auxiliary_loss_holds_log_z(proxies):
    def last(z_loss):
        run = proxies.train(sf.constant(1e-2, total=60), z_loss=z_loss, every=59, **TINY)
        return [reading.extra["log_z"] for reading in run if reading.extra][-1]

    assert abs(last(0.1)) < 0.5 * abs(last(0.0))


def test_a_killed_study_goes_on_and_says_the_same(proxies, tmp_path):
    options = {"rates": (1e-2, 0.1), "seeds": 1, "total": 6, **TINY}
    whole = proxies.study(tmp_path / "whole.jsonl", **options)
    lines = (tmp_path / "whole.jsonl").read_text().splitlines()
    (tmp_path / "cut.jsonl").write_text("\n".join(lines[:5]) + "\n" + lines[5][:20])
    assert proxies.study(tmp_path / "cut.jsonl", **options) == whole
    assert len(whole) == 2 * len(proxies.VARIANTS)
    page = "\n".join(proxies.tables(whole))
    assert page.count("| qk-layernorm |") == 4
    assert "| largest attention logit | 0.01 | 0.1 |" in page


def test_the_sensitivity_is_the_mean_loss_above_the_best_capped_at_the_start(proxies):
    rows = [
        {"lr": lr, "seed": 0, "total": 9, "start": 4.0, "loss": loss}
        for lr, loss in ((1e-3, 3.0), (1e-2, 2.0), (1e-1, math.inf))
    ]
    # Straight lines between 3, 2 and 4: a mean of 2.75.
    assert proxies.sensitivity(rows) == pytest.approx(0.75)


def test_the_tables_in_the_results_are_those_of_their_journal(proxies):
    rows = [json.loads(line) for line in (proxies.RESULTS / "proxies.jsonl").read_text().splitlines()]
    page = (proxies.RESULTS / "proxies.md").read_text()
    for total in (proxies.TOTAL, proxies.LONG):
        assert "\n".join(proxies.tables([row for row in rows if row["total"] == total])) in page
