"""muP on a model: parameter groups at their share of the rate, so that a rate tuned on a narrow model stays right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from surefoot.errors import ArgumentError
from surefoot.laws.names import family
from surefoot.schedule.phase import rate
from surefoot.torch.mup_growth import Growth, growth_from_base, growth_from_width
from surefoot.torch.mup_roles import MupRoles, TensorRole, assigned
from surefoot.torch.parameters import Groups, trainable


def mup(
    model: nn.Module,
    lr: float = 1.0,
    *,
    base_width: int | None = None,
    base: nn.Module | None = None,
    width: int | None = None,
    optimizer: str = "adamw",
    weight_decay: float | None = None,
    eps: float | None = 1e-8,
    output_multiplier: bool = False,
    roles: Mapping[str, str] | None = None,
) -> Groups:
    """Return one group a role, at ``group lr = lr * factor(role, m)``, with m how many times wider than the base.

    ``lr`` is the peak tuned on the base model; left at 1 the rates are the factors, which ``st.Scheduler`` and
    ``st.set_lr`` keep as ratios to the largest group, whose rate their peak is: ``lr`` itself for Adam, ``lr * m`` for
    SGD. ``weight_decay`` and Adam's ``eps`` (those of the base model) are multiplied likewise where given. Everything
    else, and what raises, is as in ``mup_roles``. Groups are named by their role, and by m where a role has several.

    >>> model = nn.Sequential(nn.Embedding(9, 8), nn.Linear(8, 8, bias=False), nn.Linear(8, 9, bias=False))
    >>> [(group["name"], group["lr"]) for group in mup(model, 0.5, base_width=4)]
    [('embedding', 0.5), ('hidden', 0.25), ('readout', 0.25)]

    Source: as ``surefoot.laws.mup.mup_factors``: arXiv 2203.03466 (2022).
    """
    peak = rate(lr, "lr")
    found = mup_roles(
        model,
        base_width=base_width,
        base=base,
        width=width,
        optimizer=optimizer,
        output_multiplier=output_multiplier,
        roles=roles,
    )
    fields = {"lr": peak}
    if weight_decay is not None:
        fields["weight_decay"] = rate(weight_decay, "weight_decay")
    if eps is not None and family(optimizer) == "adam":
        fields["eps"] = rate(eps, "eps")
    return _grouped(found, dict(trainable(model)), fields)


def mup_roles(
    model: nn.Module,
    *,
    base_width: int | None = None,
    base: nn.Module | None = None,
    width: int | None = None,
    optimizer: str = "adamw",
    output_multiplier: bool = False,
    roles: Mapping[str, str] | None = None,
) -> MupRoles:
    """Return the role of each trainable parameter and its factors: a table when printed.

    Which dimensions grow with the width is read off ``base`` (the same model at the base width; it may live on the
    meta device), or, with ``base_width`` [units], off the sizes: whole multiples of ``width``, which is that of the
    first embedding, norm or layer unless given. ``base`` is sure, sizes are a guess: read the table. Two dimensions
    grow: hidden; the only one: vector; the input: readout; the output: embedding; none: fixed. ``roles`` overrides
    this by name or beginning of names (``{"blocks.0.gate": "fixed"}``). ``output_multiplier`` says that the model
    multiplies its logits by 1/m: needed where embedding and readout are tied. Raises ArgumentError for both or neither
    of ``base`` and ``base_width``, models that differ in more than width, sizes that can't be told, optimizers without
    a table (Muon needs none for hidden matrices: give it those, and Adam the other groups).

    >>> print(mup_roles(nn.Sequential(nn.Embedding(9, 8), nn.Linear(8, 9)), base_width=4).describe())
    parameter  shape  role       m  lr   weight decay  init  eps
    0.weight   9 x 8  embedding  2  1    1             1     0.5
    1.weight   9 x 8  readout    2  0.5  2             0.5   1
    1.bias     9      fixed      1  1    1             1     1
    Attention logits must be q.k/d times a constant, not q.k/sqrt(d), where heads grow wider: no group can do that.

    Source: as ``surefoot.laws.mup.mup_factors``: arXiv 2203.03466 (2022).
    """
    growth = growth_of(model, base_width, base, width, roles)
    return assigned(model, growth, optimizer, output_multiplier=output_multiplier, roles=roles)


def growth_of(
    model: nn.Module,
    base_width: int | None = None,
    base: nn.Module | None = None,
    width: int | None = None,
    roles: Mapping[str, str] | None = None,
) -> dict[str, Growth]:
    """Return the growth of each parameter by what was given; raise ArgumentError for both or neither.

    >>> growth_of(nn.Linear(8, 3, bias=False), base=nn.Linear(4, 3, bias=False))
    {'weight': {1: 2.0}}
    """
    trainable(model)
    if base is None and base_width is not None:
        return growth_from_width(model, base_width, width, roles or ())
    if base is None or base_width is not None or width is not None:
        raise ArgumentError(
            "give one of base_width= (an int, with width= where it can't be told) and base= (the same model at the "
            "base width)."
        )
    if not isinstance(base, nn.Module):
        raise ArgumentError(f"base={base!r:.60} is no torch.nn.Module: pass the same model at the base width.")
    return growth_from_base(model, base)


def _grouped(found: MupRoles, parameters: Mapping[str, nn.Parameter], fields: Mapping[str, float]) -> Groups:
    alike: dict[tuple[Any, ...], list[TensorRole]] = {}
    for tensor in found.tensors:
        alike.setdefault((tensor.role, tensor.m, tensor.factors), []).append(tensor)
    count = [role for role, _, _ in alike]
    made: Groups = []
    for (role, m, factors), tensors in alike.items():
        name = role if count.count(role) == 1 else f"{role} x{m:.4g}"
        values = {field: value * getattr(factors, field) for field, value in fields.items()}
        made.append({"params": [parameters[tensor.name] for tensor in tensors], **values, "name": name})
    return made
