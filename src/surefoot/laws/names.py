"""Names of optimizers as people write them, and the family whose laws they follow."""

from __future__ import annotations

import re

from surefoot.errors import ArgumentError

FAMILIES = ("sgd", "adam", "lion", "muon")
_MEMBERS = {
    "sgd": {"sgd", "momentum", "nesterov", "heavyball", "sgdm"},
    "adam": {"adam", "adamw", "nadam", "nadamw", "radam", "adamax", "rmsprop", "adamwtorch", "adamwtorchfused"}
    | {"fusedadam", "fusedadamw", "adamw8bit", "adam8bit", "pagedadamw", "pagedadamw8bit", "amsgrad", "muadam"},
    "lion": {"lion", "lion8bit", "signsgd"},
    "muon": {"muon"},
}


def family(optimizer: str) -> str:
    """Return the family of ``optimizer``: "sgd", "adam" (RMSprop included), "lion" or "muon".

    Case, spaces, dashes and underscores do not matter. Raises ArgumentError for a name that is in no family, such as
    a tuning-free optimizer, whose rate is relative.

    >>> family("AdamW"), family("adamw_torch_fused"), family("Nesterov")
    ('adam', 'adam', 'sgd')
    """
    if not isinstance(optimizer, str):
        raise ArgumentError(f"optimizer={optimizer!r} must be a name, such as 'adamw' or 'sgd'.")
    plain = re.sub(r"[^a-z0-9]", "", optimizer.lower())
    for name, members in _MEMBERS.items():
        if plain in members:
            return name
    raise ArgumentError(
        f"optimizer={optimizer!r} has no laws here: use one of sgd, momentum, nesterov, adam, adamw, rmsprop, nadam, "
        "radam, adamax, lion, muon."
    )
