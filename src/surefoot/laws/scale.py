"""Scale: how large a training run is, with its units, and what of it two scales can be compared by."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from surefoot.errors import ArgumentError
from surefoot.laws.names import family
from surefoot.laws.numbers import inside, positive
from surefoot.schedule.lengths import Length, parse

Kind = Literal["pretraining", "fine-tuning", "lora"]
KINDS: tuple[Kind, ...] = ("pretraining", "fine-tuning", "lora")
WHAT = {
    "batch": "samples an update (a bare number), or tokens as in sf.tokens(524288)",
    "tokens": "tokens of the whole run",
    "width": "units of a hidden layer",
    "depth": "layers or blocks",
    "params": "parameters without the vocabulary",
    "steps": "updates of the whole run",
    "samples": "samples of the whole run, each pass counted",
    "sequence": "tokens a sample",
    "lr": "the peak rate",
    "momentum": "SGD's momentum",
    "beta1": "the decay of Adam's mean",
    "beta2": "the decay of Adam's mean square",
    "eps": "what Adam adds to its root",
    "weight_decay": "the weight decay of the optimizer",
    "warmup": "updates of warmup",
    "noise_scale": "the measured noise scale, in samples (a bare number) or sf.tokens(...)",
    "vocabulary": "entries of the vocabulary",
    "loss": "the loss in nats a token",
}
HYPERPARAMETERS = ("lr", "beta1", "beta2", "eps", "weight_decay", "warmup")
_AMOUNTS, _SHARES, _OR_ZERO = ("batch", "noise_scale"), ("momentum", "beta1", "beta2"), ("weight_decay", "warmup")
_AGREE = 0.01


@dataclass(frozen=True, slots=True)
class Scale:
    """How large a run is, and how it is set: what ``transfer`` goes from and to. Whatever is None is not known.

    ``batch``: per update, a bare number counts samples (sequences of a language model), ``sf.tokens(524288)`` or
    ``"524288tok"`` tokens. ``tokens``, ``samples``, ``steps`` [updates]: of the whole run. ``sequence``: tokens a
    sample, needed only where a batch in samples meets a law in tokens. ``width``, ``depth``, ``params`` (without the
    vocabulary), ``vocabulary``: of the model. ``lr`` (peak), ``momentum``, ``beta1``, ``beta2``, ``eps``,
    ``weight_decay``, ``warmup`` [updates]: as the optimizer takes them. ``noise_scale``: measured, in the units of
    ``batch``. ``loss``: nats a token. ``kind``: "pretraining", "fine-tuning" or "lora". ``optimizer``: its name.

    Raises ArgumentError for a zero, negative or infinite amount, an unknown kind or optimizer, and for steps x batch
    that is more than 1 % off the tokens or samples.

    >>> Scale(batch=256, tokens=1e10, lr=3e-4).batch
    256.0
    >>> Scale(batch="524288tok").batch
    Length(amount=524288.0, unit='tok')
    """

    batch: float | str | Length | None = None
    tokens: float | None = None
    width: float | None = None
    depth: float | None = None
    params: float | None = None
    steps: float | None = None
    samples: float | None = None
    sequence: float | None = None
    lr: float | None = None
    momentum: float | None = None
    beta1: float | None = None
    beta2: float | None = None
    eps: float | None = None
    weight_decay: float | None = None
    warmup: float | None = None
    noise_scale: float | str | Length | None = None
    vocabulary: float | None = None
    loss: float | None = None
    kind: Kind | None = None
    optimizer: str | None = None

    def __post_init__(self) -> None:
        for name, what in WHAT.items():
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, _checked(value, name, what))
        if self.kind is not None:
            object.__setattr__(self, "kind", kind_of(self.kind))
        if self.optimizer is not None:
            family(self.optimizer)
        _agreeing(self)

    @property
    def given(self) -> tuple[str, ...]:
        """The names of what is known."""
        return tuple(f.name for f in fields(self) if getattr(self, f.name) is not None)


def kind_of(text: str) -> Kind:
    """Return the kind of training that ``text`` means; raise ArgumentError for none.

    >>> kind_of("Full fine tuning"), kind_of("LoRA")
    ('fine-tuning', 'lora')
    """
    plain = str(text).lower().replace("_", "-").replace(" ", "-").removeprefix("full-").replace("finetun", "fine-tun")
    if plain not in KINDS:
        raise ArgumentError(f"kind={text!r} must be one of {', '.join(KINDS)}.")
    return plain


def amount(value: float | str | Length | None, unit: str, scale: Scale, name: str) -> float:
    """Return ``value`` (a batch or a noise scale) in ``unit``, "smp" or "tok".

    Raises ArgumentError where it is not known, or needs ``scale.sequence`` and there is none.

    >>> amount(256.0, "tok", Scale(sequence=2048), "batch")
    524288.0
    """
    if value is None:
        raise ArgumentError(f"{name} is missing: give {WHAT[name]}.")
    found = value if isinstance(value, Length) else Length(float(value), "smp")
    if found.unit == unit:
        return found.amount
    if scale.sequence is None:
        raise ArgumentError(f"{name}={found} meets a unit of {unit}: give sequence, the tokens a sample, to convert.")
    return found.amount * scale.sequence if unit == "tok" else found.amount / scale.sequence


def unit_of(value: float | str | Length | None) -> str:
    """Return the unit of a batch or a noise scale: "smp" for a bare number."""
    return value.unit if isinstance(value, Length) else "smp"


def horizon(scale: Scale) -> tuple[float, str] | None:
    """Return how long a run is and in which unit: "tok", "smp" or, where no batch is known, "st"; None if it is not.

    >>> horizon(Scale(tokens=1e10)), horizon(Scale(batch=100, steps=50)), horizon(Scale(width=8))
    ((10000000000.0, 'tok'), (5000.0, 'smp'), None)
    """
    if scale.tokens is not None:
        return scale.tokens, "tok"
    if scale.samples is not None:
        return scale.samples, "smp"
    if scale.steps is None:
        return None
    if scale.batch is None:
        return scale.steps, "st"
    unit = unit_of(scale.batch)
    return scale.steps * amount(scale.batch, unit, scale, "batch"), unit


def updates(scale: Scale) -> float:
    """Return S = D/B, the updates of the run; raise ArgumentError where they are not known.

    >>> updates(Scale(batch="1e6tok", tokens=1e9))
    1000.0
    """
    if scale.steps is not None:
        return scale.steps
    found = horizon(scale)
    if found is None:
        raise ArgumentError("steps is missing: give steps, or tokens (or samples) and batch.")
    return found[0] / amount(scale.batch, found[1], scale, "batch")


def _checked(value: float | str | Length, name: str, what: str) -> float | Length:
    if name in _AMOUNTS and isinstance(value, (str, Length)):
        text = value.strip() if isinstance(value, str) else value
        read = parse(text.removesuffix("seq") + "smp" if isinstance(text, str) and text.endswith("seq") else text, name)
        if not isinstance(read, Length) or read.unit not in {"smp", "tok"} or read.amount <= 0:
            raise ArgumentError(f"{name}={value!r} must be above 0 and in samples (smp, seq) or tokens (tok): {what}.")
        return positive(read.amount, name, what) if read.unit == "smp" else read
    if name in _SHARES:
        return inside(value, name, what)
    if name in _OR_ZERO and not isinstance(value, bool) and value == 0:
        return 0.0
    return positive(value, name, what)


def _agreeing(scale: Scale) -> None:
    """Refuse a run whose steps x batch is not its tokens or samples."""
    for name, unit in (("tokens", "tok"), ("samples", "smp")):
        whole = getattr(scale, name)
        if whole is None or scale.steps is None or scale.batch is None:
            continue
        if unit_of(scale.batch) != unit and scale.sequence is None:
            continue
        product = scale.steps * amount(scale.batch, unit, scale, "batch")
        if abs(product / whole - 1.0) > _AGREE:
            raise ArgumentError(
                f"{name}={whole:g} is not steps x batch = {product:g}: leave one of the three out, or correct it."
            )
