import pytest

from surefoot.diagnosis.nouns import Finding
from surefoot.errors import ArgumentError
from surefoot.live.reporting import KEPT, Reports, grave


def finding(code="SF104", step=10, severity="warning"):
    return Finding(code, "name", step, severity, 1.0, "It is so.")


def codes(found):
    return [one.code for one in found]


def test_a_finding_is_new_once():
    reports = Reports()
    assert codes(reports.told([finding()], 20)) == ["SF104"]
    assert reports.told([finding()], 30) == []


def test_a_finding_that_flickers_is_said_once():
    reports = Reports()
    reports.told([finding(step=10)], 20)
    reports.told([], 30)
    assert reports.told([finding(step=12)], 40) == []


def test_the_same_trouble_later_in_the_run_is_new_again():
    reports = Reports()
    reports.told([finding(step=10)], 20)
    reports.told([], 30)
    assert codes(reports.told([finding(step=35)], 40)) == ["SF104"]


def test_a_finding_that_turns_graver_is_new_and_one_that_turns_milder_is_not():
    reports = Reports()
    reports.told([finding(severity="warning")], 20)
    assert codes(reports.told([finding(severity="error")], 30)) == ["SF104"]
    assert reports.told([finding(severity="info")], 40) == []


def test_what_was_said_is_kept_with_the_step_at_which_it_was_said():
    reports = Reports()
    reports.told([finding("SF102", severity="error")], 20)
    reports.told([finding("SF104")], 60)
    assert [(one.at, one.finding.code) for one in reports.seen] == [(20, "SF102"), (60, "SF104")]


def test_what_was_said_is_kept_in_bounded_memory():
    reports = Reports()
    for k in range(2 * KEPT):
        reports.told([finding(step=2 * k)], 2 * k)
        reports.told([], 2 * k)
    assert len(reports.seen) == KEPT


def test_news_are_handed_out_once():
    reports = Reports()
    reports.told([finding()], 20)
    assert codes(reports.news()) == ["SF104"]
    assert reports.news() == ()


def test_grave_compares_severities():
    assert grave([finding(severity="error")], "warning")
    assert not grave([finding(severity="warning")], "error")
    with pytest.raises(ArgumentError, match="severity='fatal'"):
        grave([], "fatal")
