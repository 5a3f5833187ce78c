"""Parameter groups of a model, as plain lists of dicts that any optimizer takes.

Each function gives every trainable parameter exactly once: frozen ones are left out, tied ones counted under their
first name. A group's ``lr`` is the peak times its factor, so that a Scheduler built on the optimizer keeps the
ratios; ``factors(groups)`` are the same ratios as a list, for ``Scheduler(..., groups=)``. ``mup``, ``mup_roles`` and
``mup_init_`` are here by name and live in files of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import nn

from surefoot.errors import ArgumentError
from surefoot.schedule.phase import number, rate
from surefoot.torch.mup import mup, mup_roles
from surefoot.torch.mup_init import mup_init_
from surefoot.torch.parameters import Groups, trainable

__all__ = ("discriminative", "factors", "layerwise", "lora_plus", "mup", "mup_init_", "mup_roles", "no_decay")

_NUMBERED = re.compile(r"(?:^|\.)(\d+)\.")


def layerwise(
    model: nn.Module,
    lr: float,
    *,
    decay: float = 0.75,
    layer: Callable[[str], int] | None = None,
    weight_decay: float | None = None,
) -> Groups:
    """Return one group a layer, each layer below the top one at ``decay`` times the rate of the layer above.

    ``group lr = lr * decay ** (top - layer)``: ``lr`` is the peak of the top layer (head and final norm), ``decay``
    in (0, 1]. Layers are read off the parameters' names: what comes before the first numbered block (embeddings)
    is layer 0, blocks follow in their order, what comes after them is the top; ``layer`` (a function of the name)
    says otherwise. With ``weight_decay`` every layer is split as ``no_decay`` does. Raises ArgumentError for a
    decay out of range or a model without trainable parameters.

    >>> from torch import nn
    >>> model = nn.ModuleDict({"embed": nn.Embedding(5, 2), "blocks": nn.ModuleList([nn.Linear(2, 2)] * 1)})
    >>> [(group["name"], group["lr"]) for group in layerwise(model, 0.5, decay=0.5)]
    [('layer0', 0.25), ('layer1', 0.5)]

    Source: Universal Language Model Fine-tuning for Text Classification, arXiv 1801.06146 (2018); decay 0.75:
    ELECTRA, arXiv 2003.10555 (2020) uses 0.8, BEiT, arXiv 2106.08254 (2021) 0.65 to 0.75.
    """
    base = rate(lr, "lr")
    if not 0.0 < number(decay, "decay") <= 1.0:
        raise ArgumentError(f"decay={decay!r} must be in (0, 1]: the rate of a layer over that of the layer above.")
    named = trainable(model)
    depth = _depths([name for name, _ in named]) if layer is None else {name: layer(name) for name, _ in named}
    levels = sorted(set(depth.values()))
    top = levels[-1]
    made = [
        {"params": [p for name, p in named if depth[name] == level], "lr": base * decay ** (top - level)}
        | {"name": f"layer{level}"}
        for level in levels
    ]
    return made if weight_decay is None else _split(made, model, weight_decay)


def discriminative(
    model: nn.Module, lr: float, factors: Mapping[str, float], *, rest: float = 1.0, weight_decay: float | None = None
) -> Groups:
    """Return one group a part of the model, ``group lr = lr * factor``, named by prefixes of parameter names.

    ``factors`` maps a prefix (``"backbone"``, ``"encoder.layers.0"``) to its factor >= 0, the longest match wins;
    ``rest`` is the factor of parameters that no prefix names. Raises ArgumentError for a prefix that names nothing.

    >>> from torch import nn
    >>> model = nn.ModuleDict({"backbone": nn.Linear(2, 2), "head": nn.Linear(2, 1)})
    >>> [(group["name"], group["lr"]) for group in discriminative(model, 0.5, {"backbone": 0.5})]
    [('backbone', 0.25), ('rest', 0.5)]

    Source: Universal Language Model Fine-tuning for Text Classification, arXiv 1801.06146 (2018).
    """
    base = rate(lr, "lr")
    parts: dict[str, list[nn.Parameter]] = {prefix: [] for prefix in (*factors, "")}
    for name, parameter in trainable(model):
        hits = [prefix for prefix in factors if name == prefix or name.startswith(f"{prefix}.")]
        parts[max(hits, key=len, default="")].append(parameter)
    for prefix in factors:
        if not parts[prefix]:
            raise ArgumentError(f"factors has the prefix {prefix!r}, which names no trainable parameter of the model.")
    made = [
        {"params": params, "lr": base * rate(factors.get(prefix, rest), f"factors[{prefix!r}]")}
        | {"name": prefix or "rest"}
        for prefix, params in parts.items()
        if params
    ]
    return made if weight_decay is None else _split(made, model, weight_decay)


def no_decay(model: nn.Module, weight_decay: float = 0.1) -> Groups:
    """Return two groups: matrices with ``weight_decay`` (>= 0), and biases, norms and 1-d parameters without.

    Nothing is said of the rate: give it to the optimizer. Folklore since ResNet training recipes; see Bag of Tricks
    for Image Classification with Convolutional Neural Networks, arXiv 1812.01187 (2018), section 3.1.

    >>> from torch import nn
    >>> [(len(group["params"]), group["weight_decay"]) for group in no_decay(nn.Linear(2, 2), 0.1)]
    [(1, 0.1), (1, 0.0)]
    """
    return _split([{"params": [parameter for _, parameter in trainable(model)]}], model, weight_decay)


def lora_plus(model: nn.Module, lr: float, *, ratio: float = 16.0, match: str = "lora_B") -> Groups:
    """Return two groups for low-rank adapters: B at ``ratio`` times the rate ``lr`` of A and of all else trainable.

    ``match`` is the part of a parameter's name that marks B, as Hugging Face's PEFT writes it; ``ratio`` > 0. Raises
    ArgumentError where no trainable parameter matches.

    >>> from torch import nn
    >>> model = nn.ModuleDict({"lora_A": nn.Linear(4, 2, bias=False), "lora_B": nn.Linear(2, 4, bias=False)})
    >>> [(group["name"], group["lr"]) for group in lora_plus(model, 0.5, ratio=16)]
    [('A', 0.5), ('B', 8.0)]

    Source: LoRA+: Efficient Low Rank Adaptation of Large Models, arXiv 2402.12354 (2024), which advises 2^4.
    """
    base = rate(lr, "lr")
    if number(ratio, "ratio") <= 0.0:
        raise ArgumentError(f"ratio={ratio!r} must be > 0: the rate of B over that of A.")
    named = trainable(model)
    second = [parameter for name, parameter in named if match in name]
    first = [parameter for name, parameter in named if match not in name]
    if not second:
        raise ArgumentError(f"match={match!r} is in no trainable parameter's name, such as {named[0][0]!r}: name B's.")
    made = [{"params": first, "lr": base, "name": "A"}, {"params": second, "lr": base * ratio, "name": "B"}]
    return [group for group in made if group["params"]]


def factors(groups: Iterable[Mapping[str, Any]]) -> list[float]:
    """Return each group's rate over the largest one, as ``Scheduler(..., groups=)`` takes it.

    >>> factors([{"lr": 0.5}, {"lr": 0.25}])
    [1.0, 0.5]
    """
    rates = [rate(group.get("lr"), f"groups[{k}]['lr']") for k, group in enumerate(groups)]
    largest = max(rates, default=0.0)
    if largest == 0.0:
        raise ArgumentError("groups has no rate above 0: give at least one group an lr.")
    return [value / largest for value in rates]


def _depths(names: list[str]) -> dict[str, int]:
    """Return the layer of each name: blocks by the path up to their first number, the rest by its neighbours."""
    keys = [_block(name) for name in names]
    blocks = list(dict.fromkeys(key for key in keys if key is not None))
    last = max((k for k, key in enumerate(keys) if key is not None), default=-1)
    depths: dict[str, int] = {}
    level = 0
    for k, (name, key) in enumerate(zip(names, keys, strict=True)):
        if key is not None:
            level = blocks.index(key) + 1
        elif k > last:
            level = len(blocks) + 1
        depths[name] = level
    return _packed(depths)


def _block(name: str) -> str | None:
    match = _NUMBERED.search(name)
    return None if match is None else name[: match.end(1)]


def _packed(depths: dict[str, int]) -> dict[str, int]:
    """Renumber from 0 without gaps: a model that begins with a numbered block has no embedding below it."""
    order = {level: k for k, level in enumerate(sorted(set(depths.values())))}
    return {name: order[level] for name, level in depths.items()}


def _split(groups: Groups, model: nn.Module, weight_decay: float) -> Groups:
    decay = rate(weight_decay, "weight_decay")
    bare = {id(parameter) for parameter in _undecayed(model)}
    made: Groups = []
    for group in groups:
        for value, keep in ((decay, False), (0.0, True)):
            params = [parameter for parameter in group["params"] if (id(parameter) in bare) is keep]
            if params:
                suffix = {"name": group["name"] + ("_no_decay" if keep else "")} if "name" in group else {}
                made.append({**group, "params": params, "weight_decay": value, **suffix})
    return made


def _undecayed(model: nn.Module) -> Iterator[torch.Tensor]:
    for module in model.modules():
        norm = "norm" in type(module).__name__.lower()
        for name, parameter in module.named_parameters(recurse=False):
            if norm or parameter.ndim < 2 or name.endswith("bias"):
                yield parameter
