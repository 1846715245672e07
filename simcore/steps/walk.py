"""The walk-forwards of one strategy through a campaign, and every trial it took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from simcore import engine
from simcore.backtests.folds import Plan
from simcore.backtests.request import execution_fields, execution_json
from simcore.backtests.search import Candidates, candidates
from simcore.backtests.trials import Score, TrialLedger, lineage, trial_rows, united
from simcore.backtests.walk_forward import Asked, WalkForward, holding_bars, judge
from simcore.bars import columns_by_path
from simcore.campaign import Campaign
from simcore.errors import SpecError
from simcore.steps.step import (
    Outcome,
    Rows,
    Step,
    contents,
    manifests,
    needed,
    settled,
    with_facts,
)
from simcore.store import Partition, Provenance, Store
from simcore.strategy.strategy import Strategy
from simcore.tables import TABLES

STEP: Final = Step.of(("walk_forward", "trials"), ("backtests", "strategy", "bars.py"))

PLAN: Final = Plan(folds=5, scheme="rolling")
SETTINGS: Final = 32
OBJECTIVE: Final = "sharpe"


def walk_forwards(store: Store, campaign: Campaign, strategy: Strategy) -> list[Outcome]:
    """Walk one strategy forward on every market: the tables `walk_forward` and `trials`.

    A history that is too short for the folds has no rows. The trials are those of the backtests and
    of the search, beside all that were written down before.

    Raises:
        StoreError: The campaign's markets or the strategy's runs are not there, or the trials
            written down before cannot be read: those are never written over.
        EngineError: A run is refused.
    """
    partition = Partition(campaign=campaign.id, strategy=strategy.id)
    scenarios = manifests(store, campaign) if campaign.enters(strategy.id) else []
    own = [row for row in scenarios if row["timeframe"] == strategy.timeframe]
    upstream = contents(store, campaign.id, ("scenarios", "bars")) if own else {}
    runs = needed(store, TABLES["backtests"], partition)
    asked = campaign.document
    provenance = Provenance(
        documents={f"strategies/{strategy.id}": strategy.ir_hash},
        seed=None,  # a family of strategies is searched alike in every campaign
        engine_version=engine.version(),
        upstream={**upstream, f"backtests/{partition.key}": runs.content_hash},
        settings={
            "code": STEP.code,
            "execution": execution_fields(asked.execution),
            "initial_cash": asked.initial_cash,
            # The domains, and the names that stand in the rows.
            "params": {name: each.model_dump() for name, each in strategy.model.params.items()},
            "scenarios": [row["scenario_id"] for row in own],
        },
    )
    ledger = TrialLedger(store)

    def walk() -> Rows:
        made = walked(store, campaign, strategy, own)
        return {**made, "trials": united([ledger.present(partition), made["trials"]])}

    with ledger.held(partition):
        outcomes = settled(store, STEP.tables, partition, provenance, walk)
    return with_facts(outcomes, _facts(store, partition))


def walked(
    store: Store, campaign: Campaign, strategy: Strategy, scenarios: Sequence[Mapping[str, Any]]
) -> Rows:
    """Walk a strategy forward on some scenarios: rows of `walk_forward`, and the trials they took.

    Args:
        store: The lake; the markets and the strategy's runs are read.
        campaign: Whose markets.
        strategy: Who walks.
        scenarios: Rows of the table `scenarios`, of the strategy's timeframe.
    """
    made = _Walk(campaign, strategy)
    if scenarios:
        place = Partition(campaign=campaign.id, strategy=strategy.id)
        bars = store.read(TABLES["bars"], Partition(campaign=campaign.id))
        known = store.read(TABLES["backtests"], place)
        tried = candidates(strategy, n_settings=SETTINGS)
        for row in scenarios:
            frame = bars.filter(pl.col("scenario_id") == row["scenario_id"])
            for path, history in columns_by_path(frame):
                made.through(row, path, history, tried, known)
    table = TABLES["walk_forward"]
    whole = pl.DataFrame(made.rows, infer_schema_length=None)
    return {
        "walk_forward": table.conform(whole) if made.rows else table.empty(),
        "trials": united(made.trials),
    }


def _facts(store: Store, partition: Partition) -> Mapping[str, Any]:
    judged = store.read(TABLES["walk_forward"], partition, ["segment", "sharpe"])
    median = {
        segment: judged.filter(pl.col("segment") == segment)["sharpe"].median()
        for segment in ("is", "oos")
    }
    return {
        "folds": judged.height // 2,
        "sharpe_median_chosen": median["is"],
        "sharpe_median_judged": median["oos"],
        "trials": store.read(TABLES["trials"], partition, ["bars"]).height,
    }


@dataclass
class _Walk:
    """The rows of both tables as they come."""

    campaign: Campaign
    strategy: Strategy
    rows: list[dict[str, Any]] = field(default_factory=list)
    trials: list[pl.DataFrame] = field(default_factory=list)

    def through(
        self,
        manifest: Mapping[str, Any],
        path: int,
        history: engine.Columns,
        tried: Candidates,
        known: pl.DataFrame,
    ) -> None:
        """Walk through one history."""
        document, year = self.campaign.document, float(manifest["A"])
        is_own = (pl.col("scenario_id") == manifest["scenario_id"]) & (pl.col("path") == path)
        run = known.filter(is_own).row(0, named=True)
        sharpe = None if run["sharpe"] is None else run["sharpe"] / year**0.5
        told = [Score(run["ir_hash"], sharpe, run["bars"])]

        def tell(scores: Sequence[Score]) -> None:
            told.extend(scores)

        asked = Asked(execution_json(document.execution), document.initial_cash, year, OBJECTIVE)
        try:
            folds = PLAN.over(len(history["ts"]), holding_bars=holding_bars(self.strategy))
            walked = WalkForward(judge(history, folds, tried, asked, tell), tried, asked)
        except SpecError as refusal:
            if refusal.problems[0].reason != "TOO_SHORT":
                raise
        else:
            key = {
                "scenario_id": manifest["scenario_id"],
                "path": path,
                "strategy_id": self.strategy.id,
            }
            self.rows += [{**key, **row} for row in walked.rows()]
        asked_by = f"campaign {self.campaign.id}"
        self.trials.append(
            trial_rows(told, self.strategy, lineage(history), document.execution, asked_by)
        )
