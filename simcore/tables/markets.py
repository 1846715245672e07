"""Tables of the generated markets: what each scenario is, its bars, and what they look like."""

from __future__ import annotations

from typing import Final

from simcore.seeds import SEED_MAX
from simcore.tables.table import Column, Table

_HASH = "SHA-256, 64 hexadecimal digits"

SCENARIOS: Final = Table(
    "scenarios",
    "One row per scenario: the manifest of what was generated, and from which document.",
    key=("scenario_id",),
    partitioned_by=("campaign",),
    schema_version=4,
    columns=(
        Column("scenario_id", "str", "-", "Id of the scenario's document."),
        Column("scenario_hash", "str", "-", f"Hash of the effective document; {_HASH}."),
        Column("dataset_hash", "str", "-", f"Hash of the bars of all paths; {_HASH}."),
        Column("generator_version", "str", "-", "Version of the generator's formulas."),
        Column("engine_version", "str", "-", "Crate version and digest of the engine's sources."),
        Column("schema_version", "u32", "-", "Version of the bars table.", minimum=1),
        Column("libm_profile", "str", "-", "Mathematics of the engine; foreign if not the pinned."),
        Column("bars", "u32", "bars", "Bars of one path.", minimum=1),
        Column("paths", "u32", "paths", "Independent paths.", minimum=1),
        Column("assets", "u32", "assets", "Assets of one path.", minimum=1),
        Column("min_price", "f64", "quote", "Lowest low of all paths.", minimum=0.0),
        Column("max_price", "f64", "quote", "Highest high of all paths.", minimum=0.0),
        Column(
            "max_abs_z", "f64", "standard deviations", "Largest increment in units of its scale.",
            minimum=0.0, nullable=True,
        ),
        Column("guard_events", "u64", "events", "Increments that the guard clipped."),
        Column("jump_events", "u64", "events", "Bars that a jump of the model opened."),
        Column(
            "sharpe_max_bar", "f64", "per bar",
            "Highest Sharpe ratio that anyone can expect who knows the document, before costs; "
            "null for a market whose next bar has no law.",
            minimum=0.0, nullable=True,
        ),
        Column(
            "sharpe_max_annual", "f64", "per year", "The same, times the root of A.",
            minimum=0.0, nullable=True,
        ),
        Column("seed", "u64", "-", "Seed of the scenario's document.", maximum=SEED_MAX),
        Column("family", "str", "-", "Family of the scenario."),
        Column("timeframe", "str", "-", "Length of a bar."),
        Column("calendar", "str", "-", "When the market is open."),
        Column("A", "f64", "bars", "Bars in a year, for annualising.", minimum=1e-9),
        Column("a_inferred", "bool", "-", "Whether A was inferred from timestamps."),
        Column("document", "str", "-", "Canonical JSON of the effective document."),
        Column(
            "quality", "str", "-",
            "Canonical JSON of what is odd about the rows of a source: outliers, runs without a "
            "range, missing bars, splits and dividends; null without a source.",
            nullable=True,
        ),
    ),
)  # fmt: skip

BARS: Final = Table(
    "bars",
    "One row per bar of a path of a scenario.",
    key=("scenario_id", "path", "asset", "t"),
    partitioned_by=("campaign",),
    columns=(
        Column("scenario_id", "str", "-", "Id of the scenario's document."),
        Column("path", "u32", "-", "Number of the path, from zero."),
        Column("asset", "u16", "-", "Number of the asset, from zero."),
        Column("t", "u32", "bars", "Number of the bar within its path, from zero."),
        Column("ts", "i64", "ns UTC", "Open of the bar, since 1970."),
        Column("known_at", "i64", "ns UTC", "Close of the bar: when its values may be known."),
        Column("open", "f64", "quote", "First price.", minimum=0.0),
        Column("high", "f64", "quote", "Highest price.", minimum=0.0),
        Column("low", "f64", "quote", "Lowest price.", minimum=0.0),
        Column("close", "f64", "quote", "Last price.", minimum=0.0),
        Column("volume", "f64", "base", "Traded amount.", minimum=0.0),
        Column(
            "hl_order", "i8", "-", "1 if the high precedes the low, -1 if it follows, 0 unknown.",
            minimum=-1, maximum=1,
        ),
        Column("flags", "u8", "-", "Bits of the bar's condition: 1 "
               "clipped by the guard, 2 halted, 4 missing, 8 stale, 16 wide spread; 0 for an "
               "ordinary bar."),
    ),
    references=((("scenario_id",), "scenarios", ("scenario_id",)),),
)  # fmt: skip

STYLISED_FACTS: Final = Table(
    "stylised_facts",
    "One row per stylised fact of real markets: whether a scenario's bars show it, and whether its "
    "family should.",
    key=("scenario_id", "fact"),
    partitioned_by=("campaign",),
    columns=(
        Column("scenario_id", "str", "-", "Id of the scenario's document."),
        Column("fact", "str", "-", "The fact, as Cont (2001) lists them."),
        Column("statistic", "str", "-", "What the estimate is, in words."),
        Column("estimate", "f64", "-", "What the bars came to.", nullable=True),
        Column("low", "f64", "-", "Lower end of the interval of 99.9 %.", nullable=True),
        Column("high", "f64", "-", "Upper end of the interval of 99.9 %.", nullable=True),
        Column(
            "passes", "bool", "-", "Whether the bars show the fact; null: too few to tell.",
            nullable=True,
        ),
        Column(
            "expected", "bool", "-", "Whether the family shows it; null: it may or not.",
            nullable=True,
        ),
        Column(
            "as_expected", "bool", "-", "Whether the two agree; null: one of them is open.",
            nullable=True,
        ),
    ),
    references=((("scenario_id",), "scenarios", ("scenario_id",)),),
)  # fmt: skip

TABLES: Final = (SCENARIOS, BARS, STYLISED_FACTS)
