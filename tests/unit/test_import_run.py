"""Runs of other tools: what they come to in the lake, and what is refused, with its place."""

from __future__ import annotations

import copy
import errno
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simcore
from pipelines.cli import main
from simcore import engine
from simcore.errors import SpecError, StoreError
from simcore.imports.document import BYTES_MAX, Run, read_source
from simcore.imports.rows import YEAR_NS, collected, misjudged
from simcore.lake import views
from simcore.store import Partition, Store
from simcore.tables import TABLES
from simcore.tables.imports import METRICS
from simcore.verification import verify

DAYS = [f"2024-01-{day:02d}" for day in range(1, 29)]
EQUITY = [1_000.0 + 7.0 * day * (-1) ** day for day in range(len(DAYS))]
RUN: dict[str, Any] = {
    "strategy": "Supertrend 10/3",
    "instrument": "BTCUSDT",
    "timeframe": "1d",
    "curve": {"ts": DAYS, "equity": EQUITY},
}
DEAL = {
    "entry_ts": "2024-01-02T09:30:00Z", "exit_ts": "2024-01-03", "side": "short", "qty": 1,
    "entry_px": 42_000.0, "exit_px": 41_500,
}  # fmt: skip


def document(*runs: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"version": "0.1.0", "made_by": "Charts 5", "runs": list(runs or [RUN]), **changes}


def written(folder: Path, name: str, *runs: dict[str, Any]) -> Path:
    path = folder / name
    path.write_text(json.dumps(document(*runs)))
    return path


def run_of(rows: dict[str, pl.DataFrame]) -> dict[str, Any]:
    return rows["imported_runs"].row(0, named=True)


def rows_of(*runs: dict[str, Any]) -> dict[str, pl.DataFrame]:
    content = json.dumps(document(*runs)).encode()
    return collected([read_source("old.json", content)])


def test_the_metrics_of_an_imported_run_are_those_of_its_returns() -> None:
    rows = rows_of(RUN)
    returns = np.diff(EQUITY) / np.array(EQUITY[:-1])
    ts = np.array(DAYS[1:], dtype="datetime64[ns]").astype(np.int64)
    expected = simcore.metrics(returns, bars_per_year=365.25, ts=ts)
    found = run_of(rows)
    assert found["bars"] == len(DAYS) - 1
    assert found["bars_per_year"] == pytest.approx(365.25) and found["is_year_measured"]
    assert found["flags"] == " ".join(expected.pop("flags"))
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert rows["imported_equity"]["equity_quote"].to_list() == EQUITY[1:]


def test_the_columns_are_the_metrics_that_returns_alone_tell() -> None:
    told, _ = engine.metrics(np.zeros(3), bars_per_year=1.0, mar=0.0, rf=0.0)
    assert list(METRICS) == list(told)


def test_equity_with_its_cash_and_returns_tell_the_same() -> None:
    cash = 1_000.0
    returns = np.diff([cash, *EQUITY]) / np.array([cash, *EQUITY[:-1]])
    by_equity = {**RUN, "initial_cash": cash}
    curve = {"ts": DAYS, "returns": returns.tolist()}
    first, second = (run_of(rows_of(each)) for each in (by_equity, {**by_equity, "curve": curve}))
    assert first["bars"] == len(DAYS)
    for name in METRICS:
        assert second[name] == pytest.approx(first[name]), name


@pytest.mark.parametrize(("unit", "scale"), [("s", 1), ("ms", 10**3), ("us", 10**6)])
def test_times_may_be_numbers_of_a_stated_unit(unit: str, scale: int) -> None:
    seconds = np.array(DAYS, dtype="datetime64[s]").astype(int)
    stamps = [int(each) * scale for each in seconds]
    curve = {"ts": stamps, "ts_unit": unit, "equity": EQUITY}
    assert rows_of({**RUN, "curve": curve})["imported_equity"].equals(
        rows_of(RUN)["imported_equity"]
    )


def test_trades_parameters_and_claims_are_kept_as_told() -> None:
    run = {**RUN, "trades": [DEAL], "parameters": {"n": 10}, "claimed": {"sharpe": 3.1, "x": None}}
    rows = rows_of(run)
    deal = rows["imported_trades"].row(0, named=True)
    assert deal["side"] == "short" and deal["exit_px"] == 41_500.0 and deal["fees"] is None
    assert deal["exit_ts"] - deal["entry_ts"] == int(14.5 * 3600 * 10**9)
    assert run_of(rows)["n_trades"] == 1 and run_of(rows_of(RUN))["n_trades"] is None
    assert json.loads(run_of(rows)["parameters"]) == {"n": 10}
    assert json.loads(run_of(rows)["claimed"]) == {"sharpe": 3.1, "x": None}


def test_a_ruined_run_is_brought_in_and_flagged() -> None:
    rows = rows_of({**RUN, "curve": {"ts": DAYS[:4], "equity": [100.0, 50.0, -20.0, 30.0]}})
    assert "RUIN" in run_of(rows)["flags"].split()
    assert misjudged(rows["imported_runs"], rows["imported_equity"]) == []


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("imported_runs", "sharpe"),
        ("imported_runs", "max_drawdown"),
        ("imported_equity", "return_fraction"),
        ("imported_equity", "equity_quote"),
    ],
)
def test_a_metric_that_its_returns_do_not_give_is_named(table: str, column: str) -> None:
    rows = rows_of(RUN, {**RUN, "id": "other"})
    assert misjudged(rows["imported_runs"], rows["imported_equity"]) == []
    is_other = pl.col("run_id") == "other"
    value = pl.when(is_other).then(pl.col(column) * 1.01).otherwise(pl.col(column))
    rows[table] = rows[table].with_columns(value.alias(column))
    found = misjudged(rows["imported_runs"], rows["imported_equity"])
    assert found and all(line.startswith("other: ") for line in found)


def changed(path: str, value: Any) -> dict[str, Any]:
    """A document with another value at a place; None takes out what stands there."""
    whole: Any = copy.deepcopy(document({**RUN, "trades": [dict(DEAL)]}))
    *above, last = path.strip("/").split("/")
    place = whole
    for token in above:
        place = place[int(token) if isinstance(place, list) else token]
    if value is None:
        del place[last]
    else:
        place[int(last) if isinstance(place, list) else last] = value
    return dict(whole)


@pytest.mark.parametrize(
    ("path", "value", "reason", "where"),
    [
        ("/version", "7", "VERSION_UNSUPPORTED", "/version"),
        ("/made_by", None, "MISSING_FIELD", "/made_by"),
        ("/made_by", "a\nb", "BAD_FORMAT", "/made_by"),
        ("/runs", [], "OUT_OF_RANGE", "/runs"),
        ("/runs/0/strategy", 7, "WRONG_TYPE", "/runs/0/strategy"),
        ("/runs/0/sharpe", 7, "UNKNOWN_FIELD", "/runs/0/sharpe"),
        ("/runs/0/id", "../up", "BAD_FORMAT", "/runs/0/id"),
        ("/runs/0/initial_cash", 0, "OUT_OF_RANGE", "/runs/0/initial_cash"),
        ("/runs/0/bars_per_year", 1e99, "OUT_OF_RANGE", "/runs/0/bars_per_year"),
        ("/runs/0/curve/equity", None, "MISSING_FIELD", "/runs/0/curve"),
        ("/runs/0/curve/returns", EQUITY, "MISSING_FIELD", "/runs/0/curve"),
        ("/runs/0/curve/equity", EQUITY[:-1], "WRONG_SHAPE", "/runs/0/curve/equity"),
        ("/runs/0/curve/equity/0", 0, "OUT_OF_RANGE", "/runs/0/curve/equity/0"),
        ("/runs/0/curve/equity/3", "high", "WRONG_TYPE", "/runs/0/curve/equity/3"),
        ("/runs/0/curve", {"ts": DAYS[:2], "returns": [0.1, -1.5]}, "OUT_OF_RANGE",
         "/runs/0/curve/returns/1"),
        ("/runs/0/curve", {"ts": DAYS, "returns": [1e300] * 28}, "OUT_OF_RANGE",
         "/runs/0/curve/returns"),
        ("/runs/0/curve", {"ts": DAYS[:1], "equity": [1.0]}, "TOO_SHORT", "/runs/0/curve/equity"),
        ("/runs/0/curve", {"ts": DAYS[:1], "returns": [0.1]}, "MISSING_FIELD",
         "/runs/0/bars_per_year"),
        ("/runs/0/curve", {"ts": [1, 2], "returns": [0.1, 0.1]}, "MISSING_FIELD",
         "/runs/0/curve/ts"),
        ("/runs/0/curve", {"ts": [1, 2**50], "ts_unit": "s", "returns": [0.1, 0.1]},
         "BAD_TIMESTAMP", "/runs/0/curve/ts/1"),
        ("/runs/0/curve/ts/5", 5, "WRONG_TYPE", "/runs/0/curve/ts"),
        ("/runs/0/curve/ts/5", "the 6th", "BAD_TIMESTAMP", "/runs/0/curve/ts/5"),
        ("/runs/0/curve/ts/5", DAYS[4], "NOT_RISING", "/runs/0/curve/ts/5"),
        ("/runs/0/trades/0/qty", -1, "OUT_OF_RANGE", "/runs/0/trades/0/qty"),
        ("/runs/0/trades/0/side", "up", "BAD_ENUM", "/runs/0/trades/0/side"),
        ("/runs/0/trades/0/entry_ts", "then", "BAD_TIMESTAMP", "/runs/0/trades/0/entry_ts"),
        ("/runs/0/trades/0/exit_ts", "2023-12-31", "OUT_OF_RANGE", "/runs/0/trades/0/exit_ts"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_at_its_place(
    path: str, value: Any, reason: str, where: str
) -> None:
    content = json.dumps(changed(path, value)).encode()
    with pytest.raises(SpecError) as refused:
        collected([read_source("old.json", content)])
    found = {(each.source, each.path, each.reason) for each in refused.value.problems}
    assert ("old.json", where, reason) in found
    assert "expected" in refused.value.message or "got" in refused.value.message


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "NOT_JSON"),
        (b"\xff\xfe", "NOT_JSON"),
        (b"[1, 2]", "WRONG_TYPE"),
        (b'{"version": "0.1.0", "version": "0.1.0"}', "DUPLICATE_KEY"),
        (b'{"made_by": NaN}', "NOT_JSON"),
        (b'{"a": ' * 5_000, "TOO_LARGE"),
        (b'{"\\ud800": 1}', "NOT_JSON"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "TOO_LARGE"),
    ],
)
def test_what_is_no_document_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(SpecError) as refused:
        read_source("old.json", content)
    assert reason in {each.reason for each in refused.value.problems}
    assert all(each.source == "old.json" for each in refused.value.problems)
    str(refused.value).encode()


SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | st.text(max_size=8)
    | st.sampled_from([*DAYS[:3], "long", "0.1.0", "s", "ms", 1e300, -1.0, 2**53])
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda each: (
        st.lists(each, max_size=4)
        | st.dictionaries(st.sampled_from(["ts", "equity", "returns", "id", "ts_unit", "x"]), each)
    ),
    max_leaves=8,
)
PLACES = (
    "/version", "/made_by", "/runs", "/runs/0", "/runs/0/id", "/runs/0/strategy", "/runs/0/curve",
    "/runs/0/curve/ts", "/runs/0/curve/ts/0", "/runs/0/curve/ts/27", "/runs/0/curve/ts_unit",
    "/runs/0/curve/equity", "/runs/0/curve/equity/9", "/runs/0/curve/returns", "/runs/0/trades",
    "/runs/0/trades/0", "/runs/0/trades/0/entry_ts", "/runs/0/trades/0/qty", "/runs/0/parameters",
    "/runs/0/claimed", "/runs/0/initial_cash", "/runs/0/bars_per_year",
)  # fmt: skip


@settings(max_examples=200)
@given(st.sampled_from(PLACES), VALUES)
def test_a_document_with_anything_anywhere_is_taken_or_refused(path: str, value: Any) -> None:
    content = json.dumps(changed(path, {} if value is None else value)).encode()
    try:
        rows = collected([read_source("old.json", content)])
    except SpecError as refusal:
        assert all(each.source == "old.json" and each.message for each in refusal.problems)
        str(refusal).encode()
    else:
        for name, frame in rows.items():
            assert TABLES[name].violations(TABLES[name].sort(frame)) == []
        assert misjudged(rows["imported_runs"], rows["imported_equity"]) == []


@settings(max_examples=200)
@given(st.integers(0, 2_000), st.binary(max_size=6))
def test_a_document_with_bytes_exchanged_is_taken_or_refused(at: int, put: bytes) -> None:
    whole = json.dumps(document({**RUN, "trades": [DEAL]})).encode()
    try:
        rows = collected([read_source("old.json", whole[:at] + put + whole[at + len(put) :])])
    except SpecError as refusal:
        assert refusal.problems
    else:
        assert rows["imported_runs"].height == 1


class TestTheCommand:
    def test_makes_tables_once_and_then_finds_them(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        home, file = tmp_path / "home", written(tmp_path, "old-runs.json", RUN)
        asked = ["import-run", str(file), "--home", str(home), "--json"]
        assert main(asked) == 0
        (first,) = json.loads(capsys.readouterr().out)
        assert main(asked) == 0
        (again,) = json.loads(capsys.readouterr().out)
        assert (first["is_reused"], again["is_reused"]) == (False, True)
        assert {**first, "is_reused": True} == again
        kept = home / "imports" / "old-runs" / "old-runs.json"
        assert kept.read_bytes() == file.read_bytes()
        assert all(each.is_sound for each in verify(home))

    def test_adds_files_to_a_collection_and_keeps_those_that_are_there(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        home = tmp_path / "home"
        files = [written(tmp_path, f"Run {n}.json", RUN) for n in range(3)]
        for each in (files[:2], files[2:]):
            command = ["import-run", *map(str, each), "--as", "mine", "--home", str(home)]
            assert main(command) == 0
        assert "mine: 3 runs of Charts 5, 81 returns, made" in capsys.readouterr().out
        runs = simcore.scan("imported_runs", home=home, collection="mine").collect()
        assert runs["run_id"].to_list() == ["Run 0", "Run 1", "Run 2"]
        assert runs["source"].to_list() == [file.name for file in files]

    def test_refuses_a_name_that_is_no_partition_and_says_what_to_do(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = written(tmp_path, "2024 runs.json", RUN)
        home = tmp_path / "home"
        assert main(["import-run", str(file), "--home", str(home)]) == 2
        assert "name it with --as ID" in capsys.readouterr().err
        assert main(["import-run", str(file), "--home", str(home), "--as", "nan"]) == 2
        assert "--as: got the collection 'nan'" in capsys.readouterr().err
        assert not home.exists()

    def test_keeps_nothing_unless_every_file_is_right(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        home, good = tmp_path / "home", written(tmp_path, "good.json", RUN)
        bad = written(tmp_path, "bad.json", {**RUN, "instrument": ""}, {**RUN, "timeframe": ""})
        twins = written(tmp_path, "twins.json", {**RUN, "id": "a"}, {**RUN, "id": "a"})
        gone = tmp_path / "gone.json"
        files = [str(each) for each in (good, bad, twins, gone)]
        assert main(["import-run", *files, "--home", str(home), "--json"]) == 2
        told = json.loads(capsys.readouterr().out)["error"]["problems"]
        assert [(each["source"], each["loc"]["path"], each["reason"]) for each in told] == [
            ("bad.json", "/runs/0/instrument", "OUT_OF_RANGE"),
            ("bad.json", "/runs/1/timeframe", "OUT_OF_RANGE"),
            ("twins.json", "/runs/1/id", "ID_TAKEN"),
            (str(gone), "", "FILE_MISSING"),
        ]
        assert not home.exists()

    def test_refuses_other_bytes_under_the_same_name(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        home, file = tmp_path / "home", written(tmp_path, "old.json", RUN)
        assert main(["import-run", str(file), "--home", str(home)]) == 0
        kept = (home / "imports" / "old" / "old.json").read_bytes()
        written(tmp_path, "old.json", {**RUN, "timeframe": "1 d"})
        assert main(["import-run", str(file), "--home", str(home)]) == 2
        assert "got other bytes than" in capsys.readouterr().err
        assert (home / "imports" / "old" / "old.json").read_bytes() == kept

    def test_the_views_of_a_home_hold_the_first_that_are_brought_in(self, tmp_path: Path) -> None:
        home, file = tmp_path / "home", written(tmp_path, "old.json", RUN)
        home.mkdir()
        (home / "views.sql").write_text(views(Store.of(home)))
        assert main(["import-run", str(file), "--home", str(home)]) == 0
        db = duckdb.connect()
        db.execute((home / "views.sql").read_text())
        assert db.sql("select strategy_name from imported_runs").fetchall() == [(RUN["strategy"],)]

    def test_leaves_nothing_on_a_full_disk_and_says_so(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(_: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        home, file = tmp_path / "home", written(tmp_path, "old.json", RUN)
        monkeypatch.setattr(os, "fsync", refuse)
        assert main(["import-run", str(file), "--home", str(home)]) == StoreError.exit_code
        assert "old.json: got No space left on device" in capsys.readouterr().err
        assert [path for path in home.rglob("*") if path.is_file()] == []

    def test_refuses_a_name_that_no_text_can_hold(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        home, file = tmp_path / "home", written(tmp_path, "b\udcff.json", RUN)
        assert main(["import-run", str(file), "--home", str(home), "--as", "old"]) == 2
        assert "expected a name in UTF-8 [rename it]" in capsys.readouterr().err
        assert not home.exists()

    def test_reads_nothing_that_is_no_file_or_too_large(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        home, pipe, large = tmp_path / "home", tmp_path / "pipe.json", tmp_path / "large.json"
        os.mkfifo(pipe)
        with large.open("wb") as handle:
            handle.truncate(BYTES_MAX + 1)
        monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} was read"))
        assert main(["import-run", str(pipe), str(large), "--home", str(home), "--json"]) == 2
        told = json.loads(capsys.readouterr().out)["error"]["problems"]
        assert [(each["source"], each["reason"]) for each in told] == [
            (str(pipe), "FILE_UNREADABLE"),
            (str(large), "TOO_LARGE"),
        ]

    def test_measures_again_what_is_lost_or_torn(self, tmp_path: Path) -> None:
        home, file = tmp_path / "home", written(tmp_path, "old.json", RUN)
        asked = ["import-run", str(file), "--home", str(home)]
        assert main(asked) == 0
        store, place = Store.of(home), Partition(collection="old")
        before = {name: store.footer(TABLES[name], place).content_hash for name in (
            "imported_runs", "imported_equity", "imported_trades")}  # fmt: skip
        shutil.rmtree(store.root / "imported_runs")
        store.path(TABLES["imported_equity"], place).write_bytes(b"PAR1")
        assert main(asked) == 0
        assert before == {name: store.verify(TABLES[name], place).content_hash for name in before}


def test_the_document_of_the_analysts_page_is_taken() -> None:
    page = (Path(__file__).parents[2] / "docs" / "analysts.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```json\n(.*?)^```$", page, re.M | re.S)
    rows = collected([read_source("example.json", example.encode())])
    assert run_of(rows)["bars"] == 3
    assert rows["imported_trades"].height == 1
    fields = set(json.loads(example)["runs"][0]) | {"version", "made_by", "runs", "ts"}
    table = page.partition("| field | what it is |")[2].partition("\n\n")[0]
    assert fields <= set(re.findall(r"`(\w+)`", table))
    assert set(Run.model_fields) - {"curve"} <= set(re.findall(r"`(\w+)`", table))


def test_a_thousand_runs_are_brought_in_and_asked_for(tmp_path: Path) -> None:
    n_files, n_runs, n_bars = 50, 20, 60
    steps = engine.normals(1, "diffusion", 0, 1_000 * n_bars).reshape(n_files, n_runs, -1)
    day = 86_400
    for n in range(n_files):
        runs = [
            {**RUN, "strategy": f"s{n}", "curve": {
                "ts": [(t + 1) * day for t in range(n_bars)], "ts_unit": "s",
                "returns": (0.01 * steps[n, k]).tolist()}}
            for k in range(n_runs)
        ]  # fmt: skip
        written(tmp_path, f"tool-{n:02d}.json", *runs)
    home = tmp_path / "home"
    files = [str(each) for each in sorted(tmp_path.glob("tool-*.json"))]
    assert main(["import-run", *files, "--home", str(home)]) == 0
    db = duckdb.connect()
    db.execute(views(Store.of(home)))
    query = "select count(*), count(distinct collection), count(sharpe) from imported_runs"
    assert db.sql(query).fetchall() == [(1_000, 50, 1_000)]
    scanned = simcore.scan("imported_runs", home=home).collect()
    assert scanned.height == 1_000
    assert scanned["bars_per_year"].unique().to_list() == [pytest.approx(YEAR_NS / (day * 10**9))]
    joined = db.sql(
        "select count(*) from imported_equity e join imported_runs r using (collection, run_id)"
    )
    assert joined.fetchall() == [(1_000 * n_bars,)]
