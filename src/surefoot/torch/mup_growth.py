"""Which dimensions of a tensor grow with the width, and by how much: read off a base model, or off the width."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn

from surefoot.errors import ArgumentError

Growth = dict[int, float]
"""Of a tensor: the dimensions that grow with the width, and how many times larger than in the base model each is."""

_MOST = 16
"""A dimension of more than so many widths is taken for a vocabulary; a perceptron in a transformer has 4 to 8."""
_NORMS = ("norm",)
_READOUTS = {"head", "lm_head", "readout", "unembed", "unembedding", "embed_out", "classifier", "score", "fc_out"}


def growth_from_base(model: nn.Module, base: nn.Module) -> dict[str, Growth]:
    """Return the growth of each parameter: the dimensions in which it differs from that of ``base``.

    Raises ArgumentError where the two models don't have the same parameters.

    >>> growth_from_base(nn.Linear(8, 3), nn.Linear(4, 3))
    {'weight': {1: 2.0}, 'bias': {}}
    """
    mine = dict(model.named_parameters(remove_duplicate=False))
    theirs = dict(base.named_parameters(remove_duplicate=False))
    odd = sorted(mine.keys() ^ theirs.keys())
    if odd:
        where = "model" if odd[0] in mine else "base"
        raise ArgumentError(f"base must be the same model at another width: only {where} has a parameter {odd[0]!r}.")
    for name, parameter in mine.items():
        if parameter.ndim != theirs[name].ndim:
            raise ArgumentError(
                f"base must be the same model at another width: {name!r} has {parameter.ndim} dimensions in model "
                f"and {theirs[name].ndim} in base."
            )
    return {name: _ratios(tuple(p.shape), tuple(theirs[name].shape)) for name, p in mine.items()}


def _ratios(shape: tuple[int, ...], base: tuple[int, ...]) -> Growth:
    return {k: now / before for k, (now, before) in enumerate(zip(shape, base, strict=True)) if now != before}


def growth_from_width(model: nn.Module, base_width: int, width: int | None = None) -> dict[str, Growth]:
    """Return the growth of each parameter: dimensions that are the ``width``, or up to 16 whole multiples of it.

    The number of entries of an embedding, and what a readout gives out, don't count whatever their size. ``width`` is
    read off the model's first embedding or norm unless given. Raises ArgumentError for a width below 1, a model
    whose width can't be told, or one without a dimension of that width.

    >>> growth_from_width(nn.Sequential(nn.Embedding(10, 8), nn.Linear(8, 16, bias=False)), 4)
    {'0.weight': {1: 2.0}, '1.weight': {0: 2.0, 1: 2.0}}
    """
    before = whole(base_width, "base_width")
    now = width_of(model) if width is None else whole(width, "width")
    words = {module.num_embeddings for module in model.modules() if isinstance(module, nn.Embedding)}
    found: dict[str, Growth] = {}
    for name, module, parameter in owned(model):
        fixed = _fixed(name, module, tuple(parameter.shape), words)
        grown = (
            k for k, size in enumerate(parameter.shape) if k not in fixed and size % now == 0 < size <= _MOST * now
        )
        found[name] = dict.fromkeys(grown, now / before)
    if not any(found.values()):
        raise ArgumentError(f"width={now} is no dimension of any parameter of {type(model).__name__}: give its width.")
    return found


def _fixed(name: str, module: nn.Module, shape: tuple[int, ...], words: set[int]) -> set[int]:
    """Return the dimensions that don't grow whatever their size: entries of a table, and outputs of a readout."""
    if isinstance(module, nn.Embedding):
        return {0}
    last = name.split(".")[-2] if "." in name else ""
    if isinstance(module, nn.Linear) and (last in _READOUTS or shape[0] in words):
        return {0}
    return set()


def width_of(model: nn.Module) -> int:
    """Return the width of ``model``: what its first embedding gives, or the length of its first norm's weight.

    Raises ArgumentError where it has neither.

    >>> width_of(nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8)))
    8
    """
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            return module.embedding_dim
    for module in model.modules():
        weight: Any = getattr(module, "weight", None)
        if any(part in type(module).__name__.lower() for part in _NORMS) and weight is not None and weight.ndim == 1:
            return int(weight.shape[0])
    raise ArgumentError(
        f"model={type(model).__name__} has neither embedding nor norm, so its width can't be told: give width= (an "
        "int), or base= (the same model at the base width)."
    )


def owned(model: nn.Module) -> Iterator[tuple[str, nn.Module, nn.Parameter]]:
    """Yield (name, the module that holds it, parameter) for every parameter, a tied one under each of its names."""
    for name, parameter in model.named_parameters(remove_duplicate=False):
        yield name, model.get_submodule(name.rpartition(".")[0]), parameter


def whole(value: Any, name: str) -> int:
    """Return ``value`` as an int above zero; raise ArgumentError otherwise.

    >>> whole(64, "width")
    64
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ArgumentError(f"{name}={value!r} must be an int >= 1: a number of units.")
    return value
