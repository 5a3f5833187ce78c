import numpy as np
import pytest

import surefoot as sf
from surefoot.diagnosis.detectors import (
    sf401_length_mismatch,
    sf402_late_rise,
    sf403_bare_resume,
    sf404_unusual_rate,
    sf405_no_decay,
    sf406_flat_cooldown,
    sf407_decay_misfit,
    sf408_flat_metric,
)
from surefoot.diagnosis.detectors.sf404_unusual_rate import usual_for
from surefoot.diagnosis.edits import applied
from surefoot.laws import typical

LENGTH = sf401_length_mismatch.DETECTOR
RISE = sf402_late_rise.DETECTOR
RESUME = sf403_bare_resume.DETECTOR
UNUSUAL = sf404_unusual_rate.DETECTOR
NO_DECAY = sf405_no_decay.DETECTOR
COOLDOWN = sf406_flat_cooldown.DETECTOR
MISFIT = sf407_decay_misfit.DETECTOR
METRIC = sf408_flat_metric.DETECTOR

HEALTHY = {
    "cosine": sf.cosine(1e-3, total=2000, warmup=100),
    "cosine to a tenth": sf.cosine(1e-3, total=2000, warmup=100, floor=0.1),
    "cosine to three tenths": sf.cosine(1e-3, total=2000, warmup=100, floor=0.3),
    "linear": sf.linear(1e-3, total=2000, warmup=100),
    "wsd": sf.wsd(1e-3, total=2000, warmup=100),
    "inverse sqrt": sf.inverse_sqrt(1e-3, total=2000, warmup=100),
    "steps": sf.step_decay(1e-1, total=2000),
    "restarts": sf.restarts(1e-3, total=2000, cycles=4),
    "cycles": sf.cyclic(1e-3, total=2000, floor=0.1),
    "one cycle": sf.one_cycle(1e-3, total=2000),
}


def falling(lr, seed=0, noise=0.02):
    """A loss whose slow part falls with the sum of the rates, and whose fast part stands as high as the rate."""
    rng = np.random.default_rng(seed)
    done = np.cumsum(lr) / max(lr.sum(), 1e-12)
    return 1.5 + 2.0 * np.exp(-3 * done) + 0.3 * lr / max(lr.max(), 1e-12) + noise * rng.standard_normal(len(lr))


def run(lr, every=10, loss=None, extra=(), **facts):
    lr = np.asarray(lr, dtype=float)
    loss = falling(lr) if loss is None else loss
    columns = {"step": np.arange(len(lr)), "loss": loss, "lr": lr, **dict(extra)}
    origin = sf.Origin("test", facts=facts)
    return sf.History({name: values[::every] for name, values in columns.items()}, origin=origin)


def found(detector, history):
    return detector.finding(detector.update(detector.init(), history))


@pytest.mark.parametrize("plan", HEALTHY.values(), ids=HEALTHY)
@pytest.mark.parametrize("part", [0.3, 0.75, 1.0])
def test_ordinary_schedules_get_no_warning_at_any_time(plan, part):
    lr = plan.array()[: int(part * 2000)]
    for detector in (LENGTH, RISE, RESUME, UNUSUAL, NO_DECAY, COOLDOWN):
        finding = found(detector, run(lr, total=2000.0, optimizer="AdamW" if plan.peak < 0.1 else "SGD"))
        assert finding is None or finding.severity == "info"
        if part == 1.0:
            assert finding is None


# SF401


def test_a_cosine_made_for_twice_the_run_is_cut_off():
    finding = found(LENGTH, run(sf.cosine(1e-3, total=4000, warmup=100).array(0, 2000), total=2000.0))
    assert finding.severity == "warning"
    assert finding.evidence["schedule_total"] == pytest.approx(4000, rel=0.01)
    edited = applied(finding.remedies[0].edit, sf.cosine(1e-3, total=4000, warmup=100))
    assert edited.total == 2000


def test_the_same_rates_of_a_run_that_goes_on_are_no_fault():
    assert found(LENGTH, run(sf.cosine(1e-3, total=4000, warmup=100).array(0, 2000), total=4000.0)) is None
    assert found(LENGTH, run(sf.cosine(1e-3, total=4000, warmup=100).array(0, 2000))) is None


def test_a_linear_schedule_that_is_cut_off_is_worth_a_word():
    assert found(LENGTH, run(sf.linear(1e-3, total=4000).array(0, 2000), total=2000.0)).severity == "info"


def test_a_rate_of_zero_for_the_last_third_trains_nothing():
    lr = np.concatenate([sf.linear(1e-3, total=1400).array(), np.zeros(600)])
    finding = found(LENGTH, run(lr))
    assert finding.severity == "warning"
    assert finding.step == pytest.approx(1400, abs=20)


def test_a_floor_that_is_held_for_long_is_worth_a_word():
    lr = np.concatenate([sf.cosine(1e-3, total=1000, floor=0.1).array(), np.full(1000, 1e-4)])
    assert found(LENGTH, run(lr)).severity == "info"


# SF402


def test_a_cosine_stepped_beyond_its_end_climbs_again():
    t = np.arange(2000)
    lr = 1e-3 * 0.5 * (1 + np.cos(np.pi * t / 1400))
    assert found(RISE, run(lr, total=2000.0)).severity == "warning"
    assert found(RISE, run(lr)).severity == "info"
    assert found(RISE, run(lr, total=2000.0)).step == pytest.approx(1400, abs=20)


def test_a_rate_that_jumps_at_a_resume_is_seen_there():
    lr = np.concatenate([sf.cosine(1e-3, total=1000).array(), sf.cosine(1e-3, total=2000).array(1000)])
    finding = found(RISE, run(lr, resumes=(1000.0,)))
    assert (finding.severity, finding.step) == ("warning", 1000)
    assert finding.evidence["after"] == pytest.approx(5e-4, rel=0.01)


@pytest.mark.parametrize("at", [100.0, 1000.0, 1500.0])
def test_a_resume_with_its_schedule_is_no_jump(at):
    for plan in (HEALTHY["cosine"], HEALTHY["restarts"], HEALTHY["wsd"]):
        assert found(RISE, run(plan.array(), resumes=(at + 5,))) is None


# SF403


def resumed(jump, back, lr=None, at=1000):
    lr = np.full(2000, 1e-3) if lr is None else lr
    after = np.maximum(np.arange(2000) - at, 0)
    return run(
        lr, every=1, loss=falling(lr) + np.where(after > 0, jump * np.exp(-after / back), 0), resumes=(float(at),)
    )


def test_a_loss_that_jumps_at_a_resume_and_comes_back_tells_of_a_lost_state():
    finding = found(RESUME, resumed(1.0, 30.0))
    assert (finding.severity, finding.step) == ("warning", 1000)
    assert applied(finding.remedies[1].edit, sf.constant(1e-3, total=2000))(1000) == 0.0


def test_one_that_has_not_come_back_is_worth_a_word():
    assert found(RESUME, resumed(1.0, 1e9)).severity == "info"


def test_a_resume_without_a_jump_or_with_a_rewarm_is_no_fault():
    assert found(RESUME, resumed(0.0, 30.0)) is None
    rewarmed = sf.constant(1e-3, total=2000).rewarm(1000, 100).array()
    assert found(RESUME, resumed(1.0, 30.0, rewarmed)) is None


# SF404


@pytest.mark.parametrize(
    ("optimizer", "kind", "peak", "severity"),
    [
        ("AdamW", "", 1e-3, None),
        ("AdamW", "pretraining", 6e-4, None),
        ("adamw_torch_fused", "fine-tuning", 2e-5, None),
        ("AdamW", "fine-tuning", 1e-3, "info"),
        ("AdamW", "fine-tuning", 5e-3, "warning"),
        ("AdamW", "lora", 1e-3, None),
        ("Adam", "", 0.05, "info"),
        ("Adam", "", 0.5, "warning"),
        ("SGD", "", 0.5, None),
        ("SGD", "", 100.0, "warning"),
        ("Lion", "", 1e-4, None),
        ("Lion", "", 0.1, "warning"),
        ("Prodigy", "", 1.0, None),
        ("DAdaptAdam", "", 1.0, None),
        ("Adafactor", "", 1e-2, None),
        ("AdamW", "", 1.0, None),
        ("AdamW", "", 1e-8, "warning"),
    ],
)
def test_the_usual_rates_depend_on_optimizer_and_kind(optimizer, kind, peak, severity):
    facts = {"optimizer": optimizer, **({"kind": kind} if kind else {})}
    finding = found(UNUSUAL, run(np.full(100, peak), **facts))
    assert (finding and finding.severity) == severity


def test_without_an_optimizer_no_rate_is_unusual():
    assert found(UNUSUAL, run(np.full(100, 50.0))) is None


def test_full_fine_tuning_is_usual_at_ten_to_a_hundred_times_lower_rates():
    assert 10 <= usual_for("adamw", "pretraining").high / usual_for("adamw", "fine-tuning").high <= 100


def test_a_low_rate_is_to_be_measured_not_scaled():
    finding = found(UNUSUAL, run(np.full(100, 1e-9), optimizer="adam"))
    assert all(remedy.edit is None for remedy in finding.remedies)


# SF405


def test_a_finished_run_at_its_peak_has_no_decay():
    lr = sf.constant(1e-3, total=2000, warmup=100).array()
    finding = found(NO_DECAY, run(lr, total=2000.0))
    assert finding.severity == "info"
    assert applied(finding.remedies[0].edit, sf.constant(1e-3, total=2000))(1999) < 1e-4


def test_a_single_zero_in_the_last_row_is_no_decay():
    lr = np.append(np.full(1999, 1e-3), 0.0)
    assert found(NO_DECAY, run(lr, every=1, total=2000.0)).evidence["end_factor"] == 1.0


def test_a_constant_rate_is_no_fault_while_the_run_goes_on_or_averages():
    lr = np.full(2000, 1e-3)
    assert found(NO_DECAY, run(lr)) is None
    assert found(NO_DECAY, run(lr, total=9000.0)) is None
    assert found(NO_DECAY, run(lr, total=2000.0, optimizer="schedule_free_adamw")) is None


# SF406


def test_a_cooldown_without_an_elbow_is_seen():
    lr = sf.wsd(1e-3, total=2000, warmup=100, decay=0.3).array()
    t = np.arange(1, 2001)
    loss = 4.0 - 0.2 * np.log(t) + 0.02 * np.random.default_rng(0).standard_normal(2000)
    finding = found(COOLDOWN, run(lr, loss=loss))
    assert finding.severity == "info"
    assert finding.step == pytest.approx(1400, abs=20)


def test_a_cooldown_with_its_elbow_is_no_fault():
    lr = sf.wsd(1e-3, total=2000, warmup=100, decay=0.3).array()
    assert found(COOLDOWN, run(lr)) is None


# SF407


def test_a_norm_that_grows_without_decay_moves_the_effective_rate():
    norm = np.linspace(10, 50, 2000)
    history = run(np.full(2000, 0.1), extra={"weight_norm": norm}.items(), weight_decay=0.0, optimizer="sgd")
    finding = found(MISFIT, history)
    assert finding.severity == "info"
    assert finding.evidence["moved"] == pytest.approx(1 / 25, rel=0.1)
    assert "never" in finding.message


@pytest.mark.parametrize("facts", [{"weight_decay": 0.1}, {}])
def test_a_norm_that_settles_or_a_decay_that_nobody_knows_is_no_fault(facts):
    norm = 10 + 40 * (1 - np.exp(-np.arange(2000) / 100)) if facts else np.linspace(10, 50, 2000)
    assert found(MISFIT, run(np.full(2000, 0.1), extra={"weight_norm": norm}.items(), **facts)) is None


# SF408


def judged(metric, name="val_accuracy"):
    values = np.full(2000, np.nan)
    values[::200] = metric
    return run(HEALTHY["cosine"].array(), extra={name: values}.items())


def test_a_metric_that_never_moves_while_the_loss_falls_is_seen():
    assert found(METRIC, judged(np.full(10, 0.1))).severity == "warning"
    assert found(METRIC, judged(0.1 + 1e-5 * np.arange(10))).severity == "info"
    assert found(METRIC, judged(np.zeros(10), "val_bleu")).severity == "warning"


@pytest.mark.parametrize(
    ("metric", "name"), [(np.linspace(0.1, 0.8, 10), "val_accuracy"), (np.full(10, 5000.0), "val_examples")]
)
def test_a_metric_that_moves_and_a_column_that_is_none_are_no_fault(metric, name):
    assert found(METRIC, judged(metric, name)) is None


def test_a_flat_metric_beside_a_flat_loss_is_another_trouble():
    values = np.where(np.arange(2000) % 200 == 0, 0.1, np.nan)
    history = run(np.full(2000, 1e-3), loss=np.full(2000, 2.3), extra={"val_accuracy": values}.items())
    assert found(METRIC, history) is None


def table(page):
    lines = [line.strip() for line in page.splitlines()]
    bars = [k for k, line in enumerate(lines) if line.startswith("====")]
    return lines[bars[0] : bars[-1] + 1]


def test_the_table_that_explain_prints_is_the_table_of_typical_rates():
    assert table(sf404_unusual_rate.__doc__) == table(typical.__doc__)
