"""The eager twin sees every element once, in pieces on a CPU and in long lists elsewhere, and computes in float32."""

import sys

import pytest
import torch

from surefoot.torch.optim.eager import running
from surefoot.torch.optim.kernel import Kernel


def seen(fields, _):
    """Count the elements, note their types, and add 1 to each."""
    (p, g) = fields
    kinds.append(p[0].dtype)
    for t in p:
        t.add_(1)
    return torch.tensor(sum(t.numel() for t in p)), torch.stack([t.sum() for t in g]).sum()


kinds = []
COUNT = Kernel("none:none", ("p", "g"), ("p",), seen, sums=2)


def pair(n, dtype=torch.float32):
    return torch.zeros(n, dtype=dtype), torch.ones(n, dtype=dtype)


@pytest.mark.parametrize(
    "sizes", [(1,), (0, 3, 0), (running.PIECE,), (running.PIECE + 1, 5), (3 * running.PIECE + 7, 2, running.PIECE - 1)]
)
def test_every_element_is_met_once(sizes):
    rows = [pair(n) for n in sizes]
    left_out, count, above = running.run(COUNT, rows, ()).tolist()
    assert (left_out, count, above) == (0, sum(sizes), sum(sizes))
    assert all(p.eq(1).all() for p, _ in rows)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_half_precision_is_computed_in_float32(dtype):
    kinds.clear()
    rows = [pair(5, dtype), pair(7, dtype)]
    running.run(COUNT, rows, ())
    assert kinds == [torch.promote_types(dtype, torch.float32)]
    assert all(p.eq(1).all() and p.dtype == dtype for p, _ in rows)


def test_types_are_not_mixed_in_one_call():
    kinds.clear()
    running.run(COUNT, [pair(5), pair(5, torch.float64), pair(5, torch.float64), pair(5)], ())
    assert kinds == [torch.float32, torch.float64, torch.float32]


def test_a_tensor_without_a_flat_view_goes_whole():
    p = torch.zeros(2, running.PIECE).t()
    g = torch.ones(2, running.PIECE).t()
    assert running.run(COUNT, [(p, g)], ()).tolist() == [0, 2 * running.PIECE, 2 * running.PIECE]
    assert p.eq(1).all()


def test_elsewhere_tensors_go_whole_and_many_together_but_not_all():
    rows = [
        (torch.empty(n, device="meta"),) for n in (1000, running.FAR // 2, running.FAR // 2 - 1000, 5, 2 * running.FAR)
    ]
    sizes = [[row[0].numel() for row in batch] for batch in running._batches(rows, [1], running.PIECE)]
    assert sizes == [[1000, running.FAR // 2, running.FAR // 2 - 1000], [5], [2 * running.FAR]]
    assert len(list(running._batches(rows, [1], sys.maxsize))) == 1


def test_a_slice_is_cut_where_its_elements_stand():
    n, every = 2 * running.PIECE + 5, 11
    p, few = torch.arange(n), torch.arange(0, n, every)
    pieces = list(running._pieces([(p, few)], [1, every], running.PIECE))
    assert len(pieces) == 3
    assert all(some[::every].equal(slices) for some, slices in pieces)
    assert torch.cat([slices for _, slices in pieces]).equal(few)
