"""The names of ``surefoot.torch`` are there, and arrive lazily."""

import pytest

import surefoot.torch as st


@pytest.mark.parametrize("name", st.__all__)
def test_every_name_can_be_imported(name):
    assert getattr(st, name) is not None
    assert name in dir(st)


def test_the_contract_is_kept():
    assert {"Scheduler", "set_lr", "groups", "task", "find"} <= set(st.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'schedule'"):
        st.schedule  # noqa: B018  the access is the test
