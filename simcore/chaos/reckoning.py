"""Figures of a campaign: rows of injections, incidents and the report, from logs and findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from simcore.chaos.evidence import Evidence, Run, greatest
from simcore.chaos.kinds import SECOND_NS, Kind
from simcore.chaos.oracles.orders import duplicates
from simcore.chaos.oracles.validity import witnesses
from simcore.chaos.scopes import is_whole
from simcore.chaos.verdict import Judgement

# States in which the system may trade, after its own account.
_TRADING: Final = ("TRADING", "PROBATION")
_MTTR: Final = ("mean", "p50", "p95", "max")


def injection_rows(
    evidence: Evidence, failed: Sequence[str], oracles_of: Mapping[str, Sequence[str]]
) -> pl.DataFrame:
    """Return the injections of a run with what became of them.

    Args:
        evidence: The run and its twin.
        failed: Ids of the oracles that failed in this run.
        oracles_of: Ids of the oracles that each kind of injection is judged by.

    Returns:
        The planned rows with ``t0, t_clear, effective, witness_seq, result, failed_oracles``. An
        injection bears the failures of its run that its scenario names; without an effect it is
        inconclusive.
    """
    planned = evidence.run.tables["injections"]
    traces = witnesses(evidence).select(
        pl.col("inj_id").cast(planned.schema["inj_id"]), "t0", "t_clear", "witness_seq"
    )
    blamed = {
        kind: " ".join(sorted(set(failed) & set(names))) for kind, names in oracles_of.items()
    }
    is_effective = pl.col("witness_seq").is_not_null()
    return (
        planned.join(traces, on="inj_id", how="left")
        .with_columns(
            effective=is_effective,
            failed_oracles=pl.col("kind").replace_strict(blamed, return_dtype=pl.String),
        )
        .with_columns(
            result=pl.when(pl.col("failed_oracles") != "")
            .then(pl.lit("FAIL"))
            .when(is_effective)
            .then(pl.lit("PASS"))
            .otherwise(pl.lit("INCONCLUSIVE"))
        )
    )


def oracle_rows(judgements: Sequence[Judgement]) -> list[dict[str, Any]]:
    """Return the rows of the oracle results of one run."""
    return [
        {
            "oracle": each.oracle.id,
            "antecedents": each.finding.antecedents,
            "violations": each.finding.violations,
            "first_bad_seq": each.finding.first_bad_seq,
            "verdict": each.result,
        }
        for each in judgements
    ]


def report_row(run: Run, injected: pl.DataFrame, healed: pl.DataFrame, days: int) -> dict[str, Any]:
    """Return the figures of the report of one seed, from its real arm.

    Args:
        run: The real arm.
        injected: Its rows of `injection_rows`.
        healed: Its incidents, as `simcore.chaos.incidents.incidents` gives them.
        days: Simulated days.
    """
    effective = injected.filter("effective")
    trips = run.events(Kind.KILL_TRIP)["subj"]
    n_global = sum(is_whole(int(scope)) for scope in trips)
    human = run.events(Kind.OPERATOR_ACTION).height
    is_survived = not human and not (effective["result"] == "FAIL").any()
    book = run.tables["equity"].filter(pl.col("level") == "book")
    return {
        "n_injected": int(injected["t0"].is_not_null().sum()),
        "n_effective": effective.height,
        "n_inconclusive": injected.height - effective.height,
        "survived_wo_human_pct": _percent(is_survived, effective.height),
        **_healing_s(healed),
        "uptime_trading_pct": _uptime(book),
        "sim_s": float(days * 86_400),
        "events": run.tables["events"].height,
        "global_kills": n_global,
        "local_kills": trips.len() - n_global,
        "dup_orders": duplicates(run).height,
        "human_actions": human,
        "max_dd_ppm": greatest(book["dd_ppm"]) or 0,
    }


def _percent(is_survived: bool, n_effective: int) -> float | None:
    if n_effective == 0:
        return None
    return 100.0 if is_survived else 0.0


def _uptime(book: pl.DataFrame) -> float | None:
    """Return the share of minutes with a valid permit in a trading state, in percent."""
    if book.is_empty():
        return None
    is_up = book["permit"] & book["state"].cast(pl.String).is_in(list(_TRADING))
    return 100.0 * int(is_up.sum()) / book.height


def _healing_s(healed: pl.DataFrame) -> dict[str, float | None]:
    """Return mean and quantiles of the time from clearing to the end of the incident, seconds.

    Incidents that never ended have no such time; the nearest rank is taken for a quantile.
    """
    times = ((healed["ts_close"] - healed["ts_clear"]).drop_nulls() / SECOND_NS).sort()
    if times.is_empty():
        return {f"mttr_s_{which}": None for which in _MTTR}
    return {
        "mttr_s_mean": float(times.sum()) / times.len(),
        "mttr_s_p50": times.quantile(0.50, "higher"),
        "mttr_s_p95": times.quantile(0.95, "higher"),
        "mttr_s_max": float(times[-1]),
    }
