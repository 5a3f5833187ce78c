"""The data of the built-in tasks: what it is, that it stays, and that making it leaves nothing behind."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
import torch

from surefoot.errors import ArgumentError
from surefoot.tasks import data
from surefoot.tasks.loop import OPTIMIZERS, build, held_out
from surefoot.tasks.text import sources, text, topics


@pytest.fixture
def fresh_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    data.mnist1d.cache_clear()
    yield tmp_path / "surefoot"
    data.mnist1d.cache_clear()


def test_digits_and_patients_are_split_standardised_and_whole():
    digits, patients = data.digits(), data.diabetes()
    assert (len(digits.x), len(digits.x_val)) == (1438, 359)
    assert (len(patients.x), len(patients.x_val)) == (354, 88)
    for part in (digits.x, patients.x, patients.y):
        assert part.dtype is torch.float32
        assert part.mean().item() == pytest.approx(0, abs=1e-4)
        assert part.std().item() == pytest.approx(1, abs=1e-3)
    assert set(digits.y_val.tolist()) == set(range(10))


def test_no_row_is_both_trained_on_and_held_out():
    parts = data.split(np.arange(50.0)[:, None], np.arange(50))
    assert sorted([*parts.y.tolist(), *parts.y_val.tolist()]) == list(range(50))


def test_mnist1d_is_generated_once_and_read_ever_after(fresh_cache):
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002  the global state is what must be kept
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002  same
    made = data.mnist1d()
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002  same
    assert [path.name for path in fresh_cache.iterdir()] == ["mnist1d.npz"]
    written = (fresh_cache / "mnist1d.npz").stat().st_mtime_ns
    data.mnist1d.cache_clear()
    assert all(torch.equal(a, b) for a, b in zip(made, data.mnist1d(), strict=True))
    assert (fresh_cache / "mnist1d.npz").stat().st_mtime_ns == written
    assert made.x.shape == (4000, 40)
    assert made.x_val.shape == (1000, 40)
    assert set(made.y.tolist()) == set(range(10))


def test_a_damaged_cache_is_made_again(fresh_cache):
    fresh_cache.mkdir()
    (fresh_cache / "mnist1d.npz").write_bytes(b"half a fi")
    assert data.mnist1d().x.shape == (4000, 40)


@pytest.mark.parametrize("source", [topics, sources])
def test_python_ships_enough_english(source):
    characters = source()
    assert len(characters) > 300_000
    words = Counter(characters.lower().split())
    assert all(words[word] > 500 for word in ("the", "of", "to", "is"))


def test_a_window_is_followed_by_itself_one_character_on():
    page = text()
    x, y = page.windows(torch.tensor([0, 7]), 20)
    said = ["".join(page.alphabet[code] for code in row) for row in x.tolist()]
    assert said[1] == (topics() or sources())[7:27]
    assert torch.equal(x[:, 1:], y[:, :-1])
    assert len(page.held) == pytest.approx(0.1 * (len(page.held) + len(page.train)), abs=1)


def test_the_held_out_loss_keeps_every_mode_and_gradient():
    model = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.BatchNorm1d(1), torch.nn.Dropout())
    model[1].eval()
    validate = held_out(model, torch.nn.functional.mse_loss, torch.randn(8, 2), torch.zeros(8, 1))
    assert validate() == validate()
    assert [module.training for module in model] == [True, False, True]
    assert all(p.grad is None for p in model.parameters())
    assert model[1].num_batches_tracked == 0


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_optimizer_takes_momentum_and_weight_decay(name):
    optimizer = build(name, [torch.zeros(2, requires_grad=True)], momentum=0.8, weight_decay=0.3)
    assert type(optimizer).__name__.lower() == name
    assert optimizer.param_groups[0]["weight_decay"] == 0.3
    assert optimizer.param_groups[0].get("betas", (0.8,))[0] == 0.8


def test_an_unknown_optimizer_is_refused_with_those_that_exist():
    with pytest.raises(ArgumentError, match=r"optimizer='adamax' is unknown here: use one of sgd, adam"):
        build("adamax", [torch.zeros(2, requires_grad=True)])
