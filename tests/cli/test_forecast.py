"""surefoot forecast: from logs to a table, a picture, JSON and the chosen schedule."""

import csv
import json

import pytest
from tests.forecasting.made import final, run

import surefoot as sf

WSD = sf.wsd(1e-3, total=4000, warmup=200, decay=0.2, shape="linear")
COSINE = sf.cosine(1e-3, total=4000, warmup=200, floor=0.1)


@pytest.fixture
def logs(line):
    for name, plan, seed in (("hold", WSD, 0), ("cosine", COSINE, 1)):
        history = run(plan, seed=seed)
        with (line.directory / f"{name}.csv").open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(history.names)
            table.writerows(zip(*history.columns.values(), strict=True))
    (line.directory / "hold.json").write_text(WSD.to_json())
    return line


def test_a_table_a_picture_and_the_chosen_schedule(logs):
    out = logs.run("forecast", "hold.csv", "cosine.csv", "--budget", "6000").stdout
    assert "multi-power law" in out
    assert "nine in ten" in out
    assert "Chosen" in out
    assert "WSD, 40 % linear" in out
    text = out.split("JSON")[1].strip()
    assert sf.Schedule.from_json(text).total == 6000


def test_json_has_the_schedules_that_were_asked_for(logs):
    asked = "cosine,linear,constant,wsd,wsd:0.4,wsd:500:linear,hold.json"
    done = logs.run("forecast", "hold.csv", "cosine.csv", "--budget", "4000", "--schedules", asked, "--json")
    data = json.loads(done.stdout)
    assert [one["name"] for one in data["predictions"]] == asked.split(",")
    last = data["predictions"][-1]
    assert sf.Schedule.from_json(json.dumps(last["schedule"])) == WSD
    assert last["loss"] == pytest.approx(final(WSD), abs=0.005)


def test_a_single_run_can_be_carried_on(logs):
    data = json.loads(logs.run("forecast", "hold.csv", "--budget", "8000", "--json").stdout)
    names = [one["name"] for one in data["predictions"]]
    assert any("from step 3200" in name for name in names)
    assert "cosine to 0" in names


def test_files_are_written(logs):
    done = logs.run("forecast", "hold.csv", "--budget", "4000", "--out", "found", "--json")
    folder = logs.directory / "found"
    assert json.loads((folder / "forecast.json").read_text()) == json.loads(done.stdout)
    best = json.loads(done.stdout)["best"]
    chosen = sf.Schedule.from_json((folder / "schedule.json").read_text())
    (same,) = [one for one in json.loads(done.stdout)["predictions"] if one["name"] == best]
    assert json.loads(chosen.to_json()) == same["schedule"]
    assert (folder / "forecast.svg").read_text().startswith("<svg")


def test_the_schedule_of_a_run_can_be_given(logs):
    both = ("--ran", "hold.json")
    data = json.loads(
        logs.run("forecast", "hold.csv", *both, "--budget", "4000", "--schedules", "wsd", "--json").stdout
    )
    assert data["peak"] == 1e-3


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ((), "--budget"),
        (("--budget", "0"), "--budget=0 must be at least 1"),
        (("--budget", "100"), "--warmup=200"),
        (("--budget", "4000", "--schedules", "cubic"), "'cubic' must be cosine"),
        (("--budget", "4000", "--schedules", "wsd:much"), "needs a share"),
        (("--budget", "4000", "--schedules", ","), "names none"),
        (("--budget", "4000", "--law", "magic"), "law='magic' must be one of"),
        (("--budget", "4000", "--loss", "accuracy"), "column='accuracy'"),
        (("--budget", "4000", "--ran", "hold.json", "--ran", "hold.json"), "ran="),
    ],
)
def test_bad_input_is_one_sentence(logs, more, message):
    done = logs.run("forecast", "hold.csv", *more)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_another_peak_is_refused(logs):
    (logs.directory / "high.json").write_text(WSD.with_peak(2e-3).to_json())
    done = logs.run("forecast", "hold.csv", "--budget", "4000", "--schedules", "high.json")
    assert done.returncode == 2
    assert "never choose it" in done.stderr


def test_help_shows_examples(line):
    assert "surefoot forecast run.jsonl --budget 50000" in line.run("forecast", "--help").stdout
