"""Judge of progress: a system that survives by standing still has not survived."""

from __future__ import annotations

from typing import Final

import polars as pl

from simcore.chaos.evidence import Evidence, Finding, Run, greatest, least
from simcore.chaos.incidents import incidents
from simcore.chaos.kinds import Kind
from simcore.chaos.scopes import NO_STRATEGY, STRATEGY, scope
from simcore.chaos.twin import quiet_windows, within

# Four fifths of the twin's orders, in whole numbers.
SHARE: Final = (4, 5)


def progress(evidence: Evidence) -> Finding:
    """Judge L1: in quiet hours each living strategy sends at least 0.8 of its twin's orders.

    That holds of all quiet hours, and of those since the first fault by themselves, lest a long
    peace before it make up for standing still ever after. Hours after the last fault may be few,
    so there it is enough not to be silent where the twin is not. A run that gives its strategies
    no quiet hour after its last fault, or in which a fault is never over, has stopped for good.

    Args:
        evidence: The run and its twin. The quiet hours are those of the run, for both.

    Returns:
        One case for each strategy that is alive in both arms. One that sends nothing fails even
        if its twin is as idle. Without a twin there is no case.
    """
    run, twin = evidence.run, evidence.twin
    if twin is None:
        return Finding(0, 0)
    names = set(_strategies(run)) | set(_strategies(twin))
    alive = [name for name in sorted(names) if _is_alive(run, name) and _is_alive(twin, name)]
    troubles = incidents(run)
    # A run that ends before its twin has not been quiet since, but silent.
    windows = quiet_windows(troubles, 0, max(_end(run), _end(twin)))
    first, last = least(troubles["ts_open"]), greatest(troubles["ts_open"])
    since_first, since_last = _since(windows, first), _since(windows, last)
    if not since_last or troubles["ts_close"].has_nulls():
        return Finding(len(alive), len(alive))
    slow = _slow(run, twin, windows) | _slow(run, twin, since_first)
    own, other = _orders(run, windows), _orders(twin, since_last)
    silent = other.keys() - _orders(run, since_last).keys()
    stopped = [name for name in alive if name not in own or name in slow or name in silent]
    return Finding(len(alive), len(stopped))


def _since(windows: list[tuple[int, int]], ts: int | None) -> list[tuple[int, int]]:
    """Return the windows that begin after a moment; all of them if it never came."""
    return [window for window in windows if ts is None or window[0] > ts]


def _slow(run: Run, twin: Run, windows: list[tuple[int, int]]) -> set[int]:
    """Return the strategies that sent less than their share of the twin's orders."""
    own, other = _orders(run, windows), _orders(twin, windows)
    part, whole = SHARE
    return {name for name, count in other.items() if whole * own.get(name, 0) < part * count}


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
