"""Bars of a real exchange: sessions, half days and daylight saving are known, the rest refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import history
import numpy as np
import polars as pl
import pytest
from history import HEADER, document, sp500, with_params

import simcore
from simcore.errors import SpecError
from simcore.scenario.document import load
from simcore.scenario.exchange import BadExchangeError, sessions

DAY_NS = 86_400_000_000_000
HOUR_NS = DAY_NS // 24


def ns(text: str) -> int:
    return int(np.datetime64(text, "ns").astype(np.int64))


@pytest.fixture
def written(tmp_path: Path) -> Any:
    def write(*times: str) -> Path:
        rows = [f"{time},1,1,1,1,1" for time in times]
        (tmp_path / "bars.csv").write_text("\n".join([HEADER, *rows, ""]))
        return tmp_path / "bars.csv"

    return write


def new_york(path: Path, timeframe: str) -> dict[str, Any]:
    return document(path, timeframe, timezone="America/New_York", exchange="XNYS")


def times(scenario: dict[str, Any], column: str) -> list[str]:
    stamps = simcore.generate(scenario)[column].cast(pl.Datetime("ns"))
    return stamps.dt.strftime("%m-%d %H:%M").to_list()


class TestDays:
    def test_open_and_close_with_their_session_in_winter_summer_and_on_half_days(
        self, written: Any
    ) -> None:
        # Winter, the Monday after the clocks changed, and the day after Thanksgiving.
        scenario = new_york(written("2019-03-08", "2019-03-11", "2019-11-29"), "1d")
        assert times(scenario, "ts") == ["03-08 14:30", "03-11 13:30", "11-29 14:30"]
        assert times(scenario, "known_at") == ["03-08 21:00", "03-11 20:00", "11-29 18:00"]

    def test_of_any_clock_are_the_same_market(self, written: Any, tmp_path: Path) -> None:
        in_new_york = simcore.generate(new_york(written("2019-03-08", "2019-03-11"), "1d"))
        in_utc = document(
            written("2019-03-08 14:30", "2019-03-11 13:30"), "1d", exchange="XNYS"
        )  # fmt: skip
        assert simcore.generate(in_utc).equals(in_new_york)

    def test_without_a_session_are_refused_by_row(self, written: Any) -> None:
        # A Saturday, Independence Day, and a time of night.
        path = written("2019-07-03", "2019-07-04", "2019-07-05", "2019-07-06", "2019-07-08 03:00")
        problems = history.refused(new_york(path, "1d"))
        assert [each.reason for each in problems] == ["OUTSIDE_HOURS"] * 3
        assert [each.message.split("row ")[1][0] for each in problems] == ["2", "4", "5"]
        assert problems[0].message.endswith(
            'row 2, column "Date": got 2019-07-04T04:00:00Z, expected a time at which XNYS is open'
        )

    def test_of_one_session_are_there_once(self, written: Any) -> None:
        path = written("2019-07-03", "2019-07-03 10:00")
        assert [each.reason for each in history.refused(new_york(path, "1d"))] == ["DUPLICATE_TS"]

    def test_that_are_missing_are_named(self, written: Any) -> None:
        # The fourth is a holiday, the sixth and seventh a weekend.
        path = written("2019-07-02", "2019-07-05", "2019-07-09", "2019-07-12")
        manifest = simcore.scenario_manifest(new_york(path, "1d"))
        quality = json.loads(manifest["quality"])
        first = ["2019-07-03", "2019-07-08", "2019-07-10", "2019-07-11"]
        assert quality["missing"] == {"bars": 4, "sessions": 4, "first": first}
        assert (quality["exchange"], quality["calendar"]) == ("XNYS", None)

    def test_of_twenty_years_all_fall_into_sessions_and_none_lacks(self) -> None:
        scenario = document(sp500(), exchange="XNYS")
        manifest = simcore.scenario_manifest(scenario)
        assert json.loads(manifest["quality"])["missing"]["bars"] == 0
        # 5,031 sessions in twenty years.
        assert (manifest["A"], manifest["a_inferred"]) == (5031 / 20, False)
        stated = with_params(scenario, bars_per_year=252)
        assert simcore.scenario_manifest(stated)["A"] == 252.0


class TestHours:
    def test_end_with_the_session_or_the_pause(self, written: Any) -> None:
        path = written("2019-11-29 09:30", "2019-11-29 10:30", "2019-11-29 12:30")
        scenario = new_york(path, "1h")
        # Half a day: New York closes at 13:00, which is 18:00 UTC.
        assert times(scenario, "known_at") == ["11-29 15:30", "11-29 16:30", "11-29 18:00"]
        path = written("2019-07-03 11:30", "2019-07-03 13:00", "2019-07-03 15:30")
        scenario = document(path, "1h", timezone="Asia/Hong_Kong", exchange="XHKG")
        assert times(scenario, "known_at") == ["07-03 04:00", "07-03 06:00", "07-03 08:00"]

    @pytest.mark.parametrize(
        ("exchange", "timezone", "time"),
        [
            ("XNYS", "America/New_York", "2019-11-29 09:00"),
            ("XNYS", "America/New_York", "2019-11-29 13:00"),
            ("XNYS", "America/New_York", "2019-11-28 12:00"),
            ("XNYS", "UTC", "2019-07-03 20:00"),
            ("XHKG", "Asia/Hong_Kong", "2019-07-03 12:30"),
        ],
    )
    def test_outside_are_refused(
        self, written: Any, exchange: str, timezone: str, time: str
    ) -> None:
        path = written("2019-07-02 15:00", time)
        scenario = document(path, "1h", timezone=timezone, exchange=exchange)
        assert [each.reason for each in history.refused(scenario)] == ["OUTSIDE_HOURS"]

    def test_that_are_missing_are_counted_by_session(self, written: Any) -> None:
        # Of 3 July, a half day of four hours, two; all of the fifth; the ends are not judged.
        path = written(
            "2019-07-02 15:30", "2019-07-03 09:30", "2019-07-03 12:30", "2019-07-08 09:30"
        )  # fmt: skip
        quality = json.loads(simcore.scenario_manifest(new_york(path, "1h"))["quality"])
        first = ["2019-07-03", "2019-07-05"]
        assert quality["missing"] == {"bars": 2 + 7, "sessions": 1, "first": first}

    def test_of_a_year_are_those_of_its_sessions(self) -> None:
        year = sessions("XNYS", ns("2019-02-01"), ns("2019-03-01"))
        # 252 sessions, of which three close at 13:00.
        assert year.bars_per_year(DAY_NS) == 252
        assert year.bars_per_year(HOUR_NS) == 249 * 7 + 3 * 4
        assert year.bars_per_year(HOUR_NS // 60) == 249 * 390 + 3 * 210
        assert sessions("XHKG", ns("2019-02-01"), ns("2019-03-01")).bars(HOUR_NS)[0] == 3 + 3


class TestExchanges:
    def test_that_are_not_known_are_refused_with_the_nearest(self) -> None:
        problem = history.refused(document(sp500(), exchange="XNYC"))[0]
        assert (problem.reason, problem.path) == ("UNKNOWN_EXCHANGE", "/params/source/exchange")
        assert 'got "XNYC"' in problem.message
        with pytest.raises(BadExchangeError, match="1980 to 1981"):
            sessions("XTKS", ns("1980-01-01"), ns("1981-01-01"))

    def test_leave_no_room_for_another_calendar(self) -> None:
        scenario = {**document(sp500(), exchange="XNYS"), "calendar": "us_equity"}
        problem = history.refused(scenario)[0]
        assert (problem.reason, problem.path) == ("CONFLICT", "/calendar")
        drawn = history.bootstrap(sp500(), 200)
        drawn["params"]["source"]["exchange"] = "XNYS"
        assert load({**drawn, "calendar": "us_equity"}).source is not None

    def test_are_looked_up_only_when_they_are_named(self) -> None:
        import subprocess
        import sys

        code = (
            "import sys, simcore, simcore.scenario.document\n"
            "print(sorted({'exchange_calendars', 'pandas'} & set(sys.modules)))"
        )
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        assert done.stdout.strip() == b"[]"


def test_a_file_without_one_readable_time_is_refused_for_its_rows(written: Any) -> None:
    with pytest.raises(SpecError) as error:
        load(new_york(written("soon", "later"), "1d"))
    assert {each.reason for each in error.value.problems} == {"BAD_TIMESTAMP"}
