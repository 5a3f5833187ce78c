"""The three sets of parameters that steps are timed on."""

import torch

WIDTH, LAYERS, VOCABULARY, CONTEXT = 384, 12, 23_600, 512


def language_model():
    """Return the shapes of a transformer of 30.5 million parameters in 148 tensors."""
    d = WIDTH
    layer = [(d,), (d,), (3 * d, d), (3 * d,), (d, d), (d,), (d,), (d,), (4 * d, d), (4 * d,), (d, 4 * d), (d,)]
    return [(VOCABULARY, d), (CONTEXT, d), *layer * LAYERS, (d,), (d,)]


SIZES = {
    "a: 100 x 1k": [(1_000,)] * 100,
    "b: 30.5M in 148": language_model(),
    "c: 1 x 50M": [(50_000_000,)],
}


def parameters(shapes, seed=0):
    """Return parameters of ``shapes`` with gradients of the usual size."""
    generator = torch.Generator().manual_seed(seed)
    made = [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]
    for p in made:
        p.grad = torch.randn(p.shape, generator=generator).mul_(0.01)
    return made
