from __future__ import annotations

import io
import json
import os
import signal
import threading
import time
from contextlib import nullcontext

import pytest
from rich.console import Console
from rich.live import Live

import surefoot as sf
from surefoot.cli.following import PART, Beat, Said, followed, piped
from surefoot.cli.glance import Glance, finding_lines, line, panel
from surefoot.cli.looking import Looker, Wish, followed_by
from surefoot.errors import FormatError

PATIENCE = 30.0
SILENT = Wish()


def rows(count, start=0, loss=1.0, **more):
    return "".join(
        json.dumps({"step": k, "loss": loss + 1 / (k + 1), **more}) + "\n" for k in range(start, start + count)
    )


def readings(count, bad=()):
    return [sf.Reading(k, float("nan") if k in bad else 1.0 + 1 / (k + 1), lr=0.1) for k in range(count)]


class Story:
    """A beat whose sleeps are the turns of a story: each does what is next to the log, the last ends the watch."""

    def __init__(self, *turns):
        self.turns, self.slept = list(turns), []

    def sleep(self, seconds):
        self.slept.append(seconds)
        if not self.turns:
            raise KeyboardInterrupt
        self.turns.pop(0)()

    def beat(self, **more):
        return Beat(sleep=self.sleep, **more)


def events(path, *turns, **more):
    story = Story(*turns)
    found = []
    stream = (
        event.text if isinstance(event, Said) else len(event) for event in followed(path, None, story.beat(**more))
    )
    with pytest.raises(KeyboardInterrupt):
        found.extend(stream)
    return found, story


def test_a_file_is_read_again_when_it_grows_and_only_then(tmp_path):
    log = tmp_path / "run.jsonl"
    log.write_text(rows(3))
    found, _ = events(log, lambda: None, lambda: log.write_text(rows(5)), lambda: None)
    assert found == [3, 5]


def test_a_file_that_is_not_there_yet_is_waited_for_and_that_is_said_once(tmp_path):
    log = tmp_path / "run.jsonl"
    found, _ = events(log, lambda: None, lambda: log.write_text(rows(3)))
    assert found == [f"Waiting for {log}: it is not there yet.", 3]


@pytest.mark.parametrize("again", [rows(2), rows(9, loss=5.0), rows(1, start=1)])
def test_a_file_that_is_begun_again_is_a_new_run(tmp_path, again):
    log = tmp_path / "run.jsonl"
    log.write_text(rows(5))
    found, _ = events(log, lambda: log.write_text(again))
    assert found == [5, "run.jsonl was begun again: a new run is watched.", again.count("\n")]


def test_a_file_that_is_written_whole_each_time_is_the_same_run(tmp_path):
    log = tmp_path / "run.jsonl"
    log.write_text(rows(5))
    (tmp_path / "next").write_text(rows(8))
    found, _ = events(log, lambda: (tmp_path / "next").rename(log))
    assert found == [5, 8]


def test_a_run_that_is_appended_to_the_same_file_is_the_one_that_is_watched(tmp_path):
    log = tmp_path / "run.jsonl"
    log.write_text(rows(50))
    found, _ = events(log, lambda: log.write_text(rows(50) + rows(3, loss=4.0)))
    assert found == [50, "run.jsonl was begun again: a new run is watched.", 3]


def test_what_cannot_be_read_is_said_once_and_read_again_when_it_changes(tmp_path):
    log = tmp_path / "metrics.csv"
    log.write_text("step,loss\n")
    found, _ = events(log, lambda: log.write_text("step,loss\n\n"), lambda: log.write_text("step,loss\n0,1.5\n"))
    assert len(found) == 2
    assert "metrics.csv" in found[0]
    assert found[1] == 1


def test_a_folder_is_read_again_when_a_file_in_it_changes(tmp_path):
    state = {"global_step": 2, "log_history": [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}]}
    log = tmp_path / "trainer_state.json"
    log.write_text(json.dumps(state))
    state["log_history"].append({"step": 3, "loss": 0.9})
    found, _ = events(tmp_path, lambda: log.write_text(json.dumps(state)))
    assert found == [2, 3]


def test_reading_takes_a_small_part_of_the_time_however_long_it_takes(tmp_path):
    log = tmp_path / "run.jsonl"
    log.write_text(rows(3))
    ticks = iter((0.0, 7.0))
    _, story = events(log, lambda: None, clock=lambda: next(ticks), interval=1.0)
    assert story.slept == [7.0 * PART, 1.0]


def test_a_pipe_is_read_to_its_end():
    read, write = os.pipe()
    found = []
    with os.fdopen(read, "rb") as stream:

        def send():
            with os.fdopen(write, "w") as out:
                for k in range(3):
                    out.write(rows(10, start=10 * k))
                    out.flush()
                    time.sleep(0.05)

        threading.Thread(target=send).start()
        found.extend(len(history) for history in piped(stream, None, Beat(0.02)))
    assert found == sorted(found)
    assert found[-1] == 30


@pytest.mark.parametrize("text", ["", "no log\nat all\n"])
def test_a_pipe_without_a_log_is_an_error(tmp_path, text):
    (tmp_path / "text").write_text(text)
    with (tmp_path / "text").open("rb") as stream, pytest.raises(FormatError):
        list(piped(stream, None, Beat(0.02)))


def looked(histories, wish=SILENT, *, terminal=False, end=False):
    """What is shown of histories one after another, and the exit code."""
    console = Console(file=io.StringIO(), force_terminal=terminal, width=100, height=40, color_system=None)
    live = Live(console=console, auto_refresh=False) if terminal else None
    times = iter(range(0, 1000, 10))

    def story():
        yield from histories
        if not end:
            raise KeyboardInterrupt

    with live or nullcontext():
        code = followed_by(Looker(wish, console, live, Beat(clock=lambda: float(next(times)))), story())
    return code, console.file.getvalue()


def test_elsewhere_than_on_a_terminal_each_look_is_a_line_and_each_finding_is_said_once():
    ill = sf.History.of(readings(40, bad={38, 39}))
    code, text = looked([sf.History.of(readings(20)), ill, ill])
    said = text.splitlines()
    assert code == 130
    assert said[0] == "step 19, loss 1.18, rate 0.1"
    assert said[1].startswith("step 39, loss nan, rate 0.1, speed 2 steps/s")
    assert sum("SF101" in each for each in said) == 1
    assert sum("Try first: " in each for each in said) == 1


def test_until_finding_ends_with_one_at_the_first_error():
    healthy, ill = sf.History.of(readings(20)), sf.History.of(readings(21, bad={20}))
    assert looked([healthy, ill, healthy], Wish(until=True))[0] == 1
    assert looked([healthy, healthy], Wish(until=True), end=True)[0] == 0
    assert looked([healthy, ill], end=True)[0] == 0


def test_json_is_one_object_a_finding_and_nothing_else(capsys):
    _, text = looked([sf.History.of(readings(20)), sf.History.of(readings(21, bad={20}))], Wish(as_json=True))
    assert text == ""
    found = [json.loads(each) for each in capsys.readouterr().out.splitlines()]
    assert [one["code"] for one in found] == ["SF101"]
    assert found[0]["remedies"][0]["rank"] == 1


def test_another_run_is_told_from_its_beginning():
    ill = sf.History.of(readings(21, bad={20}))
    _, text = looked([ill, Said("begun again", anew=True), ill])
    assert text.count("SF101") == 2


def test_a_terminal_gets_a_panel_with_curve_numbers_and_findings():
    _, text = looked([sf.History.of(readings(60)), sf.History.of(readings(90, bad={89}))], terminal=True)
    for word in ("Loss so far", "no finding so far", "SF101 non-finite", "rate", "speed"):
        assert word in text


def test_the_numbers_hold_what_the_log_says_and_no_more():
    facts = sf.Origin(facts={"total": 1000.0})
    made = [sf.Reading(k, 2.0, lr=3e-4, grad_norm=1.25, val_loss=2.5) for k in range(100)]
    history = sf.History(sf.History.of(made).columns, origin=facts)
    glance = Glance(history, (), ((0.0, 0.0), (9.9, 99.0)))
    assert line(glance) == (
        "step 99/1,000, loss 2, validation 2.5, gradient norm 1.25, rate 3e-4, speed 10 steps/s, left 1 min 30 s"
    )


def test_the_speed_is_that_of_the_last_minute():
    glance = None
    for second in range(0, 300, 10):
        step = second if second < 200 else 200 + (second - 200) * 5
        glance = Glance.of(sf.History({"step": [step], "loss": [1.0]}), (), glance, float(second))
    assert glance.speed == pytest.approx(5.0)
    assert len(glance.looks) <= 8


@pytest.mark.parametrize(("width", "height"), [(60, 12), (80, 24), (200, 50)])
def test_the_panel_keeps_to_the_terminal(width, height):
    console = Console(file=io.StringIO(), force_terminal=True, width=width, height=height, color_system=None)
    history = sf.History.of(readings(500, bad={499}))
    console.print(panel(Glance.of(history, sf.diagnose(history), None, 0.0), console))
    shown = console.file.getvalue().splitlines()
    assert max(map(len, shown)) <= width
    assert len(shown) < height


def test_a_finding_without_a_step_or_a_remedy_is_one_line():
    assert finding_lines(sf.Finding("SF503", "sparse rows", None, "info", 1.0, "Too few.")).plain == (
        "SF503 sparse rows, info: Too few."
    )


def test_once_shows_the_diagnosis_and_ends(line):
    (line.directory / "run.jsonl").write_text(rows(40) + '{"step": 40, "loss": "nan"}\n')
    done = line.run("watch", "run.jsonl", "--once")
    assert done.returncode == 0
    assert "SF101" in done.stdout
    assert line.run("watch", "run.jsonl", "--once", "--until-finding").returncode == 1
    found = line.run("watch", "run.jsonl", "--once", "--json").stdout.splitlines()
    assert "SF101" in [json.loads(each)["code"] for each in found]


def test_once_without_a_file_is_bad_input(line):
    done = line.run("watch", "nothing.jsonl", "--once")
    assert done.returncode == 2
    assert "nothing.jsonl" in done.stderr


def test_fields_are_named_by_hand(line):
    (line.directory / "run.csv").write_text("it,cost\n0,2.0\n1,1.5\n2,1.2\n")
    done = line.run("watch", "run.csv", "--once", "--map", "loss=cost", "--map", "step=it")
    assert done.returncode == 0
    assert "1.2" in done.stdout


def test_help_says_how_it_is_used(line):
    said = line.run("watch", "--help").stdout
    for word in ("python train.py | surefoot watch -", "--until-finding", "--interval", "130"):
        assert word in said


def test_control_c_ends_with_a_summary_and_no_traceback(line):
    (line.directory / "run.jsonl").write_text(rows(40))
    process = line.start("watch", "run.jsonl", "--interval", "0.05")
    assert process.stdout.readline().startswith("step 39")
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Signs" in said
    assert "Traceback" not in errors
