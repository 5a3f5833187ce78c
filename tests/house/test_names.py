"""The public surface: names that others build on."""

import ast
from pathlib import Path

import pytest

import surefoot as sf

ROOT = Path(sf.__file__)
CONTRACT = (
    "Clock",
    "History",
    "Length",
    "Peak",
    "Phase",
    "Reading",
    "Schedule",
    "SurefootError",
    "Trial",
    "Curve",
    "Factor",
    "Scale",
    "constant",
    "cosine",
    "cyclic",
    "epochs",
    "exponential",
    "find",
    "forecast",
    "hold",
    "inverse_sqrt",
    "linear",
    "one_cycle",
    "page",
    "plan",
    "power",
    "ramp",
    "read",
    "restarts",
    "rex",
    "samples",
    "step_decay",
    "sweep",
    "tokens",
    "transfer",
    "tune",
    "wsd",
)


@pytest.mark.parametrize("name", CONTRACT)
def test_a_name_of_the_contract_is_there(name):
    assert callable(getattr(sf, name))


@pytest.mark.parametrize("name", sf.__all__)
def test_every_public_name_is_documented(name):
    assert getattr(sf, name).__doc__


def test_type_checkers_see_the_same_names():
    tree = ast.parse(ROOT.read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {alias.asname for node in block.body for alias in node.names}
    assert seen == set(sf.__all__)


def test_dir_lists_the_names():
    assert dir(sf) == sf.__all__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'managers'"):
        _ = sf.managers
