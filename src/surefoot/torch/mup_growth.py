"""Which dimensions of a tensor grow with the width, and by how much: read off a base model, or off the width."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from torch import nn

from surefoot.errors import ArgumentError

Growth = dict[int, float]
"""Of a tensor: the dimensions that grow with the width, and how many times larger than in the base model each is."""

_MOST = 16
"""A dimension of more than so many widths is taken for a vocabulary; a perceptron in a transformer has 4 to 8."""
_LIKE = 8
"""A layer whose output is below an eighth of the width is taken for a readout: a router, a head, a low rank."""
LAYERS = (
    *(nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d),
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
)
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


def growth_from_width(
    model: nn.Module, base_width: int, width: int | None = None, told: Iterable[str] = ()
) -> dict[str, Growth]:
    """Return the growth of each parameter: dimensions that are the ``width``, or up to 16 whole multiples of it.

    The number of entries of an embedding, what a readout gives out and, without embeddings, what the first layer
    takes in don't count whatever their size. ``width`` is that of the first embedding, norm or layer unless given.
    Raises ArgumentError for a width below 1, a model whose width can't be told or is nowhere in it, and for layers
    whose output is like the width but no multiple of it, unless ``told`` holds the beginning of their name.

    >>> growth_from_width(nn.Sequential(nn.Embedding(10, 8), nn.Linear(8, 16, bias=False)), 4)
    {'0.weight': {1: 2.0}, '1.weight': {0: 2.0, 1: 2.0}}
    """
    before = whole(base_width, "base_width")
    now = width_of(model) if width is None else whole(width, "width")
    first, readouts = _first(model), _readouts(model)
    found: dict[str, Growth] = {}
    for name, module, parameter in owned(model):
        entry, leaving = ends(module, parameter.ndim)
        fixed = {leaving} if module in readouts else {entry} if _takes_data(module, first, parameter) else set()
        size = parameter.shape[leaving] if parameter.ndim > 1 and leaving not in fixed else now
        if _multiplies(module) and size % now and size * _LIKE > now and not _told(name, told):
            raise ArgumentError(
                f"{name!r} gives out {size} values, no multiple of the width {now}, so whether it grows can't be told: "
                "give base= (the same model at the base width) instead of base_width=, or name its role in roles=."
            )
        grown = (k for k, n in enumerate(parameter.shape) if k not in fixed and n % now == 0 < n <= _MOST * now)
        found[name] = dict.fromkeys(grown, now / before)
    if not any(found.values()):
        raise ArgumentError(f"width={now} is no dimension of any parameter of {type(model).__name__}: give its width.")
    return found


def _multiplies(module: nn.Module) -> bool:
    """Return whether ``module`` is a layer of weights; transformers has one of its own for GPT-2."""
    return isinstance(module, LAYERS) or type(module).__name__ == "Conv1D"


def _told(name: str, told: Iterable[str]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in told)


def _takes_data(module: nn.Module, first: nn.Module | None, parameter: nn.Parameter) -> bool:
    return isinstance(module, nn.Embedding) or (module is first and parameter.ndim > 1)


def _embeddings(model: nn.Module) -> list[nn.Embedding]:
    return [module for module in model.modules() if isinstance(module, nn.Embedding)]


def _first(model: nn.Module) -> nn.Module | None:
    """Return the layer that takes the data in: the first one, where there are no embeddings."""
    layers = (module for module in model.modules() if isinstance(module, LAYERS))
    return None if _embeddings(model) else next(layers, None)


def _readouts(model: nn.Module) -> set[nn.Module]:
    """Return the layers of which what they give out doesn't grow: by name, tied to a table, or the last one.

    In a model with embeddings the last one counts only if it gives out as many values as a table has entries: the
    head may be elsewhere. Length alone would not do: a table of positions is often as long as the model is wide.
    """
    tables = _embeddings(model)
    linear = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    words, weights = {table.num_embeddings for table in tables}, {id(table.weight) for table in tables}
    alone = not tables and len(linear) > 1
    last = [module for _, module in linear[-1:] if alone or module.out_features in words]
    named = [module for name, module in linear if name.rpartition(".")[2] in _READOUTS or id(module.weight) in weights]
    return {*last, *named}


def width_of(model: nn.Module) -> int:
    """Return the width of ``model``: of its first embedding, or its first norm, or what its first layer gives out.

    Raises ArgumentError where it has none of them.

    >>> width_of(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)))
    8
    """
    for table in _embeddings(model):
        return table.embedding_dim
    for module in model.modules():
        weight: Any = getattr(module, "weight", None)
        if "norm" in type(module).__name__.lower() and weight is not None and weight.ndim == 1:
            return int(weight.shape[0])
    layers: list[Any] = [module for module in model.modules() if isinstance(module, LAYERS)]
    if len(layers) > 1:
        return int(layers[0].weight.shape[ends(layers[0], 2)[1]])
    raise ArgumentError(
        f"model={type(model).__name__} has no embedding, norm or first of several layers, so its width can't be told: "
        "give width= (an int), or base= (the same model at the base width)."
    )


def ends(module: nn.Module, dimensions: int) -> tuple[int, int]:
    """Return the dimensions of input and output: torch's layers keep [output, input, ...], tables the reverse.

    >>> ends(nn.Linear(2, 3), 2), ends(nn.Embedding(2, 3), 2)
    ((1, 0), (0, 1))
    """
    kind = type(module).__name__
    if dimensions < 2:
        return 0, 0
    if isinstance(module, nn.Embedding) or kind == "Conv1D" or "Transpose" in kind:
        return 0, 1
    if (
        isinstance(module, (nn.Linear, nn.Bilinear, nn.RNNBase, nn.RNNCellBase, nn.MultiheadAttention))
        or "Conv" in kind
    ):
        return 1, 0
    # A bare parameter: a table of positions, a token of its own, or weights of x @ W.
    return dimensions - 2, dimensions - 1


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
