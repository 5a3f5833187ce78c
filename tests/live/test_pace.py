from surefoot.live.pace import SHARE, Pace


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def judgements(rows, *, cost, each, alarms=()):
    """The rows at which a run is judged whose judgements cost ``cost`` seconds and whose rows take ``each``."""
    clock = Clock()
    pace = Pace(clock)
    found = []
    for row in range(1, rows + 1):
        clock.now += each
        pace.rows = row
        pace.urgent = pace.urgent or row in alarms
        if pace.due():
            found.append(row)
            clock.now += cost
            pace.judged(cost)
    return found


def test_where_time_allows_it_is_judged_every_sixteen_rows_and_later_every_64th_part():
    found = judgements(10_000, cost=0.001, each=1.0)
    assert found[:4] == [16, 32, 48, 64]
    assert found[-1] - found[-2] == 10_000 // 64 - 1 or 140 < found[-1] - found[-2] <= 156


def test_where_no_time_passes_the_judgements_grow_with_the_logarithm_of_the_rows():
    few, many = (len(judgements(rows, cost=1.0, each=0.0)) for rows in (10_000, 100_000))
    assert few < 30
    assert many - few < 12


def test_judging_takes_its_share_of_the_time_and_what_growth_asks_for():
    for each in (1e-4, 1e-3, 1e-2):
        found = judgements(20_000, cost=0.01, each=each)
        floor = len(judgements(20_000, cost=0.01, each=0.0))
        assert len(found) * 0.01 <= 20_000 * each / SHARE + 0.01 * (floor + 1)


def test_an_alarm_is_judged_with_its_own_row():
    assert 5 in judgements(10, cost=1.0, each=0.0, alarms={5})


def test_alarms_without_end_are_judged_ever_more_seldom():
    found = judgements(1000, cost=1.0, each=0.0, alarms=set(range(1, 1001)))
    assert found[:5] == [1, 3, 7, 15, 31]
    assert len(found) < 24


def test_an_alarm_that_had_to_wait_is_not_forgotten():
    found = judgements(40, cost=1.0, each=0.0, alarms={1, 2})
    assert found[:2] == [1, 3]


def test_after_quiet_judgements_an_alarm_is_urgent_again():
    found = judgements(400, cost=1.0, each=0.0, alarms={1, 3, 350})
    assert 350 in found


def test_the_row_at_which_a_finding_is_ripe_is_judged():
    pace = Pace(Clock(), rows=20, last=18, ripe=21)
    assert not pace.due()
    pace.rows = 21
    assert pace.due()
