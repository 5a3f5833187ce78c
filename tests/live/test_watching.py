import json
import math
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import surefoot as sf
from surefoot.errors import ArgumentError
from surefoot.live.watching import FEED, LAG, Watch

NUMBERS = st.one_of(st.floats(0, 10), st.sampled_from([math.nan, math.inf, 1e200, 0.0]))
FIELDS = st.fixed_dictionaries({}, optional=dict.fromkeys(("lr", "grad_norm", "val_loss", "epoch"), NUMBERS))
ROWS = st.lists(st.tuples(NUMBERS, FIELDS), max_size=40)


class Device:
    """A device whose work is done up to a reading; a tensor of later work must not be asked for."""

    def __init__(self):
        self.done, self.made, self.asked = -1, 0, 0

    def tensor(self, value):
        tensor = Tensor(self, self.made, value)
        self.made += 1
        return tensor


class Tensor:
    shape = ()

    def __init__(self, device, number, value):
        self.device, self.number, self.value = device, number, value

    def detach(self):
        return self

    def item(self):
        assert self.number <= self.device.done, "a reading was waited for"
        self.device.asked += 1
        return self.value


def readings(rows):
    return [sf.Reading(step, loss, **fields) for step, (loss, fields) in enumerate(rows)]


def plain(findings):
    return [repr(finding.row()) for finding in findings]


def frozen_clock():
    return 0.0


@settings(max_examples=25)
@given(rows=ROWS, looks=st.sets(st.integers(0, 40), max_size=2), late=st.booleans())
def test_whatever_was_asked_meanwhile_the_end_is_the_diagnosis_of_the_finished_run(rows, looks, late):
    watch, device = Watch(), Device()
    device.done = 10**9
    for step, (loss, fields) in enumerate(rows):
        watch(step, device.tensor(loss) if late else loss, **fields)
        if step in looks:
            assert plain(watch.findings) == plain(sf.diagnose(sf.History.of(readings(rows[: step + 1]))))
    assert plain(watch.finish()) == plain(sf.diagnose(sf.History.of(readings(rows))))


@pytest.mark.parametrize("rows", [FEED - 1, FEED, 2 * FEED + 3])
def test_runs_longer_than_a_batch_end_as_the_finished_run(rows):
    found = readings([(1.0 / (k + 1), {"grad_norm": 1.0}) for k in range(rows)] + [(math.nan, {})])
    watch = Watch()
    for reading in found:
        watch.add(reading)
    assert plain(watch.finish()) == plain(sf.diagnose(sf.History.of(found)))
    assert [one.code for one in watch.findings][:1] == ["SF101"]


def test_a_nan_is_returned_with_its_own_reading_and_once():
    watch = Watch(clock=frozen_clock)
    news = [[one.code for one in watch(step, loss)] for step, loss in enumerate([1.0] * 40 + [math.nan] * 5)]
    assert not any("SF101" in codes for codes in news[:40])
    assert "SF101" in news[40]
    assert not any("SF101" in codes for codes in news[41:])
    assert [(one.at, one.finding.code) for one in watch.seen if one.finding.code == "SF101"] == [(40, "SF101")]


def test_what_a_look_found_is_still_returned_by_the_next_reading():
    watch = Watch(clock=frozen_clock)
    heard = []
    watch._on_finding = heard.append
    watch(0, 1.0)
    watch._settle({"step": 1, "loss": math.nan})
    assert watch.findings
    assert heard == list(watch.findings)
    assert watch(2, 1.0) == tuple(heard)


def test_on_finding_is_called_with_each_new_finding():
    heard = []
    watch = sf.watch(on_finding=heard.append)
    news = [one for step, loss in enumerate([1.0, 2.0, math.nan, math.nan]) for one in watch(step, loss)]
    assert heard == news != []


def test_tensors_of_a_device_are_left_alone_until_a_batch_of_later_ones_has_come():
    watch, device = Watch(clock=frozen_clock), Device()
    for step in range(1000):
        device.done = step - LAG
        watch(step, device.tensor(1.0), grad_norm=2.0)
    assert 1000 - 2 * LAG <= device.asked <= 1000 - LAG


def test_the_end_reads_every_tensor_once():
    watch, device = Watch(), Device()
    device.done = 10**9
    for step in range(100):
        watch(step, device.tensor(1.0))
    watch.finish()
    assert device.asked == 100


def test_a_nan_on_a_device_is_found_at_most_two_batches_later():
    watch, device = Watch(clock=frozen_clock), Device()
    device.done = 10**9
    news = [[one.code for one in watch(k, device.tensor(math.nan if k == 70 else 1.0))] for k in range(200)]
    assert 70 + LAG <= min(step for step, codes in enumerate(news) if "SF101" in codes) <= 70 + 2 * LAG


@pytest.mark.parametrize("known", [{"grad_norm": math.nan}, {"val_loss": 1.0}])
def test_an_alarm_or_an_evaluation_known_on_the_host_reads_what_waits(known):
    watch, device = Watch(), Device()
    device.done = 10**9
    for step in range(10):
        watch(step, device.tensor(1.0))
    assert device.asked == 0
    watch(10, device.tensor(1.0), **known)
    assert device.asked == 11


def test_a_real_tensor_is_taken_with_its_graph_left_behind():
    watch = Watch()
    weight = torch.ones((), requires_grad=True)
    for step in range(3):
        watch(step, weight * 2.0, grad_norm=torch.tensor(1.0))
    assert watch._known == [{"step": step, "loss": 2.0, "grad_norm": 1.0} for step in range(3)]


def test_watching_imports_no_torch():
    program = "import sys, surefoot as sf; w = sf.watch(); w(0, 1.0); w.finish(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_log_is_readable_and_holds_every_reading(tmp_path):
    path = tmp_path / "run.jsonl"
    with sf.watch(log=path) as watch:
        watch(0, 2.0, lr=0.1, grad_norm=math.nan, epoch=0.5)
        watch(1, math.nan)
        watch(1, val_loss=1.5)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert rows[0] == {"step": 0, "loss": 2.0, "lr": 0.1, "grad_norm": "nan", "epoch": 0.5}
    assert rows[2] == {"step": 1, "val_loss": 1.5}
    assert plain(sf.diagnose(sf.read(path))) == plain(watch.findings)


def test_each_reading_is_in_the_log_before_the_next(tmp_path):
    watch = sf.watch(log=tmp_path / "run.jsonl")
    for step in range(3):
        watch(step, 1.0)
        assert (tmp_path / "run.jsonl").read_text().count("\n") == step + 1
    watch.finish()


def test_an_evaluation_is_a_reading_without_a_loss():
    watch = sf.watch()
    for step in range(40):
        watch(step, 1.0)
    watch(39, val_loss=1.1, val_accuracy=0.5)
    assert "SF101" not in [one.code for one in watch.finish()]
    with pytest.raises(ArgumentError, match="neither a loss nor a validation value"):
        sf.watch()(0, lr=0.1)


def test_the_schedule_fills_in_the_rate_and_the_optimizer_before_it():
    watch = sf.watch(schedule=sf.cosine(0.1, total=50))
    watch(10, 1.0)
    watch(11, 1.0, lr=7.0)
    assert [row["lr"] for row in watch._known] == [sf.cosine(0.1, total=50)(10), 7.0]


def test_the_facts_reach_the_detectors():
    watch = sf.watch(total=100, optimizer="adamw", batch=32, classes=10)
    facts = {"total": 100.0, "optimizer": "adamw", "batch": 32, "classes": 10}
    rows = readings([(math.log(10), {"lr": 1e-3})] * 80)
    for reading in rows:
        watch.add(reading)
    run = sf.History(sf.History.of(rows).columns, origin=sf.Origin(facts=facts))
    assert plain(watch.finish()) == plain(sf.diagnose(run))
    assert dict(watch._origin.facts) == facts


def test_a_lazy_validation_loss_is_called_for_every_kth_reading_only():
    called = []
    for every, expected in ((None, 0), (4, 3)):
        called.clear()
        watch = sf.watch(evaluate=every)
        for step in range(12):
            watch.add(sf.Reading(step, 1.0, val_loss=lambda: called.append(1) or 2.0))
        assert len(called) == expected


def test_over_yields_what_the_stream_yields_and_closes_it():
    closed = []

    def task():
        try:
            yield from (2.0, sf.Reading(1, 1.0), math.nan, 1.0, 1.0)
        finally:
            closed.append(True)

    watch = sf.watch()
    stream = task()
    said = list(watch.over(stream, stop_on="error"))
    assert len(said) == 3
    assert said[1] == sf.Reading(1, 1.0)
    assert closed
    with pytest.raises(ArgumentError, match="finished"):
        watch(9, 1.0)


def test_over_refuses_a_severity_that_is_none():
    with pytest.raises(ArgumentError, match="'fatal'"):
        list(sf.watch().over([1.0], stop_on="fatal"))


def test_the_verdict_is_that_of_the_run_so_far():
    watch = sf.watch()
    watch(0, 1.0)
    assert watch.verdict() == sf.verdict(watch.findings)
    watch(1, math.nan)
    assert watch.verdict().name == "non-finite"
    assert not watch.verdict().healthy


def test_finishing_twice_is_harmless():
    watch = sf.watch()
    watch(0, math.nan)
    assert watch.finish() == watch.finish()


def test_what_is_kept_does_not_grow_with_the_run():
    watch = Watch(clock=frozen_clock)
    for step in range(3 * FEED):
        watch(step, 1.0)
        assert len(watch._known) < FEED
