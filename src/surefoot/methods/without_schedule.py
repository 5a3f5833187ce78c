"""Methods that need no schedule, or none of its warmup: Schedule-Free, the power schedule, GI-Adam."""

from __future__ import annotations

from surefoot.methods.page import Page

SCHEDULE_FREE = Page(
    "schedule-free",
    "averages instead of a decay: good weights at any time, no horizon",
    ("ScheduleFreeAdamW", "ScheduleFreeSGD", "ScheduleFreeRAdam"),
    what="An optimizer with two sets of weights. Gradients are taken at y; x, the average of the steps z, is what to "
    "evaluate and save, and is about as good at every update as a run that had decayed by then.",
    formula=(
        "z = z - a u, u = g/(sqrt(v/(1 - b2^t)) + eps) + wd y",
        "x = (1 - c) x + c z, c = w/sum w, w = t^r max(a)^2",
        "y = (1 - b1) z + b1 x",
    ),
    needs="A rate: 1 to 10 times that of a scheduled AdamW (its default is 0.0025), 10 to 50 times that of SGD. A "
    "warmup of about 5 %. For long runs b1 of 0.95 or 0.98. BatchNorm: st.optim.recalibrate_batchnorm before an "
    "evaluation.",
    state="8 bytes a parameter (z, v); SGD 4; one more copy while it evaluates.",
    use="The length of the run is unknown, or good weights are wanted at any time: prototypes, continual training.",
    loses="A budget that is fixed and known: warmup and a decay to zero match it at best. Short runs at AdamW's rate. "
    "Prodigy combined with it scored 0 on AlgoPerf: an experiment, not a method to rely on.",
    source="Defazio et al., The Road Less Scheduled, arXiv 2405.15682, 2024. AlgoPerf self-tuning track 2024: .8542 "
    "against .8194 of the NadamW baseline.",
    also=("schedulefree", "sf"),
)
POWER = Page(
    "power",
    "a schedule, not an optimizer: a rate that depends on tokens seen, not on the length of the run",
    (),
    what="sf.power: a warmup, then a rate that falls as a power of the tokens, then a short decay whenever the run is "
    "to end. It is a Schedule, so that it can be printed, extended and edited as any other.",
    formula=("rate = min(peak, batch a n^b) after the warmup; batch in sequences of 4,096 tokens, n tokens seen",),
    needs="The batch, and a and b as fitted (4.6 and -0.51 for language models under muP); the decay at the end.",
    state="None: it is a schedule of AdamW.",
    use="One recipe over batch sizes and budgets of language models, where the token budget may change.",
    loses="Away from language models the constants are not fitted. A known budget: a tuned linear decay.",
    source="Shen et al., Power Scheduler: A Batch Size and Token Number Agnostic Learning Rate Scheduler, "
    "arXiv 2408.13359, 2024.",
    also=("power-scheduler", "powerscheduler"),
)
GI_ADAM = Page(
    "gi-adam",
    "AdamW whose second moment begins at the first gradient: a warmup of its own",
    ("GIAdam",),
    what="AdamW with v = g0^2 before the first update and the usual bias correction left in, which makes early updates "
    "small: 0.03 of Adam's at the first, 0.31 at the 100th, 0.80 at the 1,000th (b2 = 0.999).",
    formula=("v = g0^2 at t = 1, then b2 v + (1 - b2) g^2", "update = Adam's times sqrt(1 - b2^t), steady gradients"),
    needs="The rate and its decay. No warmup.",
    state="8 bytes a parameter, as AdamW.",
    use="Where a warmup is a knob too many: fine-tuning, sweeps over runs of several lengths.",
    loses="It is AdamW afterwards. Entries whose first gradient is 0 have no warmup (LoRA's A, where B is 0).",
    source="Kalra and Barkeshli, Why Warmup the Learning Rate?, arXiv 2406.09405, 2024.",
)
PAGES = (SCHEDULE_FREE, POWER, GI_ADAM)
