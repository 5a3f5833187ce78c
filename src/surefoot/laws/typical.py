"""The table of typical peak rates, by optimizer and kind of training, with its sources.

=============  ============  ===========  ===========================================================
optimizer      kind          range        from
=============  ============  ===========  ===========================================================
Adam, AdamW    pretraining   3e-5, 1e-2   GPT-3 6e-5 to 6e-4 (2005.14165), OLMo 3e-4 to 4e-4 (2402.00838),
                                          sweeps of small models up to 1e-2 (2309.14322)
Adam, AdamW    fine-tuning   1e-6, 2e-4   BERT 2e-5 to 5e-5 (1810.04805), Llama 2 chat 2e-5 (2307.09288),
                                          InstructGPT 9.65e-6 (2203.02155): 10 to 100 times lower
Adam, AdamW    LoRA          1e-5, 2e-3   LoRA 2e-4 (2106.09685), QLoRA 1e-4 and 2e-4 (2305.14314)
Adam, AdamW    not said      1e-6, 1e-2   all of these
SGD            any           1e-4, 4.0    ResNet 0.1 (1512.03385), 3.2 for a batch of 8k (1706.02677)
Lion           any           1e-7, 1e-3   3 to 10 times lower than AdamW (2302.06675)
=============  ============  ===========  ===========================================================

The ends of the ranges are rounded outward by this project: folklore, not theorems.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Typical:
    """The peaks from ``low`` to ``high`` that published recipes use, by ``family`` and ``kind`` ("" is any)."""

    family: str
    kind: str
    low: float
    high: float
    sources: str


_PRETRAINING = "GPT-3 (2005.14165), OLMo (2402.00838), sweeps of small models (2309.14322)"
_TUNING = "BERT (1810.04805), Llama 2 chat (2307.09288), InstructGPT (2203.02155)"
_LORA = "LoRA (2106.09685), QLoRA (2305.14314)"
TYPICAL = (
    Typical("adam", "pretraining", 3e-5, 1e-2, _PRETRAINING),
    Typical("adam", "fine-tuning", 1e-6, 2e-4, _TUNING),
    Typical("adam", "lora", 1e-5, 2e-3, _LORA),
    Typical("adam", "", 1e-6, 1e-2, f"{_PRETRAINING}, {_TUNING}, {_LORA}"),
    Typical("sgd", "", 1e-4, 4.0, "ResNet (1512.03385), ImageNet in 1 Hour (1706.02677)"),
    Typical("lion", "", 1e-7, 1e-3, "Lion (2302.06675)"),
)


def typical(family: str, kind: str = "") -> Typical | None:
    """Return the typical peaks of a ``family`` of optimizers in a ``kind`` of training, None where the table has none.

    >>> typical("adam", "lora").high, typical("sgd", "fine-tuning").low, typical("muon")
    (0.002, 0.0001, None)
    """
    return next((one for one in TYPICAL if one.family == family and one.kind in {kind, ""}), None)
