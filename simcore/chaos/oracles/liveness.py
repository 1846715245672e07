"""Judge of progress: a system that survives by standing still has not survived."""

from __future__ import annotations

from typing import Final

import polars as pl

from simcore.chaos.evidence import Evidence, Finding, Run, greatest
from simcore.chaos.incidents import incidents
from simcore.chaos.kinds import Kind
from simcore.chaos.scopes import NO_STRATEGY, STRATEGY, scope
from simcore.chaos.twin import quiet_windows, within

# Four fifths of the twin's orders, in whole numbers.
SHARE: Final = (4, 5)


def progress(evidence: Evidence) -> Finding:
    """Judge L1: in quiet hours each living strategy sends at least 0.8 of its twin's orders.

    Args:
        evidence: The run and its twin. The quiet hours are those of the run, for both.

    Returns:
        One case for each strategy that is alive in both arms. One that sends nothing fails even
        if its twin is as idle. Without a twin, or without quiet hours, there is no case.
    """
    run, twin = evidence.run, evidence.twin
    if twin is None:
        return Finding(0, 0)
    windows = quiet_windows(incidents(run), 0, _end(run))
    if not windows:
        return Finding(0, 0)
    own, other = _orders(run, windows), _orders(twin, windows)
    names = set(_strategies(run)) | set(_strategies(twin))
    alive = [name for name in sorted(names) if _is_alive(run, name) and _is_alive(twin, name)]
    part, whole = SHARE
    slow = [
        name
        for name in alive
        if own.get(name, 0) == 0 or whole * own[name] < part * other.get(name, 0)
    ]
    return Finding(len(alive), len(slow))


def _end(run: Run) -> int:
    return greatest(run.tables["events"]["ts"].tail(1)) or 0


def _strategies(run: Run) -> list[int]:
    named = run.tables["intents"].filter(pl.col("strategy") != NO_STRATEGY)
    return named["strategy"].unique().to_list()


def _orders(run: Run, windows: list[tuple[int, int]]) -> dict[int, int]:
    """Return how many orders of each strategy were sent in the windows, retries not counted."""
    sent = run.tables["orders"].filter(
        pl.col("sent_seq").is_not_null()
        & pl.col("purpose").is_in(["ENTER", "EXIT"])
        & within(pl.col("ts_sent"), windows)
    )
    return dict(sent.group_by("strategy").agg(pl.len()).iter_rows())


def _is_alive(run: Run, strategy: int) -> bool:
    """Return whether the strategy ends the run without a kill of its own."""
    own = pl.col("subj") == scope(STRATEGY, strategy)
    trips = run.events(Kind.KILL_TRIP).filter(own)["seq"]
    rearms = run.events(Kind.REARM).filter(own)["seq"]
    last_trip, last_rearm = greatest(trips), greatest(rearms)
    return last_trip is None or (last_rearm is not None and last_rearm > last_trip)
