"""transfer: from one scale to another, each changed quantity by its recommended law, with what the others say."""

from __future__ import annotations

import math
from dataclasses import replace

from surefoot.errors import ArgumentError
from surefoot.laws.averaging import decay_factor
from surefoot.laws.changes import changes
from surefoot.laws.disagreeing import disagreement, spread
from surefoot.laws.factor import Factor, TransferLaw
from surefoot.laws.known import LAWS, law_named, recommended
from surefoot.laws.mup import RoleFactors
from surefoot.laws.names import family
from surefoot.laws.scale import HYPERPARAMETERS, Scale

_FAR = 10.0


def transfer(
    from_scale: Scale, to_scale: Scale, *, optimizer: str | None = None, law: str | TransferLaw | None = None
) -> Factor:
    """Return what to multiply the peak rate by, from one scale to another.

    ``lr = prod over changed quantities q of (law recommended for q)(from, to)``; the quantities are batch, horizon
    (tokens, samples or steps), params, width, depth, kind, momentum and optimizer, those that both scales give and
    that differ. Laws of size speak where no width is given: a width says more. ``optimizer`` names that of both scales
    unless they name their own. ``law`` is the name of a published law, or a fitted law (``sf.fit_law``), which is
    preferred for what it covers: the rest is left to the recommended ones. AdamW's weight decay follows so that its
    timescale stays. The factor shows every part, every other law's answer (``others``), and the range of those that
    hold (``low`` to ``high``). Multiplying the parts is an assumption: no published law was fitted on all of them.

    Raises ArgumentError for a quantity that only one scale gives, for scales that do not differ, for one that no law
    covers, and for hyperparameters (lr, eps, weight_decay, warmup, betas) in ``to_scale``, which are the answer.

    >>> factor = transfer(Scale(batch=256, tokens=1e10, lr=3e-4), Scale(batch=2048, tokens=1e11), optimizer="adamw")
    >>> [(part.law, round(part.lr, 3)) for part in factor.parts]
    [('adam-sde', 2.828), ('bjorck', 0.479)]
    >>> round(factor.lr, 3), f"{factor.peak:.3g}"
    (1.354, '0.000406')

    Sources: each part's own ``source``.
    """
    a, b = _named(from_scale, to_scale, optimizer)
    changed = changes(a, b)
    if not changed:
        raise ArgumentError("from_scale and to_scale do not differ in anything that has a law: change one quantity.")
    answers, silent = _answers(a, b, changed)
    own = () if law is None else _asked(law, a, b, changed)
    covered = {q for one in own for q in one.quantity.split(" + ")}
    parts = (*own, *(_chosen(q, b, answers, silent) for q in changed if q not in covered))
    others = tuple(one for one in answers if not any(one.law == part.law for part in parts))
    return _multiplied(a, b, parts, others, silent)


def _named(a: Scale, b: Scale, optimizer: str | None) -> tuple[Scale, Scale]:
    """Return both scales with their optimizers named."""
    own = [name for name in HYPERPARAMETERS if name != "beta1" and getattr(b, name) is not None]
    if own:
        raise ArgumentError(f"to_scale.{own[0]}={getattr(b, own[0])!r} is for transfer to say: leave it to from_scale.")
    if optimizer is not None:
        family(optimizer)
    first, second = a.optimizer or optimizer or b.optimizer, b.optimizer or optimizer or a.optimizer
    if first is None or second is None:
        raise ArgumentError("optimizer=None: name it, such as optimizer='adamw'; the laws differ by optimizer.")
    return replace(a, optimizer=first), replace(b, optimizer=second)


def _answers(a: Scale, b: Scale, changed: tuple[str, ...]) -> tuple[tuple[Factor, ...], tuple[str, ...]]:
    """Return what every published law says that covers something of what changed, and why the rest is silent."""
    found, silent = [], []
    for law in LAWS:
        seen = [q for q in changed if q in law.covers]
        if not seen or family(b.optimizer or "") not in law.families:
            continue
        try:
            found.append(replace(law.factor(a, b), quantity=" + ".join(seen)))
        except ArgumentError as error:
            silent.append(str(error))
    return tuple(found), tuple(silent)


def _asked(law: str | TransferLaw, a: Scale, b: Scale, changed: tuple[str, ...]) -> tuple[Factor, ...]:
    """Return what the law that was asked for says; raise ArgumentError where it covers nothing that changed."""
    if not isinstance(law, (str, TransferLaw)):
        raise ArgumentError(f"law={law!r} must be the name of a law, or have factor(from_scale, to_scale) -> Factor.")
    chosen: TransferLaw = law_named(law) if isinstance(law, str) else law
    covers = getattr(chosen, "covers", None)
    seen = [q for q in changed if covers is None or q in covers]
    if not seen:
        raise ArgumentError(f"law={law!r} covers {', '.join(sorted(covers or ()))}, of which nothing changes here.")
    found = chosen.factor(a, b)
    return (replace(found, quantity=" + ".join(seen), law=found.law or type(law).__name__),)


def _chosen(quantity: str, b: Scale, answers: tuple[Factor, ...], silent: tuple[str, ...]) -> Factor:
    names, why = recommended(quantity, family(b.optimizer or ""))
    ranked = [one for name in names for one in answers if one.law == name]
    if not ranked:
        because = next((text for text in silent if any(f"'{name}'" in text for name in names)), "")
        raise ArgumentError(
            because
            or f"{quantity} changes from one scale to the other, and no law covers it for {b.optimizer}: leave "
            "it out of both scales, or pass law= with one of your own (sf.fit_law)."
        )
    best = next((one for one in ranked if one.holds), ranked[0])
    return replace(best, why=f"{best.why} Recommended: {why}")


def _multiplied(
    a: Scale, b: Scale, parts: tuple[Factor, ...], others: tuple[Factor, ...], silent: tuple[str, ...]
) -> Factor:
    lr = math.prod(part.lr for part in parts if part.lr is not None)
    low, high = spread(parts, others, lr)
    decay = decay_factor(a, b, lr) if _decays(a, b) else None
    own = _product(parts, "weight_decay")
    shown = "; ".join(f"{part.quantity} ({part.law}): {part.formula}" for part in parts)
    made = Factor(
        lr=lr if any(part.lr is not None for part in parts) else None,
        beta1=next((part.beta1 for part in reversed(parts) if part.beta1 is not None), None),
        beta2=next((part.beta2 for part in reversed(parts) if part.beta2 is not None), None),
        eps=_product(parts, "eps"),
        weight_decay=own if own is not None or decay is None else decay[0],
        warmup=_product(parts, "warmup"),
        groups=_groups(parts),
        low=low,
        high=high,
        optimum=parts[0].optimum if len(parts) == 1 else None,
        batch_optimum=next((part.batch_optimum for part in parts if part.batch_optimum is not None), None),
        law=" x ".join(part.law for part in parts),
        quantity=" + ".join(part.quantity for part in parts),
        formula=shown + (f"; weight decay {decay[1]}" if decay and own is None else ""),
        range="; ".join(dict.fromkeys(part.range for part in parts)),
        outside="; ".join(part.outside for part in parts if part.outside),
        source="; ".join(dict.fromkeys(part.source for part in parts)),
        confidence=min((part.confidence for part in parts), key=_TRUST.index),
        why=" ".join(part.why for part in parts),
        parts=parts,
        others=others,
        silent=silent,
        disagreement=disagreement(parts, others),
        notes=_notes(a, b, parts),
    )
    return replace(made, settings=_settings(a, b, made))


def _decays(a: Scale, b: Scale) -> bool:
    """Return whether AdamW's timescale can be kept: both runs decay so, and are of one kind."""
    return all((one.optimizer or "").lower().startswith("adamw") for one in (a, b)) and a.kind == b.kind


# From the least to the best checked: a product is as good as its weakest part.
_TRUST = ("folklore", "m", "2", "P", "D", "C", "X", "fit")


def _product(parts: tuple[Factor, ...], name: str) -> float | None:
    found = [getattr(part, name) for part in parts if getattr(part, name) is not None]
    return float(math.prod(found)) if found else None


def _groups(parts: tuple[Factor, ...]) -> tuple[tuple[str, RoleFactors], ...]:
    made: dict[str, RoleFactors] = {}
    for part in parts:
        for role, one in part.groups:
            before = made.get(role, RoleFactors(1.0, 1.0, 1.0, 1.0))
            made[role] = RoleFactors(*(x * y for x, y in zip(before, one, strict=True)))
    return tuple(made.items())


def _notes(a: Scale, b: Scale, parts: tuple[Factor, ...]) -> tuple[str, ...]:
    found = [f"{part.law} is used outside its range: {part.outside}." for part in parts if part.outside]
    if a.kind != b.kind and any(changes(a, replace(b, kind=a.kind))):
        found.append("the habit of a kind already holds its shorter run and smaller batch: their laws are left out.")
    if any(part.confidence != "fit" for part in parts):
        found.append("a law fitted on your own runs (sf.fit_law) is worth more than any published one.")
    far = [
        q for q in ("params", "tokens") if (x := getattr(a, q)) and (y := getattr(b, q)) and max(x / y, y / x) > _FAR
    ]
    if far:
        found.append(
            f"{' and '.join(far)} change more than tenfold: best rates bend upward from log-linear laws at scale "
            "(On the Nonlinearity of Learning Rate Scaling for LLM Training, arXiv 2606.29158 (2026) [P, abstract])."
        )
    return tuple(found)


def _settings(a: Scale, b: Scale, factor: Factor) -> Scale:
    """Return the second scale with the rate, betas, eps, weight decay and warmup that result."""
    made = {name: getattr(a, name) for name in HYPERPARAMETERS}
    for name in ("lr", "eps", "weight_decay", "warmup"):
        times = getattr(factor, name)
        if made[name] is not None and times is not None:
            made[name] *= times
    for name in ("beta1", "beta2"):
        value = getattr(factor, name)
        made[name] = made[name] if value is None else value
    return replace(b, **made)
