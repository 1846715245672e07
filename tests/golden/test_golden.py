"""Answers written down for people to read; `make golden` writes them anew, for review.

An answer that changes without a reason is a bug; one that changes for a reason raises a version.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import simcore
from simcore import engine
from simcore.documents import found

HERE = Path(__file__).parent


def _lines(frame: pl.DataFrame, columns: Iterable[str]) -> list[str]:
    names = list(columns)
    rows = (
        ["null" if value is None else str(value) for value in row]
        for row in frame.select(names).rows()
    )
    table = [names, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(names))]
    return [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in table
    ]


def markets() -> list[str]:
    """The identity of each library scenario and its first bars, every digit."""
    lines = []
    for name in found("scenarios"):
        manifest = simcore.scenario_manifest(name)
        lines += [
            name,
            f"  scenario {manifest['scenario_hash']}",
            f"  dataset  {manifest['dataset_hash']}",
        ]
        head = simcore.generate(name).head(3)
        lines += [
            "  " + line
            for line in _lines(head, ("t", "open", "high", "low", "close", "volume", "hl_order"))
        ]
    return lines


def run() -> list[str]:
    """One backtest: its signature without the engine's version, its metrics and its trades."""
    result = simcore.backtest("ma_cross", simcore.generate("trend-up-mid"))
    lines = [f"{name:14} {value!r}" for name, value in result.metrics.items()]
    lines.append(f"{'final equity':14} {result.equity[-1]!r}")
    columns = (
        "id",
        "entry_bar",
        "exit_bar",
        "side",
        "qty",
        "entry_px",
        "exit_px",
        "net_pnl",
        "exit_reason",
    )
    return lines + _lines(result.trades, columns)


def standings() -> list[str]:
    """The light campaign's tournament on the library's scenarios as they are."""
    played = simcore.tournament(
        {
            "version": "0.1.0",
            "id": "golden",
            "name": "Golden",
            "seed": 1,
            "entries": ["atr_breakout", "buy_and_hold", "ma_cross", "rsi_reversion", "zero_rule"],
            "scenarios": ["trend-up-mid", "trend-down-mid", "vol-calm", "vol-stormy"],
            "format": {"type": "round_robin"},
            "score": {"type": "composite_v1", "weights": [0.6, 0.4]},
            "execution": "honest_v1",
            "initial_cash": 10000.0,
            "alpha": 0.05,
        }
    )
    columns = (
        "rank",
        "rank_lo",
        "rank_hi",
        "strategy_id",
        "games",
        "wins",
        "draws",
        "losses",
        "points",
        "score_mean",
        "score_ci_lo",
        "score_ci_hi",
        "elo_bt",
        "elo_lo",
        "elo_hi",
        "flags",
    )
    return _lines(played.standings, columns)


def chaos() -> list[str]:
    """The light campaign's chaos: what each oracle found in each arm."""
    shaken = simcore.chaos_run("c1-light")
    head = [f"result  {shaken.report['result']}", f"verdict {shaken.verdict}"]
    columns = ("arm", "oracle", "antecedents", "violations", "verdict")
    return head + _lines(shaken.tables["chaos_oracle_results"], columns)


ANSWERS: dict[str, Callable[[], list[str]]] = {
    "markets": markets,
    "run": run,
    "standings": standings,
    "chaos": chaos,
}


@pytest.mark.parametrize("name", ANSWERS)
def test_the_answer_is_the_one_written_down(name: str) -> None:
    path = HERE / f"{name}.txt"
    answer = "\n".join(ANSWERS[name]()) + "\n"
    if os.environ.get("PROVING_GOLDEN") == "write":
        path.write_text(answer)
    assert answer == path.read_text(), f"{path.name}: if this was meant, run make golden and review"


def test_the_same_document_gives_the_same_bytes_three_times() -> None:
    def facts() -> Any:
        return simcore.scenario_manifest("vol-stormy"), simcore.backtest(
            "ma_cross", simcore.generate("vol-stormy")
        ).signature

    assert facts() == facts() == facts()
    assert engine.version() in str(facts())
