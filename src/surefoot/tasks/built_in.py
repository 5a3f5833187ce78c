"""The built-in tasks by name, as data: knowing them imports neither them nor torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """One built-in task: ``where`` it lives, its usual ``total``, and the rate that folklore gives its ``optimizer``.

    ``default_lr`` is what a user would start with untuned, all of it folklore without a date: 1e-3 for Adam and AdamW
    (the default of torch), 0.1 for SGD with momentum 0.9 (the recipe of ResNet), 0.01 for plain gradient descent
    (the default of Keras), 0.02 for Muon (its author's example). ``needs`` are the packages it imports.
    """

    where: str
    total: int
    summary: str
    optimizer: str
    default_lr: float
    needs: tuple[str, ...] = ()


_IMAGES = ("torch", "sklearn")

BUILT_IN: dict[str, BuiltIn] = {
    "digits": BuiltIn(
        "surefoot.tasks.digits:digits", 3000, "a perceptron on 8 x 8 handwritten digits", "adamw", 1e-3, _IMAGES
    ),
    "digits_cnn": BuiltIn(
        "surefoot.tasks.digits:digits_cnn", 1000, "a convolutional network on the same", "adam", 1e-3, _IMAGES
    ),
    "mnist1d": BuiltIn(
        "surefoot.tasks.mnist1d:mnist1d",
        1500,
        "a convolutional network with BatchNorm on MNIST-1D",
        "sgd",
        0.1,
        ("torch", "mnist1d"),
    ),
    "tabular": BuiltIn("surefoot.tasks.tabular:tabular", 1000, "a regression on 354 patients", "adam", 1e-3, _IMAGES),
    "finetune": BuiltIn(
        "surefoot.tasks.finetune:finetune",
        600,
        "a pretrained perceptron learns five new digits",
        "adamw",
        1e-3,
        _IMAGES,
    ),
    "finetune_lora": BuiltIn(
        "surefoot.tasks.finetune:finetune_lora", 600, "the same through LoRA adapters", "adamw", 1e-3, _IMAGES
    ),
    "charlm": BuiltIn(
        "surefoot.tasks.charlm:charlm", 1000, "a character transformer on Python's manual", "adamw", 1e-3, ("torch",)
    ),
    "muon": BuiltIn(
        "surefoot.tasks.muon:muon", 600, "the same transformer under Muon and AdamW", "muon", 0.02, ("torch",)
    ),
    "quadratic": BuiltIn("surefoot.tasks.analytic:quadratic", 500, "a quadratic bowl", "sgd", 0.01),
    "noisy_quadratic": BuiltIn(
        "surefoot.tasks.analytic:noisy_quadratic", 500, "a quadratic bowl seen through noise", "sgd", 0.01
    ),
    "rosenbrock": BuiltIn("surefoot.tasks.analytic:rosenbrock", 2000, "Rosenbrock's bent valley", "sgd", 0.1),
    "valley": BuiltIn("surefoot.tasks.analytic:valley", 1000, "a steep valley with a slow river in it", "sgd", 0.01),
}
