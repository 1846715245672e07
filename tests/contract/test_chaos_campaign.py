"""The light campaign through the real engine: judged whole, reproducible, honest about nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from simcore import engine
from simcore.campaign_document import CampaignDocument
from simcore.chaos import schedule
from simcore.chaos.campaign import ChaosRun, chaos_run
from simcore.chaos.evidence import Evidence, Run
from simcore.chaos.kinds import DAY_NS, Kind
from simcore.chaos.oracles import ORACLES
from simcore.chaos.oracles.liveness import progress
from simcore.chaos.verdict import EXIT_INCONCLUSIVE, exit_code
from simcore.errors import InvariantError, SpecError
from simcore.store import content_hash
from simcore.tables import TABLES

LIGHT = {
    "version": "0.1.0",
    "id": "c1-light",
    "name": "Light",
    "seed": 1,
    "days": 30,
    "scenarios": ["vol-calm"],
    "chaos": "light",
}
QUIET = {**LIGHT, "id": "c0-tiny", "days": 5, "chaos": "none"}
CHAOS = sorted(name for name in TABLES if name.startswith("chaos_"))
NO_STRATEGY = 65_535


@cache
def light() -> ChaosRun:
    return chaos_run(LIGHT)


@cache
def universe(arm: schedule.Arm) -> dict[str, Any]:
    plan = schedule.level("light", 30)
    seed = schedule.run_seeds(1, 1)[0]
    stack = schedule.stack_of(plan)
    return schedule.universe("c1-light", seed, arm, 30, stack, schedule.injections(plan, seed))


def rows(name: str, arm: str = "real") -> pl.DataFrame:
    return light().tables[name].filter(pl.col("arm") == arm)


def test_the_light_campaign_passes_and_its_canary_fails_by_s04_alone() -> None:
    found = light().tables["chaos_oracle_results"]
    failed = found.filter(pl.col("verdict") != "PASS").select(
        pl.col("arm").cast(pl.String), "oracle"
    )
    assert failed.rows() == [("canary", "S04")]
    assert light().report["result"] == "PASS"
    assert light().verdict == "NOT_PROVEN"
    assert exit_code(light().report) == 0


def test_every_oracle_that_was_built_judged_the_real_arm() -> None:
    assert rows("chaos_oracle_results")["oracle"].to_list() == sorted(each.id for each in ORACLES)
    assert light().tables["verdicts"]["judged"][0].split() == sorted(each.id for each in ORACLES)


@pytest.mark.parametrize("name", [*CHAOS, "verdicts"])
def test_a_table_is_what_the_dictionary_says(name: str) -> None:
    assert TABLES[name].violations(light().tables[name]) == []
    assert light().tables[name].height > 0


def test_the_same_campaign_gives_the_same_tables() -> None:
    again = chaos_run(dict(LIGHT))
    for name in (*CHAOS, "verdicts"):
        first, second = light().tables[name], again.tables[name]
        assert content_hash(TABLES[name], first) == content_hash(TABLES[name], second), name
    assert again.root == light().root


def test_another_seed_gives_another_root() -> None:
    other = chaos_run({**LIGHT, "seed": 2})
    assert other.root != light().root
    assert other.report["seeds"] != light().report["seeds"]


def test_the_seed_of_one_universe_replays_it_alone() -> None:
    seed = light().report["seeds"][0]
    again = chaos_run({**LIGHT, "seed": 99}, seed=seed)
    assert again.report["seeds"] == [seed]
    assert again.root == light().root


def test_every_fault_struck_and_left_its_trace() -> None:
    found = rows("chaos_injections")
    assert found["kind"].to_list() == ["A1", *["C1"] * 5, "D1"]
    assert found["t0"].null_count() == found["t_clear"].null_count() == 0
    assert found["effective"].all()
    assert rows("chaos_injections", "twin").is_empty()


def test_every_strategy_sends_ten_orders_a_day_in_the_twin() -> None:
    sent = rows("chaos_orders", "twin").filter(pl.col("sent_seq").is_not_null())
    counts = sent.filter(pl.col("strategy") != NO_STRATEGY).group_by("strategy").len()
    assert counts.height == 20
    assert counts["len"].min() >= 10 * 30  # type: ignore[operator]


def test_the_real_arm_stands_beside_its_twin_minute_by_minute() -> None:
    equity = rows("chaos_equity")
    assert equity.height == 30 * 1_440
    assert equity["equity_twin_uusd"].null_count() == 0
    strike = rows("chaos_injections")["t0"].min()
    before = equity.filter(pl.col("ts") <= strike)
    assert (before["equity_uusd"] == before["equity_twin_uusd"]).all()
    after = equity.filter(pl.col("ts") > strike)
    assert (after["equity_uusd"] != after["equity_twin_uusd"]).any()


def test_leaving_a_fault_out_changes_nothing_before_it() -> None:
    whole = universe("real")
    last = whole["injections"][-1]
    fewer = {**whole, "injections": whole["injections"][:-1]}
    own, other = (_events(document) for document in (whole, fewer))
    earlier = pl.col("ts") < last["t_arm"]
    assert own.filter(earlier).equals(other.filter(earlier))
    assert not own.equals(other)


def _events(document: dict[str, Any]) -> pl.DataFrame:
    tables, _ = engine.paper(document)
    return pl.DataFrame({name: tables["events"][name] for name in ("seq", "ts", "kind", "i1")})


def test_the_market_is_the_same_in_every_arm() -> None:
    digests = {
        arm: rows("chaos_events", arm).filter(pl.col("kind") == 10).select("i0", "i1", "i2", "i3")
        for arm in schedule.ARMS
    }
    assert digests["real"].height == 30
    assert digests["real"].equals(digests["twin"]) and digests["real"].equals(digests["canary"])


def test_incidents_are_told_for_each_fault() -> None:
    found = rows("chaos_incidents")
    assert found["inj_id"].to_list() == list(range(1, 8))
    assert found["closed_seq"].null_count() == 0
    assert found["loss_attr_uusd"].null_count() == 0
    crashes = found.filter(pl.col("inj_id").is_between(2, 6))
    assert (crashes["ttd_ns"] == 5_000_000_000).all()


def test_the_report_names_what_was_not_shown() -> None:
    missing = light().report["not_shown"]
    assert json.loads(light().tables["verdicts"]["not_shown"][0]) == missing
    text = "\n".join(missing)
    for part in ("S03", "S19", "L4", "V3", "A1(4)", "D1(6)", "uptime", "earn money"):
        assert part in text


def test_a_campaign_without_chaos_runs_nothing_and_proves_nothing() -> None:
    quiet = chaos_run(QUIET)
    assert all(quiet.tables[name].is_empty() for name in CHAOS)
    assert set(quiet.tables) == {*CHAOS, "verdicts"}
    verdicts = quiet.tables["verdicts"]
    assert TABLES["verdicts"].violations(verdicts) == []
    assert verdicts.select("result", "verdict", "judged").row(0) == ("NOT_RUN", "NOT_PROVEN", "")
    assert exit_code(quiet.report) == EXIT_INCONCLUSIVE
    assert "no chaos" in quiet.report["not_shown"][0]


@pytest.mark.parametrize(
    ("change", "message"),
    [({"days": 12}, "expected at least 22"), ({"chaos": "hurricane"}, "hurricane")],
)
def test_a_campaign_that_cannot_run_is_refused_before_any_work(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        chaos_run({**LIGHT, **change})


def refused(document: Any, **options: Any) -> list[tuple[str, str]]:
    with pytest.raises(SpecError) as error:
        chaos_run(document, **options)
    return [(each.path, each.reason) for each in error.value.problems]


def test_everything_wrong_with_a_campaign_is_told_at_once_before_any_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "paper", None)
    wrong = {
        "id": "x", "seed": 1, "days": "30", "chaos": "lihgt", "bogus": 1,
        "scenarios": ["vol-calm", "unknown"], "strategies": ["ma_corss"], "tournaments": ["none"],
    }  # fmt: skip
    assert set(refused(wrong, seed=-1)) == {
        ("", "OUT_OF_RANGE"),
        ("/version", "MISSING_FIELD"),
        ("/name", "MISSING_FIELD"),
        ("/days", "WRONG_TYPE"),
        ("/chaos", "UNKNOWN_ID"),
        ("/bogus", "UNKNOWN_FIELD"),
        ("/scenarios/1", "UNKNOWN_ID"),
        ("/strategies/0", "UNKNOWN_ID"),
        ("/tournaments/0", "BAD_ID"),
    }


@pytest.mark.parametrize("chaos", ["none", "light"])
def test_names_that_nothing_bears_are_refused_at_any_level(chaos: str) -> None:
    wrong = {**LIGHT, "chaos": chaos, "scenarios": ["vol-clam"], "tournaments": ["league"]}
    assert refused(wrong) == [("/scenarios/0", "UNKNOWN_ID"), ("/tournaments/0", "UNKNOWN_ID")]
    with pytest.raises(SpecError, match='did you mean "vol-calm"'):
        chaos_run(wrong)


def test_a_name_of_the_users_own_documents_is_known(tmp_path: Path) -> None:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "mine.toml").write_text('id = "mine"\n')
    asked = {**QUIET, "scenarios": ["mine"]}
    assert refused(asked) == [("/scenarios/0", "UNKNOWN_ID")]
    assert chaos_run(asked, home=tmp_path).report["result"] == "NOT_RUN"


def test_a_document_that_was_checked_is_taken_as_it_is() -> None:
    asked = CampaignDocument.model_validate({**QUIET, "scenarios": ["of-another-home"]})
    assert chaos_run(asked).report["result"] == "NOT_RUN"


@pytest.mark.parametrize(
    ("seed", "reason"),
    [
        (-1, "OUT_OF_RANGE"), (2**53, "OUT_OF_RANGE"), (10**20 - 1, "OUT_OF_RANGE"),
        ("1", "WRONG_TYPE"), (1.0, "WRONG_TYPE"), (True, "WRONG_TYPE"),
    ],
)  # fmt: skip
def test_a_seed_that_is_none_is_refused(seed: Any, reason: str) -> None:
    assert refused(QUIET, seed=seed) == [("", reason)]


def test_the_largest_seed_is_one() -> None:
    assert chaos_run(QUIET, seed=2**53 - 1).report["result"] == "NOT_RUN"


def of_arm(arm: str) -> Run:
    tables = {name.removeprefix("chaos_"): rows(name, arm) for name in CHAOS}
    return Run("c1-light", light().report["seeds"][0], arm, bytes(16), tables)


def test_a_system_that_stops_for_good_at_its_first_fault_makes_no_progress() -> None:
    run, twin = of_arm("real"), of_arm("twin")
    assert progress(Evidence(run, twin)).violations == 0
    hit = int(run.events(Kind.INJECT)["ts"].min())  # type: ignore[arg-type]
    orders, events = run.tables["orders"], run.tables["events"]
    stopped = {
        **run.tables,
        "orders": orders.filter(pl.col("ts_sent").is_null() | (pl.col("ts_sent") < hit)),
        "events": events.filter((pl.col("kind") != Kind.CLEAR) | (pl.col("ts") < hit)),
    }
    found = progress(Evidence(replace(run, tables=stopped), twin))
    assert (found.antecedents, found.violations) == (20, 20)


@pytest.mark.parametrize("fact", ["market_digest", "run_id"])
def test_a_run_of_another_market_or_another_name_is_our_bug(
    monkeypatch: pytest.MonkeyPatch, fact: str
) -> None:
    run = engine.paper

    def paper(universe: Any) -> Any:
        tables, facts = run(universe)
        return tables, {**facts, fact: "0" * len(facts[fact])}

    monkeypatch.setattr(engine, "paper", paper)
    with pytest.raises(InvariantError, match=r"found .*0000, expected"):
        chaos_run(dict(LIGHT))


def test_the_numbers_of_events_are_those_of_the_engine() -> None:
    known = engine.catalogue()["paper"]["kind"]
    mine = {kind.name: kind.value for kind in Kind if kind.name in known}
    assert mine == {name: known[name] for name in mine}
    assert len(mine) > 30


def test_names_of_codes_are_those_that_the_tables_allow() -> None:
    codes = engine.catalogue()["paper"]
    pairs = {
        ("chaos_orders", "status"): "status", ("chaos_orders", "purpose"): "purpose",
        ("chaos_orders", "type"): "type", ("chaos_orders", "tif"): "tif",
        ("chaos_equity", "state"): "state", ("chaos_equity", "level"): "level",
        ("chaos_anchors", "log"): "log", ("chaos_fills", "origin"): "origin",
        ("chaos_fills", "liquidity"): "liquidity",
    }  # fmt: skip
    for (table, column), name in pairs.items():
        assert set(codes[name]) <= set(TABLES[table].column(column).values or ()), (table, column)


def test_the_strikes_of_the_log_are_those_of_the_plan() -> None:
    planned = {each["inj_id"]: each["t_arm"] for each in universe("real")["injections"]}
    for inj_id, t_arm, t0 in rows("chaos_injections").select("inj_id", "t_arm", "t0").iter_rows():
        assert t_arm == planned[inj_id]
        assert t_arm <= t0 < t_arm + DAY_NS
