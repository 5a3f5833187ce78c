"""Names of logged fields: the words in them, and which part of the data they speak of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z][a-z])")
_OTHER = re.compile(r"[^0-9a-z]+")
_LONGEST = 200
_DOMAINS = {
    "train": ("train", "training", "trn", "tr"),
    "val": ("val", "valid", "validation", "eval", "evaluation", "dev", "heldout"),
    "test": ("test", "testing", "tst"),
}
_DOMAIN = {word: domain for domain, words in _DOMAINS.items() for word in words}
_HIGHER = frozenset(
    {
        "accuracy", "acc", "top1", "top5", "f1", "precision", "recall", "auc", "auroc", "map", "map50", "bleu", "iou",
        "miou", "dice", "r2", "score", "reward", "rouge1", "rouge2", "rougel", "psnr", "ssim", "ndcg", "mcc", "kappa",
    }
)  # fmt: skip
_LOWER = frozenset(
    {"loss", "wer", "cer", "error", "err", "perplexity", "ppl", "mse", "mae", "rmse", "nll", "bpb", "fid"}
)


def domain(word: str) -> str:
    """Return the part of the data that a word names: "train", "val", "test", or "" if it names none.

    >>> domain("Validation"), domain("loss")
    ('val', '')
    """
    return _DOMAIN.get(word.lower(), "")


def listed(names: Iterable[str]) -> str:
    """Return names for a sentence: each cut at 60 characters, and no more than 20 of them.

    >>> listed(["step", "x" * 99]), listed([])
    ("'step', 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'", 'none')
    """
    found = list(names)
    return ", ".join([*(repr(name[:60]) for name in found[:20]), *(["..."] if len(found) > 20 else [])]) or "none"


@dataclass(frozen=True)
class Name:
    """A field's name: as it was written (``raw``), the ``domain`` it speaks of, and the words besides.

    ``domain`` is "train", "val", "test" or "" where the name does not say; ``rest`` joins the other words.
    """

    raw: str
    domain: str
    rest: str
    clean: str

    @classmethod
    def of(cls, raw: str) -> Name:
        """Return the parts of a name, whatever its case, padding and separators.

        >>> Name.of(" trainLoss "), Name.of("metrics/mAP50(B)").clean, Name.of("eval/set_b-loss").clean
        (Name(raw=' trainLoss ', domain='train', rest='loss', clean='train_loss'), 'val_map50_b', 'val_set_b_loss')
        """
        words = _OTHER.sub("_", _CAMEL.sub("_", raw.strip()[:_LONGEST]).lower()).strip("_").split("_")
        domains = [_DOMAIN[word] for word in words if word in _DOMAIN]
        rest = [word for word in words if word not in _DOMAIN]
        part = domains[0] if len(set(domains)) == 1 else ""
        if words[0] == "metrics" and not domains:
            part, rest = "val", words[1:]
        mixed = len(set(domains)) > 1 or not rest
        at_end = not mixed and (words[0] in {*_DOMAIN, "metrics"} or words[-1] in _DOMAIN)
        clean = "_".join([part, *rest] if at_end and part else words)
        return cls(raw, "both" if mixed and domains else part, "_".join(words if mixed else rest), clean)


def higher_is_better(name: str) -> bool | None:
    """Return whether a metric is better the higher it is, None where its name does not tell.

    >>> higher_is_better("val_accuracy"), higher_is_better("val_wer"), higher_is_better("lr")
    (True, False, None)
    """
    words = set(Name.of(name).rest.split("_"))
    if words & _LOWER:
        return False
    return True if words & _HIGHER else None
