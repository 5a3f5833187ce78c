"""Built-in tasks under the methods of st.optim: by name, judged by the weights that are to be saved."""

import pytest
import torch

import surefoot as sf
from surefoot.errors import ArgumentError
from surefoot.tasks.digits import digits
from surefoot.tasks.loop import TUNING_FREE, build, held_out
from surefoot.tasks.mnist1d import mnist1d

RATES = {"schedule-free": 0.01, "schedule-free-radam": 0.01, "gi-adam": 3e-3}


# At their defaults two of them break on this task: D-Adapt SGD has no momentum, Lion's d is over-estimated.
LEARN = sorted(set(TUNING_FREE) - {"d-adapt-sgd", "d-adapt-lion"})


@pytest.mark.parametrize("name", LEARN)
def test_methods_learn_the_digits_at_their_defaults(name):
    rate = RATES.get(name, 1.0)
    rows = list(digits(sf.constant(rate, total=400), optimizer=name))
    assert rows[-1].val_loss() < 0.97 * rows[0].loss


def test_the_average_is_judged_and_training_goes_on_as_if_it_were_not():
    judged, unjudged = ([], [])
    for kept in (judged, unjudged):
        for row in digits(sf.constant(0.01, total=60), optimizer="schedule-free"):
            kept.append(row.loss)
            if kept is judged:
                row.val_loss()
    assert judged == unjudged


def test_batchnorm_is_measured_anew_under_the_average():
    torch.manual_seed(0)
    rows = list(mnist1d(sf.constant(0.01, total=150), optimizer="schedule-free"))
    assert rows[-1].val_loss() < rows[0].loss


def test_an_average_is_what_a_held_out_loss_is_of():
    model = torch.nn.Linear(1, 1, bias=False)
    optimizer = build("dog", model.parameters())
    x = torch.ones(4, 1)
    for _ in range(50):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(x), 0 * x).backward()
        optimizer.step()
    plain = held_out(model, torch.nn.functional.mse_loss, x, 0 * x)()
    average = held_out(model, torch.nn.functional.mse_loss, x, 0 * x, optimizer)()
    with optimizer.evaluating():
        assert held_out(model, torch.nn.functional.mse_loss, x, 0 * x)() == average != plain


def test_a_name_that_is_none_is_answered_with_all_of_them():
    with pytest.raises(ArgumentError, match="rmsprop, adagrad, schedule-free"):
        build("prodigyy", [torch.zeros(1, requires_grad=True)])
