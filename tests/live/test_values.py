import numpy as np
import pytest

from surefoot.errors import ArgumentError
from surefoot.live.values import count, is_read, read, taken


class Tensor:
    """What is asked of a tensor on an accelerator, and how often."""

    shape = ()

    def __init__(self, value, log=None):
        self.value, self.log = value, [] if log is None else log

    def detach(self):
        self.log.append("detach")
        return self

    def clone(self):
        self.log.append("clone")
        return type(self)(self.value, self.log)

    def item(self):
        self.log.append("item")
        return self.value


@pytest.mark.parametrize("value", [2.5, np.float32(2.5), np.array(2.5)])
def test_a_number_is_taken_at_once(value):
    found = taken(value, "loss")
    assert type(found) is float
    assert found == 2.5


def test_a_tensor_of_an_accelerator_is_copied_and_read_later():
    tensor = Tensor(2.5)
    kept = taken(tensor, "loss")
    tensor.value = 7.0
    assert tensor.log == ["detach", "clone"]
    assert not is_read({"step": 1, "loss": kept})
    assert read({"step": 1, "loss": kept}) == {"step": 1, "loss": 2.5}


def test_a_tensor_on_the_host_is_read_at_once():
    class Host(Tensor):
        is_cpu = True

    assert taken(Host(2.5), "loss") == 2.5


@pytest.mark.parametrize("value", ["high", [1.0], None, object()])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(ArgumentError, match="loss="):
        taken(value, "loss")


def test_a_tensor_of_several_numbers_is_refused_when_it_is_handed_over():
    class Wide(Tensor):
        shape = (3,)

    with pytest.raises(ArgumentError, match=r"grad_norm is a tensor of shape \[3\]"):
        taken(Wide(1.0), "grad_norm")


def test_a_tensor_that_holds_no_number_is_refused_when_it_is_read():
    with pytest.raises(ArgumentError, match="must be a number"):
        read({"loss": Tensor(1j)})


@pytest.mark.parametrize("step", [-1, 1.5, "3", True])
def test_a_step_is_a_count(step):
    with pytest.raises(ArgumentError, match="step="):
        count(step)


def test_a_step_may_be_an_integer_of_numpy():
    assert count(np.int64(3)) == 3
