"""Files that no reader should trust: each is read or refused by code, place and range."""

from __future__ import annotations

import gzip
import io
import os
import random
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import history
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from history import COLUMNS, HEADER, WHOLE, document

import simcore
from simcore.errors import EngineError, SpecError
from simcore.problems import Problem
from simcore.scenario import source_file
from simcore.scenario.document import load

ROW = "2020-01-02,10,12,9,11,5"
LATER = "2020-01-03,10,12,9,11,5"


def refused(path: Path, **source: Any) -> Problem:
    return history.refused(document(path, **source))[0]


@pytest.mark.parametrize(
    ("text", "reason", "place", "found"),
    [
        ("", "BAD_FORMAT", "path", "empty CSV"),
        ("\n\n\n", "BAD_FORMAT", "path", "expected CSV with a header"),
        (f"{HEADER}\n", "OUT_OF_RANGE", "path", "got 0 rows, expected 2 to 5000000 rows"),
        (f"{HEADER}\n{ROW}\n", "OUT_OF_RANGE", "path", "got 1 rows, expected 2 to 5000000 rows"),
        (f"{HEADER}\n{ROW},1\n{LATER}\n", "BAD_FORMAT", "path", "more fields"),
        (f'{HEADER}\n{ROW}\n"{LATER}\n', "BAD_FORMAT", "path", "a quote is opened and never"),
        (f"{HEADER},Close\n{ROW},1\n", "COLUMN_TWICE", "columns/close", 'column "Close" is there'),
        ("Time,Open,High,Low,Close,Volume\n", "COLUMN_MISSING", "columns/ts", "expected one of T"),
        (f"{HEADER}\n{ROW}\n{ROW}\n", "DUPLICATE_TS", "path", "row 2"),
        (f"{HEADER}\n{LATER}\n{ROW}\n", "UNSORTED_TS", "path", "row 2"),
        (f"{HEADER}\n{ROW}\n2020-01-03T00:00:00Z,1,1,1,1,1\n", "MIXED_TIMEZONES", "path", "row 2"),
        (f"{HEADER}\n{ROW}\n2020-01-03,1,1,0,1,1\n", "PRICE_NOT_POSITIVE", "path", "above 0"),
        (f"{HEADER}\n{ROW}\n2020-01-03,1,1,-2,1,1\n", "PRICE_NOT_POSITIVE", "path", "got -2.0"),
        (f"{HEADER}\n{ROW}\n2020-01-03,1,1,1,1,-1\n", "NEGATIVE_VOLUME", "path", "0 or more"),
    ],
)  # fmt: skip
def test_every_bad_file_has_its_code_its_place_and_what_was_expected(
    tmp_path: Path, text: str, reason: str, place: str, found: str
) -> None:
    (tmp_path / "bad.csv").write_text(text)
    problem = refused(tmp_path / "bad.csv")
    assert (problem.reason, problem.path) == (reason, f"/params/source/{place}")
    assert found in problem.message


class TestBytes:
    def test_are_read_once_so_that_what_is_hashed_is_what_is_parsed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "bars.csv"
        path.write_text(WHOLE)
        opened: Callable[..., Any] = Path.open

        def changed_once_read(self: Path, mode: str = "r", *given: Any, **named: Any) -> Any:
            if self != path or mode != "rb":
                return opened(self, mode, *given, **named)
            file = io.BytesIO(opened(self, mode).read())
            path.write_bytes(WHOLE.replace("13,0", "13.5,0").encode())
            return file

        with monkeypatch.context() as patch:
            patch.setattr(Path, "open", changed_once_read)
            scenario = load(document(path, sha256=sha256(WHOLE.encode()).hexdigest()))
        assert scenario.source is not None
        assert scenario.source.columns["close"][-1] == 13.0
        assert load(document(path)).source is not None
        problem = refused(path, sha256=sha256(WHOLE.encode()).hexdigest())
        assert problem.reason == "HASH_MISMATCH"

    def test_beyond_a_bound_are_refused_packed_or_not(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def kept(reason: str, message: str, field: str) -> Problem:
            return Problem("DOC_INVALID", reason, message, field)

        (tmp_path / "bars.csv").write_text(WHOLE)
        with gzip.open(tmp_path / "bomb.csv.gz", "wb") as file:
            file.write(b"1" * 10_000_000)
        assert (tmp_path / "bomb.csv.gz").stat().st_size < 20_000
        for name, most in (("bars.csv", len(WHOLE) - 1), ("bomb.csv.gz", 20_000)):
            with pytest.raises(SpecError) as error:
                source_file.contents(tmp_path / name, kept, bytes_max=most)
            assert error.value.problems[0].reason == "FILE_TOO_LARGE"
            assert f"more than {most} bytes" in error.value.problems[0].message
        whole = source_file.contents(tmp_path / "bars.csv", kept, bytes_max=len(WHOLE))
        assert whole.data == WHOLE.encode()

    def test_that_are_not_packed_as_the_name_says_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "plain.csv.gz").write_text(WHOLE)
        assert refused(tmp_path / "plain.csv.gz").reason == "BAD_FORMAT"
        torn = gzip.compress(WHOLE.encode())[:-12]
        (tmp_path / "torn.csv.gz").write_bytes(torn)
        assert refused(tmp_path / "torn.csv.gz").reason == "BAD_FORMAT"

    def test_of_pipes_devices_and_folders_are_not_waited_for(self, tmp_path: Path) -> None:
        (tmp_path / "zero.csv").symlink_to("/dev/zero")
        (tmp_path / "folder.csv").mkdir()
        assert refused(tmp_path / "zero.csv").reason == "FILE_UNREADABLE"
        assert refused(tmp_path / "folder.csv").reason == "FILE_UNREADABLE"
        assert refused(tmp_path / "a\0b.csv").reason == "FILE_UNREADABLE"
        os.mkfifo(tmp_path / "pipe.csv")
        assert refused(tmp_path / "pipe.csv").reason == "FILE_UNREADABLE"


class TestColumns:
    def test_that_no_document_names_are_left_alone(self, tmp_path: Path) -> None:
        names = [f"extra{number}" for number in range(194)]
        rows = [f"{row},{','.join('?' * 194)}" for row in WHOLE.splitlines()[1:]]
        wide = "\n".join([",".join([HEADER, *names]), *rows, ""])
        (tmp_path / "wide.csv").write_text(wide)
        (tmp_path / "bars.csv").write_text(WHOLE)
        assert simcore.generate(document(tmp_path / "wide.csv")).equals(
            simcore.generate(document(tmp_path / "bars.csv"))
        )

    def test_of_a_wide_file_are_not_all_listed(self, tmp_path: Path) -> None:
        (tmp_path / "wide.csv").write_text(",".join(f"c{n}" for n in range(200)) + "\n")
        assert refused(tmp_path / "wide.csv").message.endswith("c18, c19 and 180 more")

    def test_too_many_for_the_rows_are_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(source_file, "CELLS_MAX", 23)
        (tmp_path / "bars.csv").write_text(WHOLE)
        problem = refused(tmp_path / "bars.csv")
        assert problem.reason == "FILE_TOO_LARGE"
        assert "got about 24 values, expected at most 23" in problem.message

    def test_of_parquet_that_are_no_numbers_are_refused(self, tmp_path: Path) -> None:
        frame = pl.read_csv(io.StringIO(WHOLE))
        nested = frame.with_columns(Close=pl.Series([[1.0], [2.0], [3.0]]))
        nested.write_parquet(tmp_path / "nested.parquet")
        problem = refused(tmp_path / "nested.parquet")
        assert problem.reason == "BAD_FORMAT"
        assert 'column "Close" holds' in problem.message
        frame.rename({"Close": "Last"}).write_parquet(tmp_path / "lacking.parquet")
        assert refused(tmp_path / "lacking.parquet").reason == "COLUMN_MISSING"

    @pytest.mark.parametrize(
        ("kind", "values"),
        [
            (pa.null(), [None] * 3),
            (pa.decimal256(60, 2), [1, 2, 3]),
            (pa.time32("s"), [1, 2, 3]),
            (pa.time64("ns"), [10**18] * 3),
            (pa.duration("s"), [2**62] * 3),
            (pa.binary(3), [b"\xff\xfe\xfd"] * 3),
            (pa.timestamp("us", "Mars/Phobos"), [1, 2, 3]),
            (pa.bool_(), [True] * 3),
            (pa.dictionary(pa.int8(), pa.string()), ["a", "b", "c"]),
        ],
        ids=str,
    )
    def test_of_parquet_may_be_of_any_type_and_are_refused_where_they_say_nothing(
        self, tmp_path: Path, kind: pa.DataType, values: list[Any]
    ) -> None:
        whole = pl.read_csv(io.StringIO(WHOLE)).to_arrow()
        for name in ("Date", "Close"):
            at = whole.schema.get_field_index(name)
            odd = whole.set_column(at, name, pa.array(values, type=kind))
            pq.write_table(odd, tmp_path / "odd.parquet")
            reason = refused(tmp_path / "odd.parquet").reason
            assert reason in {"BAD_FORMAT", "BAD_TIMESTAMP", "NOT_A_NUMBER", "NAN_PRICE"}

    def test_of_parquet_that_are_numbers_are_prices(self, tmp_path: Path) -> None:
        whole = pl.read_csv(io.StringIO(WHOLE)).to_arrow()
        at = whole.schema.get_field_index("Close")
        for kind in (pa.float16(), pa.float32(), pa.int8(), pa.decimal128(10, 2)):
            close = pa.array([11, 12, 13], type=kind)
            pq.write_table(whole.set_column(at, "Close", close), tmp_path / "prices.parquet")
            bars = simcore.generate(document(tmp_path / "prices.parquet"))
            assert bars["close"].to_list() == [11.0, 12.0, 13.0]

    def test_of_parquet_are_bounded_before_they_are_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pl.read_csv(io.StringIO(WHOLE)).write_parquet(tmp_path / "bars.parquet")
        monkeypatch.setattr(source_file, "ROWS_MAX", 2)
        problem = refused(tmp_path / "bars.parquet")
        assert problem.reason == "OUT_OF_RANGE"
        assert "got 3 rows of" in problem.message


class TestFarTimes:
    @pytest.mark.parametrize("days", [-800_000, 800_000, 2**31 - 1, -(2**31)])
    def test_that_python_does_not_have_are_refused(self, tmp_path: Path, days: int) -> None:
        frame = pl.read_csv(io.StringIO(WHOLE))
        far = pl.Series([days, 0, 1], dtype=pl.Int32).cast(pl.Date)
        frame.with_columns(Date=far).write_parquet(tmp_path / "far.parquet")
        times = pl.Series([days * 86_400_000, 0, 1]).cast(pl.Datetime("ms", "UTC"))
        frame.with_columns(Date=times).write_parquet(tmp_path / "times.parquet")
        for name, got in (("far.parquet", days), ("times.parquet", days * 86_400_000)):
            problem = refused(tmp_path / name)
            assert problem.reason == "BAD_TIMESTAMP"
            assert f'row 1, column "Date": got {got}, expected a date' in problem.message

    def test_of_the_year_nought_are_refused(self, tmp_path: Path) -> None:
        rows = "0000-01-07,1,1,1,1,1\n0000-01-08T00:00:00Z,1,1,1,1,1\n2020-01-02,1,1,1,1,1\n"
        (tmp_path / "nought.csv").write_text(f"{HEADER}\n{rows}")
        reasons = [each.reason for each in history.refused(document(tmp_path / "nought.csv"))]
        assert reasons.count("BAD_TIMESTAMP") == 2


class TestOrderOfExtremes:
    COLUMNS = {**COLUMNS, "hl_order": "order"}  # noqa: RUF012

    def test_is_taken_from_the_file_that_has_it(self, tmp_path: Path) -> None:
        rows = zip(WHOLE.splitlines(), ("order", "1", "-1", "0"), strict=True)
        (tmp_path / "told.csv").write_text("\n".join(f"{row},{order}" for row, order in rows))
        bars = simcore.generate(document(tmp_path / "told.csv", columns=self.COLUMNS))
        assert bars["hl_order"].to_list() == [1, -1, 0]
        hashes = {
            simcore.scenario_manifest(document(tmp_path / "told.csv", columns=columns))[
                "scenario_hash"
            ]
            for columns in (COLUMNS, self.COLUMNS)
        }
        assert len(hashes) == 2

    def test_is_one_of_three_values(self, tmp_path: Path) -> None:
        rows = zip(WHOLE.splitlines(), ("order", "1", "2", ""), strict=True)
        (tmp_path / "told.csv").write_text("\n".join(f"{row},{order}" for row, order in rows))
        problems = history.refused(document(tmp_path / "told.csv", columns=self.COLUMNS))
        assert [each.reason for each in problems] == ["BAD_HL_ORDER"] * 2
        assert "row 2, column \"order\": got '2', expected -1, 0 or 1" in problems[0].message


class TestQuality:
    def quality(self, path: Path, **changes: Any) -> dict[str, Any]:
        import json

        manifest = simcore.scenario_manifest({**document(path), **changes})
        known: dict[str, Any] = json.loads(manifest["quality"])
        return known

    def test_names_outliers_and_runs_without_a_range_and_removes_nothing(
        self, tmp_path: Path
    ) -> None:
        rng = np.random.default_rng(3)
        close = 100.0 * np.exp(np.cumsum(0.01 * rng.standard_normal(300)))
        close[200] *= 9.0
        days = np.arange(300) + np.datetime64("2020-01-01")
        rows = [
            f"{day},{c},{c * (1.0 if 50 <= t < 54 else 1.01)},{c},{c},1"
            for t, (day, c) in enumerate(zip(days, close, strict=True))
        ]
        (tmp_path / "odd.csv").write_text("\n".join([HEADER, *rows, ""]))
        quality = self.quality(tmp_path / "odd.csv")
        places = [{"asset": "A", "t": 200}, {"asset": "A", "t": 201}]
        assert quality["outliers"] == {"bars": 2, "first": places}
        first = [{"asset": "A", "t": 50}]
        assert quality["zero_range"] == {"runs": 1, "longest_bars": 4, "first": first}
        assert simcore.generate(document(tmp_path / "odd.csv"))["close"].to_list() == list(close)

    @pytest.mark.parametrize(
        ("calendar", "bars", "first"),
        [
            ("24x7", 6, ["2020-01-04", "2020-01-05", "2020-01-09", "2020-01-10", "2020-01-11"]),
            ("us_equity", 2, ["2020-01-09", "2020-01-10"]),
            ("sessions_252", 2, ["2020-01-09", "2020-01-10"]),
            ("fx_24x5", 2, ["2020-01-09", "2020-01-10"]),
        ],
    )
    def test_counts_missing_days_by_the_calendar(
        self, tmp_path: Path, calendar: str, bars: int, first: list[str]
    ) -> None:
        days = ("02", "03", "06", "07", "08", "13")
        rows = [f"2020-01-{day},1,1,1,1,1" for day in days]
        (tmp_path / "days.csv").write_text("\n".join([HEADER, *rows, ""]))
        quality = self.quality(tmp_path / "days.csv", calendar=calendar)
        assert quality["missing"] == {"bars": bars, "sessions": bars, "first": first}
        assert quality["calendar"] == calendar

    def test_counts_missing_hours_of_currencies_from_sunday_evening(self, tmp_path: Path) -> None:
        hours = np.arange("2020-01-02T00", "2020-01-08T00", dtype="datetime64[h]")
        weekend = (hours >= np.datetime64("2020-01-03T22")) & (
            hours < np.datetime64("2020-01-05T22")
        )
        lost = (hours == np.datetime64("2020-01-03T05")) | (hours == np.datetime64("2020-01-06T05"))
        rows = [f"{hour}:00,1,1,1,1,1" for hour in hours[~weekend & ~lost]]
        (tmp_path / "hours.csv").write_text("\n".join([HEADER, *rows, ""]))
        quality = self.quality(tmp_path / "hours.csv", timeframe="1h", calendar="fx_24x5")
        expected = {"bars": 2, "sessions": 0, "first": ["2020-01-03", "2020-01-06"]}
        assert quality["missing"] == expected


def mutated(whole: bytes, rng: random.Random) -> bytes:
    changed = bytearray(whole)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(changed))
        match rng.randrange(4):
            case 0:
                changed[at] = rng.randrange(256)
            case 1:
                changed[at] = rng.choice(b'0123456789.,-+eE"\n\r :TZ/\x00naif')
            case 2:
                del changed[at : at + rng.randint(1, 8)]
            case _:
                changed[at:at] = changed[at : at + rng.randint(1, 30)]
    return bytes(changed) or b"\n"


def survives(path: Path, outcomes: list[str], **source: Any) -> None:
    """Replay the file: sound bars or a named refusal, and nothing else."""
    try:
        bars = simcore.generate(document(path, "1h", **source))
    except (SpecError, EngineError) as refusal:
        outcomes.append(type(refusal).__name__)
        return
    prices = bars.select("open", "high", "low", "close").to_numpy()
    assert np.isfinite(prices).all()
    assert (prices > 0).all()
    assert (np.diff(bars["ts"].to_numpy()) > 0).all()
    outcomes.append("sound")


def test_mutated_csv_is_read_or_refused_and_nothing_else(tmp_path: Path) -> None:
    rng = random.Random(20200102)
    times = ("2020-01-02 14:30", "2020-01-02T15:30:00.5", "2020-01-03", "2020/01/06", "2020-01-07")
    rows = [f"{time},1{n},1{n}.5,9,1{n}.25,{n}e2" for n, time in enumerate(times)]
    whole = "\n".join([HEADER, *rows, ""]).encode()
    outcomes: list[str] = []
    for case in range(400):
        (tmp_path / "case.csv").write_bytes(mutated(whole, rng))
        # A calendar of sessions takes longer, so that only some cases have one.
        source = {"exchange": "XNYS"} if case % 20 == 0 else {}
        survives(tmp_path / "case.csv", outcomes, **source)
    assert {"SpecError", "sound"} <= set(outcomes)


def test_mutated_parquet_is_read_or_refused_and_nothing_else(tmp_path: Path) -> None:
    rng = random.Random(20200103)
    packed = io.BytesIO()
    frame = pl.read_csv(io.StringIO(WHOLE)).with_columns(pl.col("Date").str.to_datetime("%F"))
    frame.write_parquet(packed, compression="uncompressed")
    outcomes: list[str] = []
    for _ in range(300):
        changed = bytearray(packed.getvalue())
        for _ in range(rng.randint(1, 4)):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        (tmp_path / "case.parquet").write_bytes(changed)
        survives(tmp_path / "case.parquet", outcomes)
    assert {"SpecError", "sound"} <= set(outcomes)
