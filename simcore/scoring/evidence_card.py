"""The evidence card of one strategy in one campaign: every number with how sure it is.

It is made of rows of the lake alone, so that anyone who has the files can make it again. A number
that stands bare, without interval, error or count, is refused.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from simcore.errors import InvariantError
from simcore.scoring.regimes import run_points
from simcore.scoring.score import Floats
from simcore.tables import TABLES

Row = dict[str, Any]

# Metrics of a run that the card tells the mean of, with their units.
TOLD: Final = {
    "total_return": "fraction",
    "sharpe": "1/sqrt(year)",
    "max_drawdown": "fraction",
    "turnover": "1/year",
    "cost_drag": "fraction/year",
    "ambiguity_gap": "percent",
    "breakeven_cost_bps": "bps",
}
PROBABILITY: Final = "probability"


def fact(section: str, name: str, text: str, item: str = "") -> Row:
    """Return a row that tells no number."""
    return _row(section, name, item, text=text)


def count(section: str, name: str, value: float, unit: str, item: str = "") -> Row:
    """Return a row with a number that was counted or set, and is not estimated."""
    return _row(section, name, item, estimate=float(value), unit=unit, is_exact=True)


def mean(section: str, name: str, values: Floats, unit: str, item: str = "") -> Row:
    """Return a row with the mean of values, its standard error and Student's 95 % interval.

    Args:
        section: Part of the card.
        name: What is told.
        values: One each, independent of the others; NaN is left out, and said.
        unit: Of the values.
        item: Of what.
    """
    from scipy.special import stdtrit

    known = values[~np.isnan(values)]
    n = known.size
    text = "" if n == values.size else f"{values.size - n} of {values.size} not defined"
    if n < 2:
        # One value, or none, is no estimate of a mean: it is told as what it is.
        told = "nothing is known" if n == 0 else f"one value only: {known[0]:.6g}"
        return _row(section, name, item, unit=unit, n=n, text="; ".join(filter(None, [told, text])))
    centre, error = float(known.mean()), float(known.std(ddof=1)) / math.sqrt(n)
    reach = float(stdtrit(n - 1, 0.975)) * error
    return _row(section, name, item, estimate=centre, unit=unit, lo=centre - reach,
                hi=centre + reach, se=error, n=n, text=text)  # fmt: skip


def estimate(
    section: str, name: str, value: float | None, se: float | None, unit: str, n: int, item: str
) -> Row:
    """Return a row with a number and its standard error; one without either as a text."""
    if value is None or (se is None and unit != PROBABILITY):
        return _row(section, name, item, unit=unit, n=n, text="not defined")
    return _row(section, name, item, estimate=value, unit=unit, se=se, n=n)


def check_row(row: Mapping[str, Any]) -> None:
    """Refuse a number that stands bare.

    Allowed are numbers that were counted; estimates with an interval or a standard error and the
    size of their sample; and probabilities with that size, which are statements of how sure
    something is.

    Args:
        row: With ``estimate``, and what there is of ``lo, hi, se, n, is_exact, unit``.

    Raises:
        InvariantError: BARE.
    """
    value = row.get("estimate")
    if value is None or row.get("is_exact"):
        return
    has_interval = row.get("lo") is not None and row.get("hi") is not None
    is_sure = has_interval or row.get("se") is not None or row.get("unit") == PROBABILITY
    if is_sure and row.get("n") is not None:
        return
    where = " ".join(str(row.get(key, "")) for key in ("section", "name", "item")).strip()
    raise InvariantError(
        f"{where}: got the bare number {value}, expected an interval or a standard error, and "
        "the size of the sample"
    )


def card(rows: Sequence[Row]) -> pl.DataFrame:
    """Return rows of the table `evidence`, none of them bare.

    Raises:
        InvariantError: A number stands bare.
    """
    for row in rows:
        check_row(row)
    table = TABLES["evidence"]
    return table.sort(table.conform(pl.DataFrame(rows, infer_schema_length=None)))


def identity_rows(strategy: Row, scenarios: Sequence[Row], runs: pl.DataFrame) -> list[Row]:
    """What was proven, and by which command it is proven again."""
    campaign_rows = [
        fact("identity", name, str(strategy[name]))
        for name in ("strategy_id", "revision", "doc_hash", "ir_hash", "struct_hash")
    ]
    for row in scenarios:
        told = f"scenario {row['scenario_hash']}, bars {row['dataset_hash']}"
        campaign_rows.append(fact("identity", "scenario", told, row["scenario_id"]))
    engines = sorted({row["engine_version"] for row in scenarios})
    campaign_rows.append(fact("identity", "engine_version", " ".join(engines)))
    profiles = runs["execution"].unique().sort().to_list()
    campaign_rows.append(fact("identity", "execution", " ".join(profiles)))
    signed = ((f"{r['scenario_id']}/{r['path']}", r["signature"]) for r in runs.to_dicts())
    return campaign_rows + [fact("identity", "run", each, item) for item, each in signed]


def run_rows(runs: pl.DataFrame) -> list[Row]:
    """What the runs come to, over the paths."""
    if runs.is_empty():
        return [fact("runs", "paths", "no run: nothing is known")]
    rows = [
        count("runs", "paths", runs.height, "paths"),
        count("runs", "trades", int(runs["n_trades"].sum()), "trades"),
        mean("runs", "score", run_points(runs), "points"),
    ]
    for name, unit in TOLD.items():
        values = runs[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        rows.append(mean("runs", name, values, unit))
    rows += [
        estimate("runs", "psr", r["psr"], None, PROBABILITY, r["bars"], _path(r))
        for r in runs.to_dicts()
    ]
    flags = sorted({each for text in runs["flags"] for each in text.split()})
    for flag in flags:
        n = int(runs["flags"].str.split(" ").list.contains(flag).sum())
        rows.append(count("runs", "flag", n, "paths", flag))
    return rows


def resampled_rows(monte_carlo: pl.DataFrame) -> list[Row]:
    """The fifth percentile of resampled Sharpe ratios, with its Monte Carlo error."""
    own = monte_carlo.filter(pl.col("metric") == "sharpe")
    return [
        estimate("resampled", "sharpe_p5", r["p5"], r["mcse_p5"], "1/sqrt(year)", r["n_paths"],
                 _path(r))
        for r in own.to_dicts()
    ]  # fmt: skip


def validity_rows(walked: pl.DataFrame, trials: pl.DataFrame) -> list[Row]:
    """Choosing by the past and judging by what came after; and how often it was tried."""
    rows = []
    for segment, name in (("is", "sharpe_chosen"), ("oos", "sharpe_judged")):
        told = _path_means(walked.filter(pl.col("segment") == segment))
        rows.append(mean("walk_forward", name, told, "1/sqrt(year)"))
    for (lineage,), frame in trials.group_by("lineage", maintain_order=True):
        rows.append(count("trials", "k", frame.height, "trials", str(lineage)[:16]))
    rows.append(count("trials", "k_all", trials.height, "trials"))
    return rows


def _path_means(folds: pl.DataFrame) -> Floats:
    """Mean Sharpe ratio of each path's folds; NaN where none of them has one.

    Folds of one path learn from the same bars, so that many of them say little more than one.
    """
    means = []
    for _, path in folds.group_by("scenario_id", "path", maintain_order=True):
        known = path["sharpe"].drop_nulls().to_list()
        means.append(math.fsum(known) / len(known) if known else math.nan)
    return np.array(means, dtype=np.float64)


def regime_rows(ledger: pl.DataFrame) -> list[Row]:
    """The regime ledger, the worst marked."""
    rows = []
    for r in ledger.filter(pl.col("axis") != "all").to_dicts():
        item = f"{r['axis']} {r['regime']}"
        row = estimate("regimes", "score", r["score_mean"], r["score_se"], "points", r["n_paths"],
                       item)  # fmt: skip
        row |= {"lo": r["score_ci_lo"], "hi": r["score_ci_hi"]}
        if row["estimate"] is None:
            row["text"] = f"one value only: {r['score_mean']:.6g}"
        row["text"] = " ".join(filter(None, [row["text"], "WORST" if r["is_worst"] else ""]))
        rows.append(row)
    return rows


def command_rows(campaign_id: str, strategy_id: str) -> list[Row]:
    """How all of it is made again."""
    return [
        fact("reproduce", "campaign", f"proving run {campaign_id}"),
        fact("reproduce", "files", "proving verify"),
        fact("reproduce", "card", f"evidence, campaign={campaign_id}, strategy={strategy_id}"),
    ]


def card_json(rows: pl.DataFrame) -> str:
    """Return a card as JSON: sections, each a list of rows without what is null."""
    sections: dict[str, list[Row]] = {}
    for row in rows.to_dicts():
        kept = {key: value for key, value in row.items() if value not in (None, "")}
        sections.setdefault(kept.pop("section"), []).append(kept)
    return json.dumps(sections, indent=2, sort_keys=True, ensure_ascii=False)


def card_html(rows: pl.DataFrame, title: str) -> str:
    """Return a card as a page that needs nothing else; all text is escaped."""
    lines = []
    for row in rows.to_dicts():
        cells = [row["section"], row["name"], row["item"], _told(row), row["unit"],
                 "" if row["n"] is None else str(row["n"]), row["text"]]  # fmt: skip
        lines.append("<tr>" + "".join(f"<td>{html.escape(str(each))}" for each in cells))
    heads = "".join(f"<th>{each}" for each in
                    ("section", "name", "of", "value", "unit", "n", "note"))  # fmt: skip
    style = "body{font:14px sans-serif}td,th{padding:2px 8px;text-align:left}tr:nth-child(2n)"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{style}{{background:#f4f4f4}}</style><h1>{html.escape(title)}</h1>"
        f"<table><tr>{heads}{''.join(lines)}</table></html>\n"
    )


def _told(row: Row) -> str:
    if row["estimate"] is None:
        return ""
    value = f"{row['estimate']:.6g}"
    if row["lo"] is not None and row["hi"] is not None:
        return f"{value} [{row['lo']:.4g}, {row['hi']:.4g}]"
    return value if row["se"] is None else f"{value} ± {row['se']:.2g}"


def _path(row: Row) -> str:
    return f"{row['scenario_id']}/{row['path']}"


def _row(section: str, name: str, item: str, **known: Any) -> Row:
    blank = {"estimate": None, "unit": "-", "lo": None, "hi": None, "se": None, "n": None,
             "is_exact": False, "text": ""}  # fmt: skip
    return {"section": section, "name": name, "item": item, **blank, **known}
