from __future__ import annotations

import io
import os
import signal

import pytest
from rich.console import Console

from surefoot.cli.watching import Watched, insistent, panel, watching
from surefoot.curve import Progress
from surefoot.trial import Trial


def told(step, spent, finished=None, stage="1 probe"):
    return Progress(stage, 3e-3, 0.5, step, 50, spent, 400, finished)


def trial(lr, loss=0.5, stage="1 probe"):
    return Trial(lr, 0, 50, 50, loss, stage=stage)


def shown(watched, width=100, height=40):
    console = Console(file=io.StringIO(), force_terminal=True, width=width, height=height, color_system=None)
    console.print(panel(watched, console))
    return console.file.getvalue()


def test_before_the_first_word_it_says_that_it_starts():
    assert "Starting" in shown(Watched())


def test_the_panel_holds_stage_rate_loss_budget_and_time():
    watched = Watched()
    watched.told(told(10, 110))
    watched.told(told(30, 130))
    text = shown(watched)
    for word in ("1 probe", "30/50", "rate 3e-3", "loss 0.5", "130/400 updates", "at most"):
        assert word in text


def test_the_curve_appears_with_the_second_trial_of_a_kind_and_only_where_there_is_room():
    watched = Watched()
    for spent, lr in ((50, 1e-3), (100, 1e-2)):
        watched.told(told(50, spent, trial(lr)))
    assert "So far" in shown(watched)
    assert "So far" not in shown(watched, height=20)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_panel_keeps_to_the_terminal(width):
    watched = Watched()
    watched.told(told(50, 50, trial(1e-3)))
    watched.told(told(10, 60))
    lines = shown(watched, width).splitlines()
    assert max(map(len, lines)) <= width
    assert sum("updates" in line for line in lines) == 1


def test_the_budget_spent_never_falls_within_a_batch():
    watched = Watched()
    seen = []
    for message in (told(20, 20), told(50, 50, trial(1e-3)), told(5, 5), told(50, 50, trial(1e-2)), told(3, 3)):
        watched.told(message)
        seen.append(watched.spent)
    assert seen == [20, 50, 55, 100, 103]


def test_what_a_journal_paid_for_does_not_count_as_speed():
    watched = Watched()
    watched.told(told(1, 201))
    assert watched.base == 200
    assert watched.spent == 201


def test_a_file_gets_a_line_for_each_finished_trial():
    console = Console(file=io.StringIO(), width=60)
    with watching(console) as report:
        report(told(10, 10))
        report(told(50, 50, trial(1e-3)))
    assert console.file.getvalue() == "1 probe: rate 1e-3, loss 0.5, done, 50/400 updates\n"


def test_a_terminal_gets_a_panel_that_is_wiped_at_the_end():
    console = Console(file=io.StringIO(), force_terminal=True, width=100, height=40)
    with watching(console) as report:
        report(told(50, 50, trial(1e-3)))
    text = console.file.getvalue()
    assert "budget" in text
    assert text.rstrip().endswith("\x1b[2K")


def test_an_interrupt_is_raised_again_until_somebody_hears_it():
    before = signal.getsignal(signal.SIGINT)
    with insistent() as check:
        check(told(1, 1))
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            check(told(2, 2))
    assert signal.getsignal(signal.SIGINT) is before
