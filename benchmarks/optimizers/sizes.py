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
    """Return parameters of ``shapes`` with gradients of the usual size, random numbers that repeat every million."""
    some = torch.randn(1_000_003, generator=torch.Generator().manual_seed(seed))

    def filled(shape, scale):
        out = torch.empty(shape)
        for part in out.view(-1).split(len(some)):
            torch.mul(some[: len(part)], scale, out=part)
        return out

    made = [torch.nn.Parameter(filled(shape, 1.0)) for shape in shapes]
    for p in made:
        p.grad = filled(p.shape, 0.01)
    return made
