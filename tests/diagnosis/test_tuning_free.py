"""The two detectors of d, on rows of real runs of the optimizers: what is stuck, what ran away, and what is well."""

import numpy as np
import prodigyopt
import pytest
import torch

import surefoot as sf
from surefoot.diagnosis.detectors import sf112_runaway_d, sf207_stuck_d
from surefoot.live.tuned import own
from surefoot.torch import optim

STUCK, RUNAWAY = sf207_stuck_d.DETECTOR, sf112_runaway_d.DETECTOR
STEPS = 300


def trained(make, steps=STEPS, *, dtype=torch.float32, clip=None, warmup=0, known=True):
    """Train a small classifier; return the rows of its log."""
    torch.manual_seed(0)
    x = torch.randn(2048, 20)
    y = (x @ torch.randn(20, 5) + 0.5 * torch.randn(2048, 5)).argmax(1)
    model = torch.nn.Sequential(torch.nn.Linear(20, 64), torch.nn.ReLU(), torch.nn.Linear(64, 5)).to(dtype)
    optimizer = make(model.parameters())
    tell, peak, rows = own(optimizer), optimizer.param_groups[0]["lr"], []
    for t in range(steps):
        batch = torch.randint(0, 2048, (64,))
        for group in optimizer.param_groups:
            group["lr"] = peak * min(1.0, (t + 1) / warmup) if warmup else peak
        labels = y[batch] if known else torch.randint(0, 5, (64,))
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x[batch].to(dtype)).float(), labels)
        loss.backward()
        if clip:
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        d = optimizer.param_groups[0].get("d")
        rows.append({"step": t, "loss": loss.item(), "lr": peak, **({} if d is None else {"d": d}), **tell()})
    return rows


def told(rows, every=1):
    return sf.History.of(sf.Reading(**row) for row in rows[::every])


def found(detector, history):
    return detector.finding(detector.update(detector.init(), history))


STUCK_RUNS = {
    "bfloat16 weights": lambda: trained(prodigyopt.Prodigy, dtype=torch.bfloat16),
    "gradients clipped to nothing": lambda: trained(optim.Prodigy, clip=1e-9),
    "a factor of d far too small": lambda: trained(lambda ps: optim.Prodigy(ps, d_coef=1e-4)),
}
RUNAWAYS = {
    "a factor of d far too large": lambda: trained(lambda ps: optim.Prodigy(ps, d_coef=1e4)),
    "a factor of d too large": lambda: trained(lambda ps: optim.Prodigy(ps, d_coef=100.0)),
}
HEALTHY = {
    "Prodigy": lambda: trained(optim.Prodigy),
    "Prodigy behind a warmup": lambda: trained(lambda ps: optim.Prodigy(ps, safeguard_warmup=True), warmup=60),
    "Prodigy on labels of noise": lambda: trained(optim.Prodigy, known=False),
    "D-Adapt SGD": lambda: trained(optim.DAdaptSGD),
    "DoG": lambda: trained(optim.DoG),
    "L-DoG": lambda: trained(optim.LDoG),
    "DoWG": lambda: trained(optim.DoWG),
    "Mechanic": lambda: trained(lambda ps: optim.Mechanic(torch.optim.AdamW(ps, lr=1.0))),
}


@pytest.fixture(scope="module")
def run():
    runs = {}

    def once(name):
        if name not in runs:
            runs[name] = {**STUCK_RUNS, **RUNAWAYS, **HEALTHY}[name]()
        return runs[name]

    return once


@pytest.mark.parametrize("every", [1, 10])
@pytest.mark.parametrize("name", STUCK_RUNS)
def test_a_d_that_never_left_its_start_is_a_warning(run, name, every):
    history = told(run(name), every)
    finding = found(STUCK, history)
    assert (finding.code, finding.severity, finding.step) == ("SF207", "warning", 0)
    assert finding.evidence["first"] == pytest.approx(1e-6)
    assert f"after {len(run(name)) - every + 1} updates" in finding.message
    assert [one.code for one in sf.diagnose(history) if one.severity != "info"] == ["SF207"]


@pytest.mark.parametrize("every", [1, 10])
@pytest.mark.parametrize("name", RUNAWAYS)
def test_a_d_that_took_the_loss_with_it_comes_first(run, name, every):
    history = told(run(name), every)
    finding = found(RUNAWAY, history)
    assert (finding.code, finding.severity) == ("SF112", "error")
    assert finding.step <= 10
    assert finding.evidence["d"] >= 10 * finding.evidence["d before"]
    assert sf.diagnose(history)[0].code == "SF112"
    assert found(STUCK, history) is None


def test_a_runaway_that_came_back_is_a_warning(run):
    rows = run("Prodigy")
    spike = [{**row, "loss": row["loss"] + 50.0 * np.exp(-((row["step"] - 20) ** 2) / 200)} for row in rows]
    finding = found(RUNAWAY, told(spike))
    assert finding.severity == "warning"
    assert "it came back" in finding.message


@pytest.mark.parametrize("every", [1, 10, 50])
@pytest.mark.parametrize("name", HEALTHY)
def test_runs_that_are_well_are_no_finding(run, name, every):
    history = told(run(name), every)
    assert found(STUCK, history) is None
    assert found(RUNAWAY, history) is None


@pytest.mark.parametrize("length", [1, 5, 20, 60])
@pytest.mark.parametrize("name", HEALTHY)
def test_the_beginning_of_a_run_that_goes_well_is_no_finding(run, name, length):
    history = told(run(name)[:length])
    assert found(STUCK, history) is None
    assert found(RUNAWAY, history) is None


def test_a_d_that_is_no_number_is_an_error():
    rows = [{"step": t, "loss": 1.0, "d": 1.0 if t < 30 else float("inf")} for t in range(40)]
    finding = found(RUNAWAY, told(rows))
    assert (finding.severity, finding.step) == ("error", 30)


def test_a_log_that_begins_late_is_not_called_stuck(run):
    rows = [row for row in run("Prodigy on labels of noise") if row["step"] >= 100]
    assert rows[0]["d"] == rows[-1]["d"] > 1e-5
    assert found(STUCK, told(rows)) is None


def test_a_loss_that_rises_while_d_stays_is_somebody_elses_finding(run):
    rows = [{**row, "loss": row["loss"] + max(0, row["step"] - 200)} for row in run("Prodigy")]
    assert found(RUNAWAY, told(rows)) is None
