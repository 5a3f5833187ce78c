"""Passes over memory by address: whatever the layout, the type, the size and the history of a tensor."""

import pytest
import torch

from surefoot.torch.optim import chunking
from surefoot.torch.optim.eager import dadapt, running
from surefoot.torch.optim.eager import schedule_free as eager
from surefoot.torch.optim.kernel import Kernel, plain

SGD = Kernel("schedule_free:sgd", ("p", "g", "z"), ("p", "z"), eager.sgd)
RATE = plain(eager.SGDScalars(0.5, 0.25, 0, 0, 0))
CHUNK = chunking.CHUNK


def tensors(shape, dtype=torch.float32, seed=0):
    """Return p and g of ``dtype`` and z of what it is computed in, as ordinary tensors."""
    generator = torch.Generator().manual_seed(seed)
    work = torch.promote_types(dtype, torch.float32)
    p, g, z = (torch.randn(shape, generator=generator) for _ in range(3))
    return p.to(dtype), g.to(dtype), z.to(work)


def check(rows, before=None):
    """Run a pass over ``rows`` and compare with what arithmetic in float64 says."""
    before = before or [[t.detach().clone().double() for t in row] for row in rows]
    chunking.run(SGD, rows, RATE)
    for (p, g, z), (p0, g0, z0) in zip(rows, before, strict=True):
        torch.testing.assert_close(p, (p0 - 0.25 * g0).to(p.dtype), rtol=2e-6, atol=1e-6)
        torch.testing.assert_close(z, (z0 - 0.5 * g0).to(z.dtype), rtol=2e-6, atol=1e-6)
        assert g.equal(g0.to(g.dtype))


def turned(tensor, layout):
    """Return ``tensor`` with its values, in memory as ``layout`` says."""
    if layout == "channels last":
        return tensor.to(memory_format=torch.channels_last)
    if layout == "transposed":
        return tensor.permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0)
    if layout == "every second":
        return torch.stack([tensor, torch.zeros_like(tensor)], -1)[..., 0]
    if layout == "spread":
        return tensor[:1].expand(tensor.shape)
    return tensor.contiguous()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", [(), (1,), (7,), (0,), (3, 0, 2), (CHUNK,), (CHUNK + 1,), (3, CHUNK)])
def test_every_element_is_met_once_whatever_size_and_type(shape, dtype):
    check([tensors(shape, dtype)])


@pytest.mark.parametrize("of_p", ["contiguous", "channels last", "transposed", "every second"])
@pytest.mark.parametrize("of_g", ["contiguous", "channels last", "transposed", "every second", "spread"])
@pytest.mark.parametrize("of_z", ["contiguous", "channels last"])
def test_tensors_may_lie_in_memory_in_different_orders(of_p, of_g, of_z):
    p, g, z = tensors((2, 3, 4, 5))
    check([(turned(p, of_p), turned(g, of_g), turned(z, of_z))])


def test_a_pass_takes_types_and_layouts_mixed():
    conv = tuple(turned(t, "channels last") for t in tensors((4, 3, 2, 2), torch.bfloat16, 1))
    check([tensors((5,)), tensors((0,)), tensors((9,), torch.float64), conv, tensors((3,), torch.float16), tensors(())])


def test_a_matrix_with_a_dimension_of_one_may_have_any_stride_there():
    p, g, z = tensors((6, 1))
    check([(p.as_strided((6, 1), (1, 1)), g.as_strided((6, 1), (1, 77)), z)])


def test_neighbours_of_a_view_are_left_alone():
    whole = torch.zeros(30)
    p, g, z = tensors((10,))
    whole[10:20] = p
    check([(whole[10:20], g, z)])
    assert whole[:10].eq(0).all()
    assert whole[20:].eq(0).all()


@pytest.mark.parametrize("z", [torch.float64, torch.float16, torch.bfloat16])
def test_state_of_an_unexpected_type_is_computed_with_all_the_same(z):
    p, g, _ = tensors((11,))
    start = torch.ones(11, dtype=z)
    chunking.run(SGD, [(p, g, start)], RATE)
    torch.testing.assert_close(start.float(), 1 - 0.5 * g, rtol=2e-2, atol=1e-2)


def test_memory_that_was_swapped_between_two_steps_is_found():
    p, g, z = tensors((2, 3, 4, 5))
    p = torch.nn.Parameter(p)
    with torch.no_grad():
        check([(p, g, z)])
        p.data = p.data.clone()
        check([(p, g, z)])
        p.data = p.data.to(memory_format=torch.channels_last)
        check([(p, g, z)])
        p.data, g, z.data = p.data.double(), g.double(), z.data.double()
        check([(p, g, z)])
        # The same address, seen otherwise.
        p.data, g, z = p.data.contiguous()[:1].transpose(1, 2), g[:1].transpose(1, 2), z[:1].transpose(1, 2)
        check([(p, g, z)])


def test_a_gradient_of_another_size_is_no_way_into_foreign_memory():
    p, g, z = tensors((11,))
    with pytest.raises(RuntimeError):
        chunking.run(SGD, [(p, g[:5], z)], RATE)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_both_twins_agree(dtype):
    ours = [tensors((70_001,), dtype, seed) for seed in range(3)]
    theirs = [tuple(t.clone() for t in row) for row in ours]
    for _ in range(10):
        chunking.run(SGD, ours, RATE)
        running.run(SGD, theirs, RATE)
    for row, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(row, other, rtol=1e-2 if dtype == torch.bfloat16 else 1e-6, atol=1e-6)


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_sums_are_the_same_number_with_one_thread_and_with_two(request):
    square = Kernel("dadapt:square", ("p", "g"), (), dadapt.square, sums=1)
    rows = [tensors((n,), seed=n)[:2] for n in (5, 700_001, 33, 2 * chunking.ALONE)]
    one = chunking.run(square, rows, dadapt.SquareScalars())
    request.getfixturevalue("two_threads")
    two = chunking.run(square, rows, dadapt.SquareScalars())
    assert one.tolist() == two.tolist()
    torch.testing.assert_close(one[1], sum(g.double().square().sum() for _, g in rows), rtol=1e-6, atol=0)


@pytest.mark.usefixtures("two_threads")
def test_threads_share_every_chunk_once():
    check([tensors((n,), seed=n) for n in (5, 700_001, 33, 2 * chunking.ALONE, 0)])
