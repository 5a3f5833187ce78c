"""The rules by which a name becomes a role, each with a score: the highest is taken."""

from __future__ import annotations

import re
from dataclasses import dataclass

from surefoot.history.names import Name


@dataclass(frozen=True)
class Rule:
    """A name of one of ``domains`` whose other words match ``pattern`` is the ``role`` with ``score``."""

    role: str
    domains: frozenset[str]
    pattern: re.Pattern[str]
    score: int


_OURS = frozenset({"", "train"})
_ANY = frozenset({"", "train", "val", "test", "both"})
_VAL, _TEST, _BARE = frozenset({"val"}), frozenset({"test"}), frozenset({""})
_LOSSES = (
    (r"loss", 100),
    (r"loss_step|step_loss", 94),
    (r"loss_epoch|epoch_loss", 93),
    (r"lm_loss", 92),
    (r"total_loss|loss_total|loss_sum|sum_loss|overall_loss", 90),
    (r"(avg|mean|average|smooth|smoothed|running|batch|ema|iter)_loss|loss_(avg|mean|ema|smooth)", 80),
    (r"(nll|ce|ctc|mse|bce|lm|mlm|xent|cross_entropy|main)_loss|loss_(ce|nll|lm|mse)|cross_entropy|xent|nll|ce", 75),
    (r"(?!.*(scale|weight|num|count|token|time|smoothing|best|min|max|std|ratio|lr|coef)).*loss.*", 50),
    (r"cost|objective|elbo|mse|bpb|bits_per_byte|bpc|languagecrossentropy", 40),
    (r"perplexity|ppl", 10),
    (r"value", 5),
)
_PLAIN = (
    ("step", _OURS, r"global_step|trainer_global_step", 100),
    ("step", _OURS, r"step|steps", 95),
    ("step", _OURS, r"(iteration|iter|update|num_update|optimizer_step|num_step|gradient_step)s?|it|i|x", 90),
    ("step", _BARE, r"batch|batches|batch_idx|batch_index|minibatch|opt_step", 20),
    ("epoch", _OURS, r"epoch|epochs|current_epoch|num_epoch|epoch_num|epoch_idx|ep", 100),
    ("lr", _ANY, r"lr|learning_rate|learningrate", 100),
    ("lr", _ANY, r"(?!.*(momentum|weight|decay|beta|loss|mult|ratio|bias)).*\b(\w*_)?(lr|learning_rate)\d*(_\w*)?", 80),
    ("grad_norm", _ANY, r"(grad|gradient|global_grad|total_grad|global_gradient|total_gradient)_norm", 100),
    ("grad_norm", _ANY, r"gnorm|gradnorm|norm|(grad|gradient)_norm_(total|global|all)|grad_(2|2_0|l2)_norm_total", 95),
    ("grad_norm", _ANY, r"l2_norm_grad_global|norm_grad|(grad|gradient)_l2_norm|grad_total_norm|norm_total", 90),
    ("grad_norm", _OURS, r"(?!.*(clip|var|std|max|layer|param|weight|loss)).*grad\w*_norm", 40),
    (
        "tokens",
        _OURS,
        r"tokens|num_tokens|tokens_seen|total_tokens|consumed_tokens|n_tokens|num_input_tokens_seen",
        100,
    ),
    ("tokens", _OURS, r"tokens_(total|processed)|total_num_tokens|cumulative_tokens", 90),
    ("loss_scale", _ANY, r"loss_scale|grad_scale|amp_scale|scaler_scale|loss_scaling", 100),
    ("skipped", _ANY, r"skipped|(number_of_|num_)?skipped_(iterations|steps|updates)", 100),
)
RULES: tuple[Rule, ...] = (
    *(Rule(role, domains, re.compile(pattern), score) for role, domains, pattern, score in _PLAIN),
    *(Rule("loss", _BARE, re.compile(pattern), score) for pattern, score in _LOSSES),
    *(Rule("loss", frozenset({"train"}), re.compile(pattern), score - 1) for pattern, score in _LOSSES),
    *(Rule("val_loss", _VAL, re.compile(pattern), score) for pattern, score in _LOSSES),
    *(Rule("test_loss", _TEST, re.compile(pattern), score) for pattern, score in _LOSSES),
)
_LEFT = re.compile(
    r"(^|_)(runtime|time|timestamp|seconds?|secs?|ms|s|duration|elapsed|eta|flos|flops|tflops|mfu|memory|mem|gpu|cpu|"
    r"throughput|preemption|version|date|index|unnamed)(_|$)|per_second|^num_|_num_|^total_flos$|^score$"
)


def score(name: Name, role: str) -> int:
    """Return how well a name fits a role, 0 if it does not.

    >>> score(Name.of("train/loss"), "loss"), score(Name.of("eval_loss"), "loss")
    (99, 0)
    """
    fitting = (
        rule.score
        for rule in RULES
        if rule.role == role and name.domain in rule.domains and rule.pattern.fullmatch(name.rest)
    )
    return max(fitting, default=0)


def is_bookkeeping(name: Name) -> bool:
    """Return whether a name tells of time, memory or size, which say nothing of the training."""
    return bool(_LEFT.search(name.clean))
