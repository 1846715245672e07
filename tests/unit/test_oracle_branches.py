"""Branches of the judges and of what they lean on: scopes, twins, incidents, quiet hours."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from chaos_tables import (
    CRASH_AT,
    DAYS,
    DEATH_AT,
    E0_UUSD,
    PRICE_TK,
    SILENCE_AT,
    evidence,
    with_table,
)

from simcore.chaos import incidents, scopes
from simcore.chaos.evidence import Evidence, Run, least, low_half
from simcore.chaos.kinds import DAY_NS, HOUR_NS, SECOND_NS, Kind
from simcore.chaos.oracles.books import conservation
from simcore.chaos.oracles.liveness import progress
from simcore.chaos.oracles.orders import duplicates, kill_is_absolute
from simcore.chaos.oracles.validity import effect, witnesses
from simcore.chaos.reckoning import injection_rows, report_row
from simcore.chaos.twin import SETTLING_NS, loss, quiet_windows, with_twin, within


@pytest.fixture(scope="module")
def honest() -> Evidence:
    return evidence()


@pytest.mark.parametrize(
    ("scope", "strategy", "instrument", "is_covered"),
    [
        (scopes.scope(scopes.GLOBAL), 3, 1, True),
        (scopes.scope(scopes.VENUE), 3, 1, True),
        (scopes.scope(scopes.ASSET, 1), 3, 1, True),
        (scopes.scope(scopes.ASSET, 1), 3, 0, False),
        (scopes.scope(scopes.STRATEGY, 3), 3, 1, True),
        (scopes.scope(scopes.STRATEGY, 3), 4, 1, False),
        (scopes.scope(scopes.STRATEGY, 3), None, 1, True),
        (scopes.scope(scopes.ASSET, 0), None, 0, True),
    ],
)
def test_a_scope_covers_what_lies_within_it(
    scope: int, strategy: int | None, instrument: int, is_covered: bool
) -> None:
    row = pl.DataFrame(
        {"scope": [scope], "strategy": [strategy], "instrument": [instrument]},
        schema={"scope": pl.UInt64, "strategy": pl.UInt16, "instrument": pl.Int64},
    )
    found = row.select(scopes.covers(*(pl.col(name) for name in row.columns))).item()
    assert found is is_covered


def test_the_log_names_an_order_by_the_lower_half_of_its_id() -> None:
    cloid = (7 << 112 | 0x1122_3344_5566_7788).to_bytes(16, "little")
    found = pl.DataFrame({"cloid": [cloid]}).select(low_half("cloid")).item()
    assert found == 0x1122_3344_5566_7788


def test_the_least_of_nothing_is_nothing() -> None:
    assert least(pl.Series([None, 4, 2], dtype=pl.UInt64)) == 2
    assert least(pl.Series([], dtype=pl.UInt64)) is None


def _spans(*spans: tuple[int, int | None]) -> pl.DataFrame:
    return pl.DataFrame(
        list(spans), schema={"ts_open": pl.Int64, "ts_close": pl.Int64}, orient="row"
    )


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], [(0, DAY_NS)]),
        ([(HOUR_NS, 2 * HOUR_NS)], [(0, HOUR_NS), (2 * HOUR_NS + SETTLING_NS, DAY_NS)]),
        ([(HOUR_NS, None)], [(0, HOUR_NS)]),
        ([(0, HOUR_NS)], [(HOUR_NS + SETTLING_NS, DAY_NS)]),
        (
            [(HOUR_NS, 6 * HOUR_NS), (2 * HOUR_NS, 3 * HOUR_NS)],
            [(0, HOUR_NS), (6 * HOUR_NS + SETTLING_NS, DAY_NS)],
        ),
        (
            [(HOUR_NS, 2 * HOUR_NS), (4 * HOUR_NS, 5 * HOUR_NS)],
            [(0, HOUR_NS), (8 * HOUR_NS, DAY_NS)],
        ),
        ([(0, DAY_NS - 1)], []),
    ],
)  # fmt: skip
def test_quiet_hours_begin_three_hours_after_the_last_incident(
    spans: list[tuple[int, int | None]], expected: list[tuple[int, int]]
) -> None:
    assert quiet_windows(_spans(*spans), 0, DAY_NS) == expected


def test_a_window_holds_its_beginning_and_not_its_end() -> None:
    moments = pl.DataFrame({"ts": [9, 10, 19, 20]})
    found = moments.select(within(pl.col("ts"), [(10, 20)])).to_series().to_list()
    assert found == [False, True, True, False]


def test_an_equity_row_stands_beside_its_twins_of_the_same_moment() -> None:
    names = {"level": ["book"] * 2, "id": [0, 0]}
    own = pl.DataFrame({**names, "ts": [60, 120], "equity_uusd": [90, 80]})
    twin = pl.DataFrame({**names, "ts": [60, 180], "equity_uusd": [100, 100]})
    joined = with_twin(own, twin)
    assert joined["equity_twin_uusd"].to_list() == [100, None]
    assert loss(joined, 120) == 10
    assert loss(joined, 59) is None


def test_an_incident_lasts_until_nothing_that_began_in_it_is_open(honest: Evidence) -> None:
    found = incidents.incidents(honest.run)
    assert found["inj_id"].to_list() == [1, 2, 3]
    assert found["ts_open"].to_list()[:2] == [CRASH_AT, DEATH_AT]
    kills = honest.run.events(Kind.REARM)
    assert found["closed_seq"][0] == kills["seq"][0]
    # The process is dead for five seconds after the fault itself is over.
    assert found["ts_close"][1] - found["ts_clear"][1] == 5 * SECOND_NS
    assert found["ts_open"][2] == SILENCE_AT


def test_an_incident_that_is_never_rearmed_never_closes(honest: Evidence) -> None:
    events = honest.run.tables["events"].filter(pl.col("kind") != Kind.REARM)
    found = incidents.incidents(with_table(honest.run, "events", events))
    assert found["closed_seq"].is_null().to_list() == [True, False, False]


def test_an_incident_that_is_never_cleared_never_closes(honest: Evidence) -> None:
    events = honest.run.tables["events"].filter(
        ~((pl.col("kind") == Kind.CLEAR) & (pl.col("subj") == 2))
    )
    found = incidents.incidents(with_table(honest.run, "events", events))
    assert found["closed_seq"].is_null().to_list() == [False, True, False]


def test_a_twin_has_no_incident(honest: Evidence) -> None:
    assert honest.twin is not None
    assert incidents.incidents(honest.twin).is_empty()


def _until(known: Evidence, end: int) -> Evidence:
    """Return both arms cut off at a moment, as if the universe had been shorter."""
    assert known.twin is not None
    cut = [
        with_table(
            with_table(run, "events", run.tables["events"].filter(pl.col("ts") < end)),
            "orders",
            run.tables["orders"].filter(pl.col("ts_sent") < end),
        )
        for run in (known.run, known.twin)
    ]
    return replace(known, run=cut[0], twin=cut[1])


def _orders_kept(known: Evidence, is_kept: pl.Expr) -> Evidence:
    rows = known.run.tables["orders"].filter(is_kept)
    return replace(known, run=with_table(known.run, "orders", rows))


def test_a_long_peace_does_not_make_up_for_silence_after_the_last_fault(honest: Evidence) -> None:
    short = _until(honest, DAY_NS + 20 * HOUR_NS)  # four quiet hours after the last fault
    assert progress(short).violations == 0
    silent = _orders_kept(short, pl.col("ts_sent") < SILENCE_AT)
    found = progress(silent)
    assert (found.antecedents, found.violations) == (3, 3)


def test_a_long_peace_does_not_make_up_for_half_the_trading_since_the_first_fault(
    honest: Evidence,
) -> None:
    short = _until(honest, 2 * DAY_NS)
    assert progress(short).violations == 0
    is_odd_hour = pl.col("ts_sent") // HOUR_NS % 2 == 1
    assert progress(_orders_kept(short, (pl.col("ts_sent") < CRASH_AT) | is_odd_hour)).violations


@pytest.mark.parametrize("quiet_hours", [0, 3])
def test_a_run_that_is_over_before_it_settled_fails(honest: Evidence, quiet_hours: int) -> None:
    found = progress(_until(honest, SILENCE_AT + quiet_hours * HOUR_NS + SECOND_NS))
    assert (found.antecedents, found.violations) == (3, 3)


def test_a_run_whose_trouble_is_never_over_fails_even_if_it_trades_on(honest: Evidence) -> None:
    events = honest.run.tables["events"].filter(
        ~((pl.col("kind") == Kind.CLEAR) & (pl.col("subj") == 3))
    )
    found = progress(replace(honest, run=with_table(honest.run, "events", events)))
    assert (found.antecedents, found.violations) == (3, 3)


def test_a_run_without_faults_is_compared_as_a_whole(honest: Evidence) -> None:
    assert progress(replace(honest, run=honest.twin)).violations == 0  # type: ignore[arg-type]


def _logged(causes: list[int]) -> Run:
    rows = pl.DataFrame(
        {"seq": range(len(causes)), "cause_seq": causes},
        schema={"seq": pl.UInt64, "cause_seq": pl.UInt64},
    )
    return Run("c", 1, "real", bytes(16), {"events": rows})


def _reached_slowly(causes: list[int], seq: int) -> list[bool]:
    def passes(at: int) -> bool:
        while at != seq and causes[at] != at:
            at = causes[at]
        return at == seq

    return [passes(at) for at in range(len(causes))]


@pytest.mark.parametrize("seed", range(12))
def test_a_chain_of_causes_is_followed_to_its_root(seed: int) -> None:
    draws = np.random.default_rng(seed)
    n = int(draws.integers(1, 80))
    # From long chains to shallow bushes.
    reach = int(draws.integers(1, 6)) if seed % 2 else n
    causes = [0] + [int(draws.integers(max(0, at - reach), at)) for at in range(1, n)]
    for seq in {0, n // 3, n - 1}:
        found = incidents.reached_by(_logged(causes), seq)
        assert found.tolist() == _reached_slowly(causes, seq)


def test_the_figures_of_an_incident_are_those_of_its_records(honest: Evidence) -> None:
    assert honest.twin is not None
    equity = with_twin(
        honest.run.tables["equity"].drop("equity_twin_uusd"), honest.twin.tables["equity"]
    )
    crash, death, silence = incidents.rows(honest.run, equity, duplicates(honest.run)["ts"])
    assert crash["ttd_ns"] == crash["tth_ns"] == 600 * SECOND_NS
    assert (crash["ttc_ns"], crash["ttf_ns"]) == (0, 0)
    assert crash["mttr_ns"] == 2_400 * SECOND_NS
    assert death["ttd_ns"] == 5 * SECOND_NS and death["tth_ns"] is None
    # Silence is noticed by the orders it swallows, which the injection did not cause.
    assert silence["ttd_ns"] is None and silence["ttf_ns"] is None
    assert [row["dup_orders"] for row in (crash, death, silence)] == [0, 0, 0]
    assert crash["loss_attr_uusd"] == loss(equity, CRASH_AT + 2_400 * SECOND_NS)


def test_a_canary_counts_its_duplicates_within_the_incident(honest: Evidence) -> None:
    assert honest.canary is not None
    equity = honest.canary.tables["equity"]
    found = incidents.rows(honest.canary, equity, duplicates(honest.canary)["ts"])
    assert [row["dup_orders"] for row in found] == [0, 0, 1]


def test_a_cancel_may_leave_during_a_kill(honest: Evidence) -> None:
    orders = honest.run.tables["orders"].with_columns(
        purpose=pl.when(pl.col("purpose") == "FLATTEN")
        .then(pl.lit("CANCEL", dtype=honest.run.tables["orders"].schema["purpose"]))
        .otherwise("purpose")
    )
    found = kill_is_absolute(replace(honest, run=with_table(honest.run, "orders", orders)))
    assert (found.antecedents, found.violations) == (1, 0)


def test_money_that_was_paid_in_must_be_declared(honest: Evidence) -> None:
    wrong = conservation(replace(honest, external_uusd=1))
    # Every record of equity, and the cash at the end once more against the exchange.
    assert wrong.violations == honest.run.events(Kind.EQUITY).height + 1
    assert conservation(replace(honest, e0_uusd=E0_UUSD - 1, external_uusd=1)).violations == 0


def test_equity_may_not_be_struck_between_the_postings_of_one_set(honest: Evidence) -> None:
    events = honest.run.tables["events"]
    posting = events.filter((pl.col("kind") == Kind.POST) & (pl.col("i0") == 2))["seq"][0]
    equity = events.filter((pl.col("kind") == Kind.EQUITY) & (pl.col("seq") > posting))["seq"][0]
    swapped = events.with_columns(
        seq=pl.col("seq").replace({posting: equity, equity: posting})
    ).sort("seq")
    found = conservation(replace(honest, run=with_table(honest.run, "events", swapped)))
    # Cash had been posted by then and agrees; what was bought for it, and its fee, had not.
    assert (found.violations, found.first_bad_seq) == (1, posting)


def test_each_fault_is_witnessed_by_a_record_of_its_own_kind(honest: Evidence) -> None:
    found = witnesses(honest)
    kinds = [
        honest.run.tables["events"]["kind"][int(seq)] for seq in found["witness_seq"].to_list()
    ]
    assert kinds == [Kind.POS, Kind.CRASHED, Kind.UNKNOWN]


def _with_marks(known: Evidence, depth_tk: int, kept: Kind) -> Evidence:
    """Return the evidence with a shallower fall, seen in one kind of record only."""
    events = known.run.tables["events"]
    word = {Kind.POS: "i3", Kind.RISK_OK: "i0"}
    floor = PRICE_TK - depth_tk
    other = Kind.RISK_OK if kept == Kind.POS else Kind.POS
    rows = events.with_columns(
        pl.when(pl.col("kind") == kept)
        .then(pl.col(word[kept]).clip(floor))
        .otherwise(word[kept])
        .alias(word[kept]),
        kind=pl.when((pl.col("kind") == other) & (pl.col("ts") > CRASH_AT))
        .then(int(Kind.ACK))
        .otherwise("kind"),
    )
    return replace(known, run=with_table(known.run, "events", rows))


@pytest.mark.parametrize("kept", [Kind.POS, Kind.RISK_OK])
@pytest.mark.parametrize(("depth_tk", "n_missing"), [(1_425, 0), (1_424, 1), (0, 1)])
def test_a_fall_counts_from_95_percent_of_its_target_in_any_mark_of_the_log(
    honest: Evidence, kept: Kind, depth_tk: int, n_missing: int
) -> None:
    assert effect(_with_marks(honest, depth_tk, kept)).violations == n_missing


def test_a_fall_cannot_be_measured_without_the_market_that_should_have_been(
    honest: Evidence,
) -> None:
    assert effect(replace(honest, market=None)).violations == 1


def test_a_market_that_falls_by_itself_is_no_effect(honest: Evidence) -> None:
    assert honest.market is not None
    # The undisturbed price falls as the run's does, so the fault has done nothing.
    marks = honest.run.events(Kind.POS).filter((pl.col("subj") == 0) & (pl.col("ts") >= CRASH_AT))
    own = marks.select(known_at="ts", own_tk="i3").unique("known_at", keep="last")
    market = honest.market.join(own, on="known_at", how="left").with_columns(
        close_tk=pl.coalesce("own_tk", "close_tk")
    )
    assert effect(replace(honest, market=market.drop("own_tk"))).violations == 1


def test_what_an_earlier_fall_left_is_not_counted_again(honest: Evidence) -> None:
    assert honest.market is not None
    # As if an earlier fall had halved the price for good: 7.5 % more is then half a fall.
    market = honest.market.with_columns(close_tk=pl.col("close_tk") * 2)
    assert effect(replace(honest, market=market)).violations == 0
    shallow = _with_marks(replace(honest, market=market), 750, Kind.POS)
    assert effect(shallow).violations == 1


def test_what_the_injector_says_of_its_effect_is_not_asked(honest: Evidence) -> None:
    events = honest.run.tables["events"]
    claimed = events.with_columns(
        kind=pl.when(pl.col("kind") == Kind.CRASHED).then(int(Kind.EFFECT)).otherwise("kind")
    )
    found = effect(replace(honest, run=with_table(honest.run, "events", claimed)))
    assert found.violations == 1


def _reported(known: Evidence, failed: list[str]) -> pl.DataFrame:
    assert known.twin is not None
    names = {"A1": ["S01", "L1"], "C1": ["S04"], "D1": ["S04", "S05"]}
    return injection_rows(known, failed, names)


def test_an_injection_bears_the_failures_that_its_scenario_names(honest: Evidence) -> None:
    found = _reported(honest, ["S04"])
    assert found["failed_oracles"].to_list() == ["", "S04", "S04"]
    assert found["result"].to_list() == ["PASS", "FAIL", "FAIL"]


def test_an_injection_without_effect_is_inconclusive(honest: Evidence) -> None:
    found = _reported(_without_crash(honest), [])
    assert found["result"].to_list() == ["PASS", "INCONCLUSIVE", "PASS"]
    assert found["effective"].to_list() == [True, False, True]


def _without_crash(known: Evidence) -> Evidence:
    events = known.run.tables["events"].with_columns(
        kind=pl.when(pl.col("kind") == Kind.CRASHED).then(int(Kind.ACK)).otherwise("kind")
    )
    return replace(known, run=with_table(known.run, "events", events))


def _figures(known: Evidence) -> dict[str, Any]:
    return report_row(known.run, _reported(known, []), incidents.incidents(known.run), DAYS)


def test_the_report_counts_what_struck_and_how_long_healing_took(honest: Evidence) -> None:
    row = _figures(honest)
    assert (row["n_injected"], row["n_effective"], row["n_inconclusive"]) == (3, 3, 0)
    assert (row["global_kills"], row["local_kills"]) == (0, 1)
    assert row["survived_wo_human_pct"] == 100.0
    assert (row["mttr_s_p50"], row["mttr_s_max"]) == (0.0, 5.0)
    assert row["mttr_s_mean"] == pytest.approx(5.0 / 3.0)
    assert row["uptime_trading_pct"] == 100.0
    assert row["sim_s"] == DAYS * 86_400.0


def test_a_halted_minute_is_no_uptime(honest: Evidence) -> None:
    equity = honest.run.tables["equity"]
    halted = equity.with_columns(
        state=pl.when(pl.int_range(pl.len()) < 18)
        .then(pl.lit("HALTED", dtype=equity.schema["state"]))
        .otherwise("state")
    )
    row = _figures(replace(honest, run=with_table(honest.run, "equity", halted)))
    assert row["uptime_trading_pct"] == 75.0
