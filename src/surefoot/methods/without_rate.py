"""Methods that find their rate, or the scale of it: Prodigy, D-Adaptation, Mechanic, DoG, MoMo."""

from __future__ import annotations

from surefoot.methods.page import Page

_D = "d lr is in every log beside lr (effective_lr, d): lr alone says 1.0."

PRODIGY = Page(
    "prodigy",
    "AdamW that estimates its own rate d, faster than D-Adaptation does",
    ("Prodigy", "ProdigyScheduleFree"),
    what="AdamW at the rate d lr, where d estimates the distance from the first weights to the solution and only "
    f"grows. {_D}",
    formula=(
        "d_hat = sum (d/d0) e <g, p0 - p>/sum |s|, both averaged with b3 = sqrt(b2)",
        "d = max(d, min(d_coef d_hat, d growth_rate))",
        "p = p - d lr (m/(sqrt(v) + d eps) + wd p)",
    ),
    needs="lr = 1 as the peak of a schedule that decays to the end (cosine), no restarts. With a warmup "
    "safeguard_warmup=True. d_coef (0.5 to 2) is the factor to tune. bfloat16 weights are "
    "fine here; in the reference package d may never leave d0 (finding SF207).",
    state="8 + 8/slice_p bytes a parameter: 16, or 8.7 with slice_p=11.",
    use="Fine-tuning, adapters and diffusion, where a sweep costs more than the run; a first guess of AdamW's rate: "
    "optimizer.effective_lr.",
    loses="To a tuned AdamW with the same schedule it comes close at best. One d for networks of different scale "
    "(per_group=True helps). A d that is over-estimated is never taken back (SF112). ProdigyScheduleFree is "
    "an experiment: it scored 0 on AlgoPerf.",
    source="Mishchenko and Defazio, Prodigy: An Expeditiously Adaptive Parameter-Free Learner, arXiv 2306.06101, 2023.",
)
D_ADAPTATION = Page(
    "d-adaptation",
    "SGD, Adam, AdaGrad and Lion with a rate from a lower bound of the distance to the solution",
    ("DAdaptAdam", "DAdaptSGD", "DAdaptAdaGrad", "DAdaptLion"),
    what=f"A method at the rate d lr, d a lower bound of the distance to the solution that only grows. {_D}",
    formula=(
        "s = sum d g (decayed with sqrt(b2) in Adam), weighted as the method weighs gradients",
        "d_hat = sum d <g, s>/|s|, in the method's own norm;  d = max(d, min(d_hat, d growth_rate))",
    ),
    needs="lr = 1 as the peak of the schedule you would use anyway; more weight decay than usual.",
    state="12 bytes a parameter (Adam: m, v, s).",
    use="To have the method that Prodigy came from; convex problems, where the theory holds.",
    loses="Prodigy finds d faster and its authors point to it. AdaGrad's d is slow: 5e-3 after 60 updates where Adam's "
    "has 4. An over-estimate is never taken back (SF112).",
    source="Defazio and Mishchenko, Learning-Rate-Free Learning by D-Adaptation, arXiv 2301.07733, 2023.",
    also=("dadapt", "dadaptation"),
)
MECHANIC = Page(
    "mechanic",
    "a wrapper that learns how far to follow another optimizer's updates",
    ("Mechanic",),
    what="Any optimizer, built as ever and wrapped: st.optim.Mechanic(torch.optim.AdamW(params, lr=1.0)). It keeps the "
    f"sum of the updates and learns one scale S for it. {_D}",
    formula=(
        "x = x0 + S delta, delta = sum of the wrapped optimizer's updates",
        "S = sum over six betas of (s_init m/6 + r)/(sqrt(v) + eps), r = max(0, beta r - s h)",
        "h = <delta, g + 0.01 S |g|/|x| x>, m = max(beta m, |h|), v = beta^2 v + h^2",
    ),
    needs="A schedule, on the wrapped optimizer, with any peak (1.0 is usual).",
    state="8 bytes a parameter besides the wrapped optimizer's.",
    use="An optimizer that has no tuning-free form of its own.",
    loses="To the same schedule at a tuned peak. It needs tens to hundreds of updates to find S. Outside its theory: "
    "updates of fixed length (LARS, LAMB).",
    source="Cutkosky, Defazio and Mehta, Mechanic: A Learning Rate Tuner, arXiv 2306.00144, 2023.",
)
DOG = Page(
    "dog",
    "SGD whose rate is the distance gone over the gradients met; L-DoG by tensor, DoWG weighted",
    ("DoG", "LDoG", "DoWG"),
    what="SGD without momentum whose rate follows from how far the weights have come and how large the gradients were. "
    "Its average of the weights is what to evaluate and save. The rate is in every log beside lr (effective_lr, and r "
    "as d): lr alone says 1.0.",
    formula=(
        "r = max(reps_rel (1 + |x0|), max |x - x0|), G = sum |g|^2, rate = lr r/sqrt(G)",
        "DoWG: V = sum r^2 |g|^2, rate = lr r^2/sqrt(V)",
        "average: a = a + c (x - a), c = 9/(t + 8)",
    ),
    needs="The average: with optimizer.evaluating(), or attach(model). reps_rel of 1e-4 with BatchNorm.",
    state="8 bytes a parameter (x0, the average); 4 more for weights in bfloat16.",
    use="Fine-tuning and convex problems, where SGD is right and nothing is to be tuned at all.",
    loses="Wherever SGD loses to Adam: transformers from scratch. A tuned decay. Hundreds of updates pass before the "
    "first rate has grown.",
    source="Ivgi, Hinder and Carmon, DoG is SGD's Best Friend, arXiv 2302.12022, 2023; Khaled et al., DoWG Unleashed, "
    "arXiv 2305.16284, 2023.",
)
MOMO = Page(
    "momo",
    "a cap on the rate: no step goes further than a model of the loss says it pays",
    ("MoMo", "MoMoSGD", "MoMoAdam"),
    what="SGD, Adam, or any optimizer that is wrapped, whose step is shortened where an averaged linear model of the "
    "loss would fall below a lower bound. Rates that are too large by powers of ten do no harm.",
    formula=(
        "model = F + <m, x> - y, F, m, y the averages of f, g and <g, x>",
        "rate = min(lr, max(0, model - lower bound)/|m|^2), |m| in Adam's norm for Adam",
    ),
    needs="The loss in every step: step(loss=loss), or a closure. A rate that is large enough, its schedule, and a "
    "lower bound that is nearly reached (0 where the model can interpolate).",
    state="SGD 4, Adam 8 bytes a parameter; around another optimizer 4 more, and 4 while it steps.",
    use="A known optimizer whose rate may be too high: a sweep that needs fewer points, a guard against a bad guess.",
    loses="A rate that is too low stays too low. Where the loss ends far above the bound (language models at bound 0) "
    "the cap hardly binds: it is then the wrapped optimizer.",
    source="Schaipp et al., MoMo: Momentum Models for Adaptive Learning Rates, arXiv 2305.07583, 2023.",
)
PAGES = (PRODIGY, D_ADAPTATION, MECHANIC, DOG, MOMO)
