"""Replay: the user's own bars come in unchanged, or are refused by file and row."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import history
import numpy as np
import polars as pl
import pytest
from history import COLUMNS, HEADER, WHOLE, document, sp500

import simcore
from simcore.backtests.run import run_strategy
from simcore.errors import SpecError
from simcore.problems import Problem
from simcore.scenario.document import effective, for_campaign, load
from simcore.scenario.manifest import generate_with_manifest
from simcore.scenario.source import PROBLEMS_MAX


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bars.csv").write_text(WHOLE)
    return tmp_path


def refused(path: str | Path, timeframe: str = "1d", **source: Any) -> list[Problem]:
    return history.refused(document(path, timeframe, **source))


def refused_rows(folder: Path, *rows: str) -> list[tuple[str, str]]:
    path = folder / "rows.csv"
    path.write_text("\n".join([HEADER, *rows, ""]))
    return [(each.reason, each.message.partition("rows.csv: ")[2]) for each in refused(path)]


class TestBars:
    def test_come_in_as_they_are(self, folder: Path) -> None:
        bars = simcore.generate(document(folder / "bars.csv"))
        assert bars["open"].to_list() == [10.0, 11.0, 12.0]
        assert bars["high"].to_list() == [12.0, 13.0, 14.0]
        assert bars["low"].to_list() == [9.0, 10.0, 11.0]
        assert bars["close"].to_list() == [11.0, 12.0, 13.0]
        assert bars["volume"].to_list() == [5.0, 6.0, 0.0]
        dates = bars["ts"].cast(pl.Datetime("ns")).dt.strftime("%Y-%m-%dT%H:%M")
        assert dates.to_list() == ["2020-01-02T00:00", "2020-01-03T00:00", "2020-01-06T00:00"]

    def test_of_twenty_years_are_bit_equal_to_the_file(self, tmp_path: Path) -> None:
        bars = simcore.generate(document(sp500()))
        raw = pl.read_csv(sp500())
        assert bars.height == raw.height == 5031
        for ours, theirs in COLUMNS.items():
            if ours != "ts":
                expected = raw[theirs].cast(pl.Float64).to_numpy()
                assert np.array_equal(bars[ours].to_numpy(), expected), ours
        days = raw["Date"].str.to_date("%m/%d/%Y")
        assert bars["ts"].cast(pl.Datetime("ns")).dt.date().equals(days)

    def test_are_the_same_from_csv_and_from_parquet(self, tmp_path: Path) -> None:
        raw = pl.read_csv(sp500()).with_columns(pl.col("Date").str.to_date("%m/%d/%Y"))
        raw.write_csv(tmp_path / "iso.csv")
        raw.write_parquet(tmp_path / "dates.parquet")
        times = pl.col("Date").cast(pl.Datetime("ms", "UTC"))
        raw.with_columns(times).write_parquet(tmp_path / "times.parquet")
        paths = [
            sp500(),
            tmp_path / "iso.csv",
            tmp_path / "dates.parquet",
            tmp_path / "times.parquet",
        ]
        manifests = [simcore.scenario_manifest(document(path)) for path in paths]
        assert len({each["dataset_hash"] for each in manifests}) == 1
        assert len({each["scenario_hash"] for each in manifests}) == 1

    def test_of_a_calendar_state_their_year_and_others_infer_it(self) -> None:
        daily = document(sp500())
        stated = simcore.scenario_manifest({**daily, "calendar": "us_equity"})
        assert (stated["A"], stated["a_inferred"]) == (252.0, False)
        given = {**daily, "params": {**daily["params"], "bars_per_year": 250}}
        assert simcore.scenario_manifest(given)["A"] == 250.0
        inferred = simcore.scenario_manifest(daily)
        span_s = (np.datetime64("2018-12-31") - np.datetime64("1999-01-04")).astype(int) * 86_400
        assert inferred["a_inferred"]
        assert inferred["A"] == pytest.approx(5030 * 31_557_600 / span_s)

    def test_an_inferred_year_is_told_by_every_run(self, folder: Path) -> None:
        strategy = simcore.compile_strategy(
            {**simcore.compile_strategy("buy_and_hold").document, "timeframe": "1d"}
        )
        daily = document(folder / "bars.csv")
        for scenario, is_told in ((daily, True), ({**daily, "calendar": "us_equity"}, False)):
            bars, manifest = generate_with_manifest(load(scenario))
            runs, *_ = run_strategy(strategy, [(manifest, bars)], "honest_v1", 10_000.0)
            assert ("A_INFERRED" in runs["flags"][0].split(" ")) == is_told


class TestScenario:
    def test_has_the_length_of_its_file_whatever_a_campaign_says(self, folder: Path) -> None:
        scenario = for_campaign(load(document(folder / "bars.csv")), 30)
        assert effective(scenario)["duration_bars"] == 3

    def test_holds_the_hash_of_the_bars_and_not_the_path(self, folder: Path) -> None:
        (folder / "copy.csv").write_text(WHOLE.replace("2020-01-02", "2020-01-02 00:00:00"))
        first, second = (
            effective(load(document(folder / name))) for name in ("bars.csv", "copy.csv")
        )
        assert first == second
        assert "source" not in first["params"]
        (folder / "copy.csv").write_text(WHOLE.replace("12,9", "12.5,9"))
        assert effective(load(document(folder / "copy.csv")))["source_hash"] != first["source_hash"]

    def test_finds_its_file_beside_its_document(self, folder: Path) -> None:
        (folder / "scenarios").mkdir()
        text = (
            'version = "0.1.0"\nid = "history"\nfamily = "replay"\ntimeframe = "1d"\nseed = 0\n'
            '[params]\nsource = { path = "../bars.csv", timezone = "UTC", columns = { ts = "Date", '
            'open = "Open", high = "High", low = "Low", close = "Close", volume = "Volume" } }\n'
        )
        (folder / "scenarios" / "history.toml").write_text(text)
        assert simcore.generate("history", home=folder).height == 3
        assert simcore.generate(folder / "scenarios" / "history.toml").height == 3

    def test_needs_a_source_with_every_column(self, folder: Path) -> None:
        bare = document(folder / "bars.csv")
        with pytest.raises(SpecError) as error:
            load({**bare, "params": {}})
        assert [(each.reason, each.path) for each in error.value.problems] == [
            ("MISSING_FIELD", "/params/source")
        ]
        problems = refused("bars.csv", columns={"ts": "Date", "opne": "Open"})
        assert {(each.reason, each.path) for each in problems} >= {
            ("UNKNOWN_FIELD", "/params/source/columns/opne"),
            ("MISSING_FIELD", "/params/source/columns/close"),
        }


class TestFiles:
    def test_that_are_missing_or_no_table_are_named(self, folder: Path) -> None:
        problem = refused(folder / "none.csv")[0]
        assert (problem.reason, problem.path) == ("FILE_MISSING", "/params/source/path")
        assert "none.csv: No such file" in problem.message
        assert refused(folder / "bars.xlsx")[0].reason == "BAD_FORMAT"
        (folder / "torn.parquet").write_bytes(b"PAR1")
        assert refused(folder / "torn.parquet")[0].reason == "BAD_FORMAT"
        (folder / "ragged.csv").write_text(f"{HEADER}\n2020-01-02,1,2,1,1,1,1,1\n")
        assert refused(folder / "ragged.csv")[0].reason == "BAD_FORMAT"
        (folder / "empty.csv").write_text("")
        assert refused(folder / "empty.csv")[0].reason == "BAD_FORMAT"

    def test_of_fewer_than_two_rows_are_refused(self, folder: Path) -> None:
        (folder / "one.csv").write_text("\n".join(WHOLE.splitlines()[:2]) + "\n")
        assert refused(folder / "one.csv")[0].reason == "OUT_OF_RANGE"

    def test_that_changed_are_refused_once_their_hash_is_stated(self, folder: Path) -> None:
        right = sha256(WHOLE.encode()).hexdigest()
        assert load(document(folder / "bars.csv", sha256=right)).source is not None
        problem = refused(folder / "bars.csv", sha256="0" * 64)[0]
        assert (problem.reason, problem.path) == ("HASH_MISMATCH", "/params/source/sha256")
        assert f"got {right}, expected {'0' * 64}" in problem.message
        assert refused(folder / "bars.csv", sha256="abc")[0].reason == "BAD_FORMAT"

    def test_lacking_columns_are_refused_with_all_of_them_and_the_nearest(
        self, folder: Path
    ) -> None:
        columns = {**COLUMNS, "ts": "Dat", "volume": "Turnover"}
        problems = refused(folder / "bars.csv", columns=columns)
        assert [(each.reason, each.path) for each in problems] == [
            ("COLUMN_MISSING", "/params/source/columns/ts"),
            ("COLUMN_MISSING", "/params/source/columns/volume"),
        ]
        assert problems[0].hints[0].text == 'did you mean "Date"?'
        assert "expected one of Date, Open, High, Low, Close, Volume" in problems[1].message

    def test_much_finer_than_their_timeframe_are_refused(self, folder: Path) -> None:
        (folder / "hours.csv").write_text(
            f"{HEADER}\n2020-01-02 00:00,1,1,1,1,1\n2020-01-02 01:00,1,1,1,1,1\n"
        )
        assert load(document(folder / "hours.csv", "1h")).source is not None
        assert refused(folder / "hours.csv", "1d")[0].reason == "TIMEFRAME_MISMATCH"


class TestRows:
    SOUND = "2020-01-02,10,12,9,11,5"

    @pytest.mark.parametrize(
        ("row", "reason", "message"),
        [
            ("2020-01-03,10,12,9,NaN,5", "NAN_PRICE",
             "row 2, column \"Close\": got 'NaN', expected a finite number"),
            ("2020-01-03,10,12,9,,5", "NAN_PRICE",
             'row 2, column "Close": got nothing, expected a finite number'),
            ("2020-01-03,10,inf,9,11,5", "NAN_PRICE",
             "row 2, column \"High\": got 'inf', expected a finite number"),
            ("2020-01-03,10,12,9,11,nan", "NAN_VOLUME",
             "row 2, column \"Volume\": got 'nan', expected a finite number"),
            ("2020-01-03,10,12,nine,11,5", "NOT_A_NUMBER",
             "row 2, column \"Low\": got 'nine', expected a finite number"),
            ("2020-01-02,10,12,9,11,5", "DUPLICATE_TS",
             'row 2, column "Date": got 2020-01-02T00:00:00Z again, '
             "expected it once (row 1 has it)"),
            ("2020-01-01,10,12,9,11,5", "UNSORTED_TS",
             'row 2, column "Date": got 2020-01-01T00:00:00Z, '
             "expected a time after 2020-01-02T00:00:00Z of row 1"),
            ("yesterday,10,12,9,11,5", "BAD_TIMESTAMP",
             "row 2, column \"Date\": got 'yesterday', "
             "expected a date or time such as 2020-01-31 or 2020-01-31T09:30:00"),
            (",10,12,9,11,5", "BAD_TIMESTAMP", None),
            ("2020-02-30,10,12,9,11,5", "BAD_TIMESTAMP", None),
            ("2020-01-03,10,10.5,9,11,5", "HIGH_BELOW_BODY",
             'row 2, column "High": got 10.5, expected at least 11.0'),
            ("2020-01-03,10,12,10.5,11,5", "LOW_ABOVE_BODY",
             'row 2, column "Low": got 10.5, expected at most 10.0'),
            ("2020-01-03,10,12,0,11,5", "PRICE_NOT_POSITIVE",
             'row 2, column "Low": got 0.0, expected a price above 0'),
            ("2020-01-03,10,12,9,11,-1", "NEGATIVE_VOLUME",
             'row 2, column "Volume": got -1.0, expected 0 or more'),
        ],
    )  # fmt: skip
    def test_that_no_market_made_are_refused_by_number(
        self, folder: Path, row: str, reason: str, message: str | None
    ) -> None:
        found = refused_rows(folder, self.SOUND, row)
        assert [each[0] for each in found] == [reason]
        assert message is None or found[0][1] == message

    def test_are_all_reported_in_order_and_counted_beyond_twenty(self, folder: Path) -> None:
        rows = [f"2020-01-{day:02d},10,12,9,x,-1" for day in range(1, 31)]
        found = refused_rows(folder, *rows)
        assert len(found) == PROBLEMS_MAX + 1
        assert [message.split(",")[0] for _, message in found[:4]] == ["row 1"] * 2 + ["row 2"] * 2
        assert found[-1] == ("MORE", "and 40 more")

    def test_out_of_order_are_found_after_the_row_before_not_the_latest(self, folder: Path) -> None:
        rows = [f"2020-01-{day:02d},10,12,9,11,5" for day in (1, 5, 2, 3, 3)]
        assert [reason for reason, _ in refused_rows(folder, *rows)] == [
            "UNSORTED_TS",
            "DUPLICATE_TS",
        ]


class TestTimes:
    def ts(self, folder: Path, timezone: str, *times: str) -> list[str]:
        rows = [f"{time},1,1,1,1,1" for time in times]
        (folder / "times.csv").write_text("\n".join([HEADER, *rows, ""]))
        bars = simcore.generate(document(folder / "times.csv", "1h", timezone=timezone))
        return bars["ts"].cast(pl.Datetime("ns")).dt.strftime("%Y-%m-%dT%H:%M:%S").to_list()

    @pytest.mark.parametrize(
        ("timezone", "times", "expected"),
        [
            ("UTC", ("2020-01-02 09:30", "2020-01-02 10:30"), ("2020-01-02T09:30:00", "10:30")),
            ("UTC", ("2020-01-02T09:30:00.5", "2020-01-03T09:30"), ("2020-01-02T09:30:00", "09")),
            ("America/New_York", ("2020-01-02", "2020-07-02"), ("2020-01-02T05:00:00", "04:00")),
            ("America/New_York", ("2020-01-02T09:30:00Z", "2020-01-03T09:30:00+00:00"),
             ("2020-01-02T09:30:00", "09:30")),
            ("America/New_York", ("2020-01-02T09:30:00-05:00", "2020-07-03T09:30:00-0400"),
             ("2020-01-02T14:30:00", "13:30")),
            ("UTC", ("2020-01-02T09:30:00+02:00", "2020-01-03T09:30:00+02:00"),
             ("2020-01-02T07:30:00", "07:30")),
            ("Asia/Tokyo", ("20200102", "20200103"), ("2020-01-01T15:00:00", "15:00")),
            ("UTC", ("1/31/2020", "2/1/2020"), ("2020-01-31T00:00:00", "02-01")),
            ("UTC", ("31/1/2020", "1/2/2020"), ("2020-01-31T00:00:00", "02-01")),
        ],
    )  # fmt: skip
    def test_are_read_on_the_stated_clock(
        self, folder: Path, timezone: str, times: tuple[str, str], expected: tuple[str, str]
    ) -> None:
        first, second = self.ts(folder, timezone, *times)
        assert first == expected[0]
        assert expected[1] in second

    def test_that_the_clock_skips_or_has_twice_are_refused(self, folder: Path) -> None:
        (folder / "dst.csv").write_text(
            f"{HEADER}\n2020-03-08 02:30:00,1,1,1,1,1\n2020-11-01 01:30:00,1,1,1,1,1\n"
        )
        problems = refused(folder / "dst.csv", "1h", timezone="America/New_York")
        assert [each.reason for each in problems] == ["BAD_TIMESTAMP", "BAD_TIMESTAMP"]
        assert "a time that America/New_York has once" in problems[0].message

    @pytest.mark.parametrize(
        ("times", "row", "expected"),
        [
            (("2020-01-02 09:30:00", "2020-01-03T09:30:00Z"), 2, "without an offset, as row 1"),
            (("2020-01-02T14:30:00-05:00", "2020-01-03 09:30:00"), 2, "with an offset, as row 1"),
            (("2020-01-02T14:30:00Z", "2020-01-03 09:30:00"), 2, "the offset +0000 of row 1"),
            (("2020-01-02T09:30:00Z", "2020-01-03T09:30:00+02:00"), 2, "+0000 of row 1, or every"),
            # New York has -05:00 in January, so this is another zone's.
            (("2020-07-02T09:30:00-04:00", "2021-01-03T09:30:00-04:30"), 2, "of America/New_York"),
        ],
    )  # fmt: skip
    def test_of_mixed_zones_are_refused(
        self, folder: Path, times: tuple[str, str], row: int, expected: str
    ) -> None:
        rows = [f"{time},1,1,1,1,1" for time in times]
        (folder / "mixed.csv").write_text("\n".join([HEADER, *rows, ""]))
        problems = refused(folder / "mixed.csv", "1h", timezone="America/New_York")
        assert [each.reason for each in problems] == ["MIXED_TIMEZONES"]
        assert f"row {row}" in problems[0].message
        assert expected in problems[0].message

    def test_that_do_not_say_which_is_the_month_are_refused(self, folder: Path) -> None:
        found = refused_rows(folder, "1/2/2020,1,1,1,1,1", "3/2/2020,1,1,1,1,1")
        assert [reason for reason, _ in found] == ["BAD_TIMESTAMP", "BAD_TIMESTAMP"]

    def test_beyond_sixty_four_bits_of_nanoseconds_are_refused(self, folder: Path) -> None:
        found = refused_rows(folder, "1600-01-01,1,1,1,1,1", "2300-01-01,1,1,1,1,1")
        assert [reason for reason, _ in found] == ["BAD_TIMESTAMP", "BAD_TIMESTAMP"]

    def test_as_bare_numbers_are_refused(self, folder: Path) -> None:
        frame = pl.read_csv(folder / "bars.csv").with_columns(Date=pl.Series([1, 2, 3]))
        frame.write_parquet(folder / "epoch.parquet")
        assert refused(folder / "epoch.parquet")[0].reason == "BAD_TIMESTAMP"

    def test_of_an_unknown_zone_are_refused(self, folder: Path) -> None:
        problem = refused(folder / "bars.csv", timezone="America/Nwe_York")[0]
        assert (problem.reason, problem.path) == ("UNKNOWN_TIMEZONE", "/params/source/timezone")
