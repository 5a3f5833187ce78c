import math

import pytest

from surefoot.diagnosis.nouns import Finding
from surefoot.errors import ArgumentError
from surefoot.live.reporting import KEPT, WHILE, Reports, grave


def finding(code="SF104", step=10, severity="warning"):
    return Finding(code, "name", step, severity, 1.0, "It is so.")


def codes(found):
    return [one.code for one in found]


def told(reports, findings, at):
    return reports.told(findings, at, at, at_once=True)


def test_a_finding_is_new_once():
    reports = Reports()
    assert codes(told(reports, [finding()], 20)) == ["SF104"]
    assert told(reports, [finding()], 30) == []


def test_a_finding_that_flickers_is_said_once():
    reports = Reports()
    told(reports, [finding(step=10)], 20)
    told(reports, [], 30)
    assert told(reports, [finding(step=12)], 40) == []


def test_the_same_trouble_later_in_the_run_is_new_again():
    reports = Reports()
    told(reports, [finding(step=10)], 20)
    told(reports, [], 30)
    assert codes(told(reports, [finding(step=35)], 40)) == ["SF104"]


def test_a_finding_whose_beginning_moves_while_it_stands_is_no_new_one():
    reports = Reports()
    told(reports, [finding(step=10)], 20)
    assert told(reports, [finding(step=25)], 30) == []


def test_a_finding_that_turns_graver_is_new_and_one_that_turns_milder_is_not():
    reports = Reports()
    told(reports, [finding(severity="warning")], 20)
    assert codes(told(reports, [finding(severity="error")], 30)) == ["SF104"]
    assert told(reports, [finding(severity="info")], 40) == []


def test_what_is_not_finite_is_told_at_once():
    assert codes(Reports().told([finding("SF101", severity="error")], 5, 5)) == ["SF101"]


@pytest.mark.parametrize(("code", "after"), [("SF102", WHILE), ("SF201", 700 // 7)])
def test_what_may_pass_is_told_when_it_has_stood_for_a_while(code, after):
    reports = Reports()
    ripe = 700 + after
    said = {rows: codes(reports.told([finding(code)], rows, rows)) for rows in (700, ripe - 1, ripe, ripe + 1)}
    assert said == {700: [], ripe - 1: [], ripe: [code], ripe + 1: []}


def test_when_the_next_finding_will_be_ripe_is_known():
    reports = Reports()
    reports.told([finding("SF102", severity="error"), finding("SF301")], 70, 70)
    assert reports.ripe == 70 + WHILE
    reports.told([finding("SF301")], 90, 90)
    assert reports.ripe == 70 + WHILE
    reports.told([finding("SF301")], 102, 102)
    assert reports.ripe == math.inf


def test_a_run_that_is_lost_under_another_name_has_been_lost_all_the_time():
    reports = Reports()
    assert reports.told([finding("SF102", severity="error")], 70, 70) == []
    assert reports.told([finding("SF103", severity="error")], 90, 90) == []
    assert codes(reports.told([finding("SF103", severity="error")], 102, 102)) == ["SF103"]


def test_what_passed_meanwhile_is_not_told_and_begins_to_stand_anew():
    reports = Reports()
    assert reports.told([finding()], 10, 10) == []
    assert reports.told([], 30, 30) == []
    assert reports.told([finding()], 40, 40) == []
    assert reports.told([finding()], 60, 60) == []
    assert codes(reports.told([finding()], 72, 72)) == ["SF104"]


def test_a_later_trouble_of_the_same_kind_waits_too_and_is_told():
    reports = Reports()
    told(reports, [finding(step=10)], 20)
    told(reports, [], 30)
    assert reports.told([finding(step=35)], 40, 40) == []
    assert codes(reports.told([finding(step=35)], 72, 72)) == ["SF104"]
    assert reports.told([finding(step=35)], 80, 80) == []


def test_what_was_said_is_kept_with_the_step_at_which_it_was_said():
    reports = Reports()
    told(reports, [finding("SF102", severity="error")], 20)
    told(reports, [finding("SF104")], 60)
    assert [(one.at, one.finding.code) for one in reports.seen] == [(20, "SF102"), (60, "SF104")]


def test_what_was_said_is_kept_in_bounded_memory():
    reports = Reports()
    for k in range(1, 2 * KEPT):
        told(reports, [finding(step=2 * k)], 2 * k)
        told(reports, [], 2 * k)
    assert len(reports.seen) == KEPT


def test_news_are_handed_out_once():
    reports = Reports()
    told(reports, [finding()], 20)
    assert codes(reports.news()) == ["SF104"]
    assert reports.news() == ()


def test_grave_compares_severities():
    assert grave([finding(severity="error")], "warning")
    assert not grave([finding(severity="warning")], "error")
    with pytest.raises(ArgumentError, match="severity='fatal'"):
        grave([], "fatal")
