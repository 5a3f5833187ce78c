"""The peak rate of a wider or deeper model: muP and CompleteP by role, and rules of thumb for one rate for all."""

from __future__ import annotations

from surefoot.laws.factor import Factor, Law, both
from surefoot.laws.mup import ROLES, RoleFactors, completep_factors, mup_factors
from surefoot.laws.scale import Scale
from surefoot.laws.sources import COMPLETEP, HAAS, MUP


def mup(a: Scale, b: Scale) -> Factor:
    """Return muP's factors by role; the base rate stays."""
    first, second = both(a, b, "width")
    m = second / first
    groups = tuple((role, mup_factors(role, m, b.optimizer or "adamw")) for role in ROLES)
    shown = ", ".join(f"{role} x {one.lr:.4g}" for role, one in groups)
    return Factor(
        lr=1.0,
        groups=groups,
        formula=f"m = {second:g}/{first:g} = {m:.4g}: lr of {shown}",
        why="the one rule with a derivation: the best base rate stays, only if the groups (st.groups.mup) are set, "
        "attention divides by d, and the base model has muP too; with one rate for all tensors take another law.",
    )


def _rule(a: Scale, b: Scale, exponent: float, why: str) -> Factor:
    first, second = both(a, b, "width")
    lr = (second / first) ** exponent
    return Factor(lr=lr, formula=f"m^{exponent:g} = ({second:g}/{first:g})^{exponent:g} = {lr:.4g}", why=why)


def inverse(a: Scale, b: Scale) -> Factor:
    """Return 1/m, one rate for all tensors."""
    return _rule(a, b, -1.0, "seen in plain MLPs with Adam; standard parametrisation has no clean exponent.")


def inverse_root(a: Scale, b: Scale) -> Factor:
    """Return m^-0.5, one rate for all tensors."""
    return _rule(a, b, -0.5, "about what transformers with AdamW, and SGD with cross-entropy, show; no clean exponent.")


def gpt3_width(a: Scale, b: Scale) -> Factor:
    """Return m^-0.8, one rate for all tensors."""
    return _rule(a, b, -0.8, "how GPT-3's rates fall with its width.")


def completep(a: Scale, b: Scale) -> Factor:
    """Return CompleteP's factors: the rate stays, the branches and Adam's eps shrink."""
    first, second = both(a, b, "depth")
    m = second / first
    found = completep_factors(m)
    return Factor(
        lr=1.0,
        groups=(("hidden", RoleFactors(found.lr, 1.0 / found.lr, 1.0, found.eps)),),
        formula=f"m = {second:g}/{first:g} = {m:.4g}: hidden lr x {found.lr:.4g}, eps x {found.eps:.4g}, "
        f"residual branches x {found.branch:.4g}",
        why="the rate stays only if the model itself multiplies each residual branch by 1/m.",
    )


_W = frozenset({"width"})
WIDTH = (
    Law("mup", _W, ("adam", "sgd", "lion"), "muP model, widths above about 64", MUP, "C", mup),
    Law("inverse-root-width", _W, ("adam", "sgd"), "one rate for all, transformers", HAAS, "2", inverse_root),
    Law("inverse-width", _W, ("adam",), "one rate for all, MLPs", HAAS, "2", inverse),
    Law("gpt-3-width", _W, ("adam",), "one rate for all, GPT-3's models", HAAS, "2", gpt3_width),
    Law("completep", frozenset({"depth"}), ("adam",), "residual branches multiplied by 1/m", COMPLETEP, "P", completep),
)
