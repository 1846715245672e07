"""What a campaign will take, told before it runs: rows by counting, seconds and bytes by a probe.

The counts follow from the documents. Seconds and bytes are measured on a miniature of the campaign,
made with its own strategies and execution, and scaled by the counts. The clock is the caller's.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from simcore import steps
from simcore.backtests.monte_carlo import STATISTICS
from simcore.backtests.run import BENCHMARK, benchmark_program
from simcore.bars import columns_by_path
from simcore.campaign import Campaign
from simcore.chaos.schedule import ARMS, level_for
from simcore.errors import InvariantError
from simcore.scenario import document as scenario_document
from simcore.scenario.document import BARS_MIN, Scenario
from simcore.steps.step import campaign_markets, manifests
from simcore.store import Store
from simcore.strategy.strategy import Strategy, compile_strategy
from simcore.tables import TABLES
from simcore.tournaments.book import Book
from simcore.tournaments.document import TournamentDocument
from simcore.tournaments.formats.round_robin import RoundRobinOptions
from simcore.tournaments.pairings import meetings, n_pairings

Clock = Callable[[], float]

SECONDS_FACTOR: Final = 2.0
"""The seconds lie within this factor of what was told, unless the machine's load changes."""
BYTES_FACTOR: Final = 2.0

PROBE_STRATEGIES: Final = 2
PROBE_PATHS: Final = 3
PROBE_BARS: Final = (2 * BARS_MIN, 20 * BARS_MIN)

# What no miniature shows is told in yards: the time of writing down one strategy, which is all
# documents and files. The numbers were found on the shipped campaigns, beside that time there.
START_YARDS: Final = 600.0  # the libraries and the definitions
PARTITION_YARDS: Final = 22.0  # the graph's own record of a partition, its checks and its picture
CALIBRATION_YARDS: Final = 180.0
ARM_DAY_YARDS: Final = 2.5  # a simulated day of one arm of chaos, and its oracles
ARM_DAY_BYTES: Final = 175_000.0


@dataclass(frozen=True)
class Counts:
    """What a campaign makes, counted from its documents.

    Args:
        scenarios: Markets that are generated.
        bars: Rows of the table `bars`.
        strategies: Those that have partitions.
        backtests: Rows of the table `backtests`: strategies on paths of their timeframe.
        run_bars: Bars of all those runs.
        equity_rows: Rows of the table `equity`.
        monte_carlo_rows: Rows of the table `monte_carlo`.
        arm_days: Simulated days of chaos, over all seeds and arms.
        partitions: Files of the lake.
        arenas: Pairs of entries on paths, of the tournaments that are played in arenas.
        arena_bars: Bars of all those.
    """

    scenarios: int
    bars: int
    strategies: int
    backtests: int
    run_bars: int
    equity_rows: int
    monte_carlo_rows: int
    arm_days: int
    partitions: int
    arenas: int = 0
    arena_bars: int = 0


@dataclass(frozen=True)
class Estimate:
    """What a campaign will take.

    Args:
        campaign: Its id.
        counts: Exact.
        bytes: Of the lake's files, within `bytes_factor`.
        seconds: From nothing to the report, within `seconds_factor`; None without a clock.
        seconds_by_step: The same by what is made.
        probe_seconds: How long the probe took; None without a clock.
        bytes_factor: Of the bytes.
        seconds_factor: Of the seconds.
    """

    campaign: str
    counts: Counts
    bytes: int
    seconds: float | None
    seconds_by_step: dict[str, float]
    probe_seconds: float | None
    bytes_factor: float = BYTES_FACTOR
    seconds_factor: float = SECONDS_FACTOR


@dataclass(frozen=True)
class Cost:
    """Seconds and bytes of one thing."""

    seconds: float
    bytes: float


@dataclass(frozen=True)
class Rate:
    """What a step costs: for being there, a run (or path) more, a bar more."""

    fixed: Cost
    path: Cost
    bar: Cost

    def of(self, n: float, paths: float, bars: float) -> Cost:
        """Return the cost of so many steps, with so many paths and bars in all."""
        parts = ((n, self.fixed), (paths, self.path), (bars, self.bar))
        return Cost(
            sum(times * each.seconds for times, each in parts),
            sum(times * each.bytes for times, each in parts),
        )


def counted(campaign: Campaign) -> Counts:
    """Return what a campaign makes; nothing is generated."""
    lengths = [(each, _n_bars(each)) for each in campaign.scenarios]
    every = campaign.document.equity_every_bars
    backtests = run_bars = equity_rows = 0
    for strategy in campaign.strategies:
        for scenario, n_bars in _own(strategy, lengths):
            paths = scenario.document.paths
            backtests += paths
            run_bars += paths * n_bars
            equity_rows += paths * -(-n_bars // every)
    met = [
        (n_pairings(_n_entered(campaign, each, scenario), scenario.document.paths), n_bars)
        for each in campaign.tournaments
        if each.arena is not None
        for scenario, n_bars in lengths
        if each.scenarios is None or scenario.id in each.scenarios
    ]
    plan = level_for(campaign.document.chaos, campaign.document.days)
    seeds = 0 if plan is None else plan.seeds
    return Counts(
        scenarios=len(lengths),
        bars=sum(n_bars * each.document.paths for each, n_bars in lengths),
        strategies=len(campaign.strategies),
        backtests=backtests,
        run_bars=run_bars,
        equity_rows=equity_rows,
        monte_carlo_rows=len(STATISTICS) * backtests,
        arm_days=seeds * len(ARMS) * campaign.document.days,
        partitions=_n_partitions(len(campaign.strategies)),
        arenas=sum(n for n, _ in met),
        arena_bars=sum(n * n_bars for n, n_bars in met),
    )


def _n_entered(campaign: Campaign, tournament: TournamentDocument, scenario: Scenario) -> int:
    """How many programs meet each other on a scenario."""
    return len(
        {
            each.ir_hash
            for each in campaign.strategies
            if each.timeframe == scenario.document.timeframe
            and (tournament.entries is None or each.id in tournament.entries)
        }
    )


def estimate(campaign: Campaign, clock: Clock | None = None) -> Estimate:
    """Count a campaign's work and measure, on a miniature of it, what that takes.

    Args:
        campaign: Checked whole.
        clock: Seconds, rising; None measures bytes alone.

    Returns:
        Exact counts; bytes and seconds with the factor within which they are meant.
    """
    counts = counted(campaign)
    now = clock or (lambda: 0.0)
    began = now()
    spans = _probed(campaign, now)
    tables = _n_partitions(len(campaign.strategies))
    yard = spans.pop("strategies").fixed
    chaos = Cost(counts.arm_days * ARM_DAY_YARDS * yard.seconds, counts.arm_days * ARM_DAY_BYTES)
    n_paths = sum(each.document.paths for each in campaign.scenarios)
    costs = {
        "markets": spans["markets"].of(1, n_paths, counts.bars),
        "strategies": Cost(counts.strategies * yard.seconds, counts.strategies * yard.bytes),
        **{
            name: spans[name].of(counts.strategies, counts.backtests, counts.run_bars)
            for name in ("backtests", "monte_carlo", "walk_forward", "evidence")
        },
        # What a tournament holds for each run it compares, it holds for each pair of entries.
        "tournaments": spans["tournaments"].of(
            1,
            counts.backtests * max(1, len(campaign.document.tournaments)),
            counts.run_bars,
        ),
        **(
            {"arenas": spans["arenas"].of(1, counts.arenas, counts.arena_bars)}
            if "arenas" in spans
            else {}
        ),
        "chaos": chaos,
        "calibration": Cost(CALIBRATION_YARDS * yard.seconds, 0.0),
        "graph": Cost((START_YARDS + tables * PARTITION_YARDS) * yard.seconds, 0.0),
    }
    by_step = {name: each.seconds for name, each in costs.items()}
    return Estimate(
        campaign=campaign.id,
        counts=counts,
        bytes=round(sum(each.bytes for each in costs.values())),
        seconds=None if clock is None else sum(by_step.values()),
        seconds_by_step={} if clock is None else by_step,
        probe_seconds=None if clock is None else now() - began,
    )


def _n_bars(scenario: Scenario) -> int:
    """Bars of one path; those of the source where the scenario keeps its length."""
    document, source = scenario.document, scenario.source
    if source is not None and scenario_document.keeps_length(scenario):
        return len(source.columns["ts"]) // len(document.assets)
    if document.duration_bars is None:
        raise InvariantError(f"{scenario.id}: got neither a length nor a source")
    return document.duration_bars


def _own(strategy: Strategy, lengths: Sequence[tuple[Scenario, int]]) -> list[tuple[Scenario, int]]:
    return [each for each in lengths if each[0].document.timeframe == strategy.timeframe]


def _n_partitions(n_strategies: int) -> int:
    files = {("campaign",): 1, ("strategy",): n_strategies, ("campaign", "strategy"): n_strategies}
    return sum(files.get(table.partitioned_by, 0) for table in TABLES.values())


def _probed(campaign: Campaign, now: Clock) -> dict[str, Rate]:
    """What each step costs, from three miniatures: short, with more paths, and longer."""
    short, long = PROBE_BARS
    _miniature(campaign, 1, short, lambda: 0.0)  # the first one pays for loading libraries
    one = _miniature(campaign, 1, short, now)
    more = _miniature(campaign, PROBE_PATHS, short, now)
    longer = _miniature(campaign, 1, long, now)
    return {name: rate(one[name], more[name], longer[name], short, long - short) for name in one}


def rate(one: Cost, more: Cost, longer: Cost, short: int, added: int) -> Rate:
    """Return what a step costs by what three miniatures took of it.

    Args:
        one: One path.
        more: `PROBE_PATHS` paths of as many bars.
        longer: One path of more bars.
        short: Bars of a path of the first two.
        added: How many more the third has.
    """
    parts = []
    for part in ("seconds", "bytes"):
        first, wide, far = (getattr(each, part) for each in (one, more, longer))
        bar = max(0.0, (far - first) / added)
        path = max(0.0, (wide - first) / (PROBE_PATHS - 1) - bar * short)
        parts.append((max(0.0, first - path - bar * short), path, bar))
    return Rate(*(Cost(*both) for both in zip(*parts, strict=True)))


def _miniature(campaign: Campaign, paths: int, n_bars: int, now: Clock) -> dict[str, Cost]:
    """Seconds and bytes of each step of a small campaign; of those of a strategy, the mean."""
    chosen = _small(campaign, paths, n_bars)
    n = len(chosen.strategies)
    with tempfile.TemporaryDirectory(prefix="proving-estimate-") as folder:
        store = Store(Path(folder))
        took: dict[str, float] = {}

        def timed(name: str, make: Callable[[], Any]) -> None:
            began = now()
            make()
            took[name] = took.get(name, 0.0) + now() - began

        timed("markets", lambda: steps.markets(store, chosen))
        for each in chosen.strategies:
            timed("strategies", lambda own=each: steps.strategies(store, own))  # type: ignore[misc]
            for name, make in _OF_A_STRATEGY.items():
                timed(name, lambda do=make, own=each: do(store, chosen, own))  # type: ignore[misc]
        timed("tournaments", lambda: _together(store, chosen))
        books = [each.arena for each in campaign.tournaments if each.arena is not None]
        if books:
            timed("arenas", lambda: _meet(store, chosen, books[0]))
        return {
            name: Cost(seconds / per, _bytes(store, _TABLES[name]) / per)
            for name, seconds in took.items()
            for per in (1 if name in ("markets", "tournaments") else n,)
        }


_OF_A_STRATEGY: Final = {
    "backtests": steps.backtests,
    "monte_carlo": steps.monte_carlo,
    "walk_forward": steps.walk_forwards,
    "evidence": steps.appraisals,
}
_TABLES: Final = {
    "markets": steps.MARKETS,
    "strategies": steps.STRATEGIES,
    "backtests": steps.BACKTESTS,
    "monte_carlo": steps.MONTE_CARLO,
    "walk_forward": steps.VALIDITY,
    "evidence": steps.EVIDENCE,
    "tournaments": (*steps.TOURNAMENTS, *steps.PORTFOLIOS),
    "arenas": (),
}


def _together(store: Store, chosen: Campaign) -> None:
    """The steps that read the runs of all strategies."""
    steps.allocations(store, chosen)
    steps.tournaments(store, chosen)


def _meet(store: Store, chosen: Campaign, book: Book) -> None:
    """An arena of each strategy on each path, against itself: as much work as against another."""
    programs = [each.program_json for each in chosen.strategies]
    for manifest, bars in campaign_markets(store, chosen, manifests(store, chosen)):
        for _, calm in columns_by_path(bars):
            meetings(
                programs,
                [(at, at) for at in range(len(programs))],
                calm,
                execution=chosen.document.execution,
                book=book,
                initial_cash=chosen.document.initial_cash,
                bars_per_year=float(manifest["A"]),
                benchmark=benchmark_program(),
            )


def _small(campaign: Campaign, paths: int, n_bars: int) -> Campaign:
    """A campaign of few strategies on one market of theirs, who all meet each other.

    What else a tournament asks for, few strategies and one market cannot give.
    """
    known = campaign.strategies or (compile_strategy(BENCHMARK),)
    places = {at * len(known) // PROBE_STRATEGIES for at in range(PROBE_STRATEGIES)}
    strategies = tuple(known[at] for at in sorted(places))
    timeframes = {each.timeframe for each in strategies}
    kept = (each for each in campaign.scenarios if each.document.timeframe in timeframes)
    scenario = next((each for each in kept if each.source is None), None)
    if scenario is None:
        scenario = scenario_document.load(_PLAIN)
    changed = {"duration_bars": n_bars, "paths": paths}
    market = dataclasses.replace(scenario, document=scenario.document.model_copy(update=changed))
    plain = {
        "scenarios": None,
        "entries": None,
        "format": RoundRobinOptions(type="round_robin"),
        "arena": None,
        "champion": None,
        "family_weights": None,
    }
    tournaments = tuple(each.model_copy(update=plain) for each in campaign.tournaments[:1])
    return dataclasses.replace(
        campaign, scenarios=(market,), strategies=strategies, tournaments=tournaments
    )


_PLAIN: Final = "random-walk"


def _bytes(store: Store, tables: Sequence[Any]) -> int:
    footers = (store.footer(table, each) for table in tables for each in store.partitions(table))
    return sum(footer.bytes for footer in footers if footer is not None)
