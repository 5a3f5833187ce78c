"""Where each law comes from, and how well that was checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mark = Literal["C", "P", "2", "m", "X", "D", "folklore", "fit"]
MARKS: dict[Mark, str] = {
    "C": "read in the official code",
    "P": "paper or its abstract read",
    "2": "read at second hand",
    "m": "from memory, not checked against the source",
    "X": "computed or reproduced numerically for this project",
    "D": "derived here",
    "folklore": "a habit of the field without a source that measures it",
    "fit": "fitted on your own runs",
}


@dataclass(frozen=True, slots=True)
class Source:
    """A publication: its ``title``, ``arxiv`` id (empty where there is none) and ``year``.

    >>> print(Source("An Empirical Model of Large-Batch Training", "1812.06162", 2018))
    An Empirical Model of Large-Batch Training, arXiv 1812.06162 (2018)
    """

    title: str
    arxiv: str
    year: int

    def __str__(self) -> str:
        where = f", arXiv {self.arxiv}" if self.arxiv else ""
        return f"{self.title}{where} ({self.year})"


KRIZHEVSKY = Source("One weird trick for parallelizing convolutional neural networks", "1404.5997", 2014)
GOYAL = Source("Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", "1706.02677", 2017)
MCCANDLISH = Source("An Empirical Model of Large-Batch Training", "1812.06162", 2018)
KAPLAN = Source("Scaling Laws for Neural Language Models", "2001.08361", 2020)
GPT3 = Source("Language Models are Few-Shot Learners", "2005.14165", 2020)
EDGE = Source("Gradient Descent on Neural Networks Typically Occurs at the Edge of Stability", "2103.00065", 2021)
LORA = Source("LoRA: Low-Rank Adaptation of Large Language Models", "2106.09685", 2021)
MUP = Source(
    "Tensor Programs V: Tuning Large Neural Networks via Zero-Shot Hyperparameter Transfer", "2203.03466", 2022
)
MALLADI = Source("On the SDEs and Scaling Rules for Adaptive Gradient Algorithms", "2205.10287", 2022)
ADAPTIVE_EDGE = Source("Adaptive Gradient Methods at the Edge of Stability", "2207.14484", 2022)
DEFAZIO = Source("Optimal Linear Decay Learning Rate Schedules and Further Refinements", "2310.07831", 2023)
DEEPSEEK = Source("DeepSeek LLM: Scaling Open-Source Language Models with Longtermism", "2401.02954", 2024)
MINICPM = Source(
    "MiniCPM: Unveiling the Potential of Small Language Models with Scalable Training Strategies", "2404.06395", 2024
)
WANG = Source("How to set AdamW's weight decay as you scale model and dataset size", "2405.13698", 2024)
SURGE = Source("Surge Phenomenon in Optimal Learning Rate and Batch Size Scaling", "2405.14578", 2024)
HAGELE = Source("Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations", "2405.18392", 2024)
PORIAN = Source("Resolving Discrepancies in Compute-Optimal Scaling of Language Models", "2406.19146", 2024)
POWER = Source("Power Scheduler: A Batch Size and Token Number Agnostic Learning Rate Scheduler", "2408.13359", 2024)
BJORCK = Source("Scaling Optimal LR Across Token Horizons", "2409.19913", 2024)
ZHANG = Source("How Does Critical Batch Size Scale in Pre-training?", "2410.21676", 2024)
BERGSMA = Source(
    "Straight to Zero: Why Linearly Decaying the Learning Rate to Zero Works Best for LLMs", "2502.15938", 2025
)
MOONLIGHT = Source("Muon is Scalable for LLM Training", "2502.16982", 2025)
STEP_LAW = Source(
    "Predictable Scale: Part I, Step Law: Optimal Hyperparameter Scaling Law in Large Language Model Pretraining",
    "2503.04715",
    2025,
)
COMPLETEP = Source("Don't be lazy: CompleteP enables compute-efficient deep transformers", "2505.01618", 2025)
POWER_LINES = Source(
    "Power Lines: Scaling Laws for Weight Decay and Batch Size in LLM Pre-training", "2505.13738", 2025
)
HAAS = Source(
    "On the Surprising Effectiveness of Large Learning Rates under Standard Width Scaling", "2505.22491", 2025
)
MAREK = Source(
    "Small Batch Size Training for Language Models: When Vanilla SGD Works, and Why Gradient Accumulation Is Wasteful",
    "2507.07101",
    2025,
)
COMPLETED = Source(
    "Completed Hyperparameter Transfer across Modules, Width, Depth, Batch and Duration", "2512.22382", 2025
)
NONLINEAR = Source("On the Nonlinearity of Learning Rate Scaling for LLM Training", "2606.29158", 2026)
ONE_THIRD = Source("The 1/3 law of the horizon over seven optimizers (title and arXiv id not recorded)", "", 2026)
