import pytest

from surefoot.history.formats.settings import facts


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"learning_rate": 1e-3, "lr": 5.0}, {"peak": 1e-3}),
        ({"lr": 0, "max_steps": -1, "batch_size": 0}, {}),
        ({"train": {"lr": "1e-3"}, "lr": 0.5}, {"peak": 0.5}),
        ({"train/lr": "1e-3", "model.vocab_size": 50257}, {"peak": 1e-3, "vocabulary": 50257.0}),
        ({"optimizer": {"name": "SGD", "momentum": 0.9}}, {"momentum": 0.9, "optimizer": "sgd"}),
        ({"optim": "adamw_torch", "adam_beta2": 0.95}, {"beta2": 0.95, "optimizer": "adamw_torch"}),
        ({"lr": float("nan"), "wd": float("inf"), "optimizer": "x" * 100}, {}),
        ({"lr": True, "betas": [0.9], "optimizer": 7}, {}),
    ],
)
def test_settings_are_facts_where_they_can_be_meant(given, found):
    assert facts(given) == found


def test_settings_that_are_deep_or_many_end():
    deep = {"lr": 0.1}
    for _ in range(5_000):
        deep = {"more": deep}
    assert facts({**deep, **{f"x{k}": k for k in range(20_000)}}) == {}
