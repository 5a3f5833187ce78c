"""What can be branched, and what stands on a shelf."""

import pytest

from surefoot.schedule.recipes.decays import constant
from surefoot.search.shelf import Shelf, branches

FLAT = constant(0.1, total=3)


class Filing:
    """A task with methods of these names that mean something else."""

    def __call__(self, schedule):
        yield from [1.0] * schedule.total

    def snapshot(self, path):
        raise AssertionError(path)

    def resume(self, path):
        raise AssertionError(path)


def test_what_can_be_branched(bowls):
    assert branches(bowls.Forked())
    assert [branches(task) for task in (bowls.bowl, bowls.counted(bowls.Forked(), {}), Filing(), print)] == [False] * 4


def test_what_is_put_on_the_shelf_is_taken_once_or_thrown_away(bowls):
    task, shelf = bowls.Forked(), Shelf()
    next(task(FLAT))
    assert all(shelf.put(task, (rate, 1), rate) for rate in (0.1, 0.2, 0.3))
    known, again = shelf.taken(0.2, 1)
    assert known == 0.2
    assert [reading.step for reading in again(FLAT)] == [1, 2]
    assert shelf.taken(0.2, 1) is None
    assert shelf.taken(0.1, 2) is None
    del again
    shelf.keep([(0.3, 1), (0.2, 1)])
    assert (set(shelf.held), len(task.alive)) == ({(0.3, 1)}, 1)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA out of memory")])
def test_what_does_not_fit_is_not_put_there(bowls, error):
    class Full(bowls.Forked):
        def snapshot(self):
            raise error

    shelf = Shelf()
    assert not shelf.put(Full(), (0.1, 1), None)
    assert not shelf.held
