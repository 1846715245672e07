"""The command line as a user meets it: answers, refusals, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from arch.data import sp500

from pipelines.cli import main
from simcore.cli import COMMANDS
from simcore.cli.runs import parse_grid
from simcore.errors import LimitError, SpecError
from simcore.scenario import acceptance
from simcore.scenario.acceptance import Result

PROVING = Path(sys.executable).parent / "proving"
SPX = """
version = "0.1.0"
id = "spx"
family = "replay"
timeframe = "1d"
seed = 1
calendar = "sessions_252"
[params.source]
path = "{path}"
timezone = "UTC"
[params.source.columns]
ts = "Date"
open = "Open"
high = "High"
low = "Low"
close = "Close"
volume = "Volume"
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with the S&P 500 as a scenario, and a daily strategy."""
    home = tmp_path / "home"
    assert main(["init", "--home", str(home)]) == 0
    source = next(Path(sp500.__file__).parent.glob("*.csv*"))
    (home / "scenarios" / "spx.toml").write_text(SPX.format(path=source.as_posix()))
    library = Path(__file__).parents[2] / "simcore" / "library" / "strategies" / "ma_cross.toml"
    daily = library.read_text().replace('"1h"', '"1d"').replace('"ma_cross"', '"ma_daily"')
    (home / "strategies" / "ma_daily.toml").write_text(daily)
    return home


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    """Run a command with --json; its exit code and what it printed."""
    capsys.readouterr()
    code = main([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("name", [command.name for command in COMMANDS])
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([name, "--help"])
    assert stopped.value.code == 0
    assert "--json" in capsys.readouterr().out


def test_a_sweep_and_a_backtest_annualise_alike(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = ("--home", str(home))
    code, alone = answer(capsys, "backtest", "ma_daily", "spx", *at)
    assert code == 0
    code, swept = answer(capsys, "sweep", "ma_daily", "spx", "--grid", "fast=10,11", *at)
    assert code == 0
    shared = {name: value for name, value in swept[0].items() if name in alone["metrics"]}
    assert len(shared) == 9
    assert shared == {name: alone["metrics"][name] for name in shared}


def test_a_strategy_meets_only_scenarios_of_its_timeframe(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["backtest"], ["sweep", "--grid", "fast=5,6"]):
        asked = [command[0], "ma_cross", "spx", *command[1:], "--home", str(home)]
        code, found = answer(capsys, *asked)
        assert code == 2
        assert found["error"]["problems"][0]["reason"] == "OTHER_TIMEFRAME"


def test_what_is_written_out_reads_back(home: Path, tmp_path: Path) -> None:
    at, out = ["--home", str(home)], tmp_path / "out"
    assert main(["generate", "vol-calm", "--out", str(out / "bars.parquet"), *at]) == 0
    assert main(["backtest", "ma_cross", "vol-calm", "--out", str(out), *at]) == 0
    bars = pl.read_parquet(out / "bars.parquet")
    assert pl.read_parquet(out / "equity.parquet").height == bars.height
    assert sorted(path.name for path in out.iterdir()) == [
        "bars.parquet",
        "equity.parquet",
        "trades.parquet",
    ]


def test_a_second_identical_backtest_comes_from_the_cache(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("backtest", "ma_cross", "vol-calm", "--home", str(home))
    _, first = answer(capsys, *asked)
    _, second = answer(capsys, *asked)
    assert (first.pop("used_cache"), second.pop("used_cache")) == (False, True)
    assert first == second


def test_check_exits_by_what_it_finds(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = Path(__file__).parents[1] / "documents" / "invalid_lookahead.toml"
    code, found = answer(capsys, "check", "ma_cross", str(broken), "--home", str(home))
    assert code == 2
    assert found["ma_cross"] == {"problems": []}
    assert {problem["reason"] for problem in found[str(broken)]["problems"]} == {"LOOKAHEAD"}
    assert main(["check", "ma_cross", "vol-calm", "c0-tiny", "--home", str(home)]) == 0


def test_check_measures_the_laws_of_a_scenario(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = answer(capsys, "check", "trend-up-mid", "--home", str(home))
    laws = {law["statistic"]: law for law in found["trend-up-mid"]["laws"]}
    assert code == 0
    assert laws["mean"]["passes"] is True
    assert laws["mean"]["low"] < laws["mean"]["estimate"] < laws["mean"]["high"]
    assert main(["check", "trend-up-mid", "--home", str(home)]) == 0
    assert "holds  variance_ratio(16)" in capsys.readouterr().out
    _, found = answer(capsys, "check", "trend-up-mid", "--no-selftest", "--home", str(home))
    assert found["trend-up-mid"] == {"problems": []}


def test_check_fails_where_a_law_is_broken(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Result("kurtosis", (), None, 4.0, 5.0, 3.01, 0.01, False)
    monkeypatch.setattr(acceptance, "accept", lambda _: [broken])
    assert main(["check", "vol-calm", "--home", str(home)]) == 2
    assert "BROKEN kurtosis" in capsys.readouterr().out


def test_check_says_how_far_a_scenario_lies_from_real_bars(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = {
        "version": "0.1.0", "id": "walk", "family": "trend", "timeframe": "1d",
        "duration_bars": 1000, "seed": 1, "params": {"drift": 3.0, "sigma": 120.0},
        "volume_model": "const",
    }  # fmt: skip
    (home / "scenarios" / "walk.json").write_text(json.dumps(document))
    asked = ("check", "walk", "--no-selftest", "--against", "spx", "--home", str(home))
    code, found = answer(capsys, *asked)
    realism = found["walk"]["realism"]
    assert code == 0
    assert realism["p_value"] < 0.05
    assert realism["differences"]["volume_size_correlation"] < 0.0
    assert main(list(asked)) == 0
    assert "against spx: energy distance" in capsys.readouterr().out


def test_generate_tells_the_truth_and_shows_the_card(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, manifest = answer(capsys, "generate", "vol-calm", "--home", str(home))
    assert manifest["truth"]["sharpe_max_annual"] == manifest["sharpe_max_annual"] > 0.0
    assert len(manifest["stylised"]) == 11
    assert main(["generate", "vol-calm", "--home", str(home)]) == 0
    printed = capsys.readouterr().out
    assert "truth sharpe_max_bar" in printed
    assert "heavy_tails                open" in printed


def test_verifying_nothing_is_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for asked in (["verify"], ["verify", "c9-nope"]):
        code, found = answer(capsys, *asked, "--home", str(home))
        assert code == 2
        assert "proving run" in found["error"]["message"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["generate", "vol-calm", "--out", "{file}/bars.parquet"],
        ["init", "--home", "{file}"],
    ],
)
def test_a_place_that_cannot_be_written_is_a_refusal_and_no_bug(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert main([each.format(file=file) for each in arguments]) == 2
    said = capsys.readouterr().err
    assert str(file) in said
    assert "Traceback" not in said


def test_a_reader_that_has_enough_ends_the_command_quietly() -> None:
    with subprocess.Popen(
        [PROVING, "tables"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        command.stdout.close()  # before there is anything to write: the first write finds nobody
        said = command.stderr.read()
    assert (command.returncode, said) == (0, b"")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("fast=5:50:5", list(range(5, 51, 5))),
        ("fast=5:9:5", [5]),
        ("mult=0.5:1.5:0.25", [0.5, 0.75, 1.0, 1.25, 1.5]),
        ("fast=3,7", [3, 7]),
    ],
)
def test_a_grid_includes_both_ends(text: str, values: list[float]) -> None:
    ((_, found),) = parse_grid([text]).items()
    assert found == pytest.approx(values)


@pytest.mark.parametrize(
    "texts",
    [["fast=5:inf:1"], ["fast=a:b:c"], ["fast=1:2"], ["fast=1:9:0"], ["fast="], ["f=1", "f=2"]],
)
def test_a_grid_of_another_form_is_refused(texts: list[str]) -> None:
    with pytest.raises(SpecError):
        parse_grid(texts)


def test_a_grid_without_end_is_a_limit() -> None:
    with pytest.raises(LimitError):
        parse_grid(["fast=1:1e12:1"])


def test_a_check_tells_programs_where_each_problem_is_and_how_to_mend_it(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = home / "strategies" / "ma_daily.toml"
    path.write_text(path.read_text().replace("crossunder(", "crosunder("))
    code, told = answer(capsys, "check", "ma_daily", "--home", str(home))
    assert code == 2
    (problem,) = told["ma_daily"]["problems"]
    text = path.read_text()
    line = text[: text.index("crosunder")].count("\n") + 1
    assert problem["loc"] == {"path": "/rules/1/if", "span": [0, 9], "line": line, "col": 9}
    assert problem["code"] == "DSL_UNSUPPORTED_FUN"
    assert problem["hints"][0]["patch"][0]["path"] == "/rules/1/if"
    assert problem["hints"][0]["patch"][0]["value"].startswith("crossunder(")


def test_a_bug_of_ours_is_told_as_one_and_not_as_the_authors(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr("simcore.strategy.check.examine", broken)
    code, told = answer(capsys, "check", "ma_cross")
    assert code == 70
    (problem,) = told["ma_cross"]["problems"]
    assert (problem["code"], problem["reason"]) == ("DSL_INTERNAL", "BUG")
    assert "ZeroDivisionError: planted" in problem["message"]


CUP = {
    "version": "0.1.0", "id": "small-cup", "name": "Small cup", "seed": 3,
    "entries": ["buy_and_hold", "ma_cross", "zero_rule"],
    "scenarios": ["trend-up-mid"], "format": {"type": "round_robin"},
}  # fmt: skip


def test_a_tournament_is_planned_before_anything_runs(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    document = tmp_path / "small-cup.json"
    document.write_text(json.dumps(CUP))

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("something ran")

    monkeypatch.setattr("simcore.engine.backtest", refuse)
    assert main(["tournament", str(document), "--plan", "--home", str(home)]) == 0
    assert "3 entries, 1 markets, round_robin; sees a difference of" in capsys.readouterr().out


def test_a_tournament_shows_intervals_ties_and_what_decides(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "small-cup.json"
    document.write_text(json.dumps(CUP))
    assert main(["tournament", str(document), "--home", str(home)]) == 0
    shown = capsys.readouterr().out
    assert "statistically tied" in shown and "rank correlation of the order with sharpe" in shown
    assert main(["tournament", str(document), "--home", str(home), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {"plan", "standings", "manifest", "facts"} == set(told)
    first = told["standings"][0]
    assert first["k_trials"] == 3 and first["stress_score"] is not None
