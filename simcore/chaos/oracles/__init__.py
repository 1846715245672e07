"""Every oracle that judges a run: its sentence, what its failure means, and the judgement."""

from __future__ import annotations

from typing import Final

from simcore.chaos.evidence import Oracle
from simcore.chaos.oracles.books import conservation
from simcore.chaos.oracles.chain import chain
from simcore.chaos.oracles.liveness import progress
from simcore.chaos.oracles.orders import at_most_once, kill_is_absolute, permit
from simcore.chaos.oracles.validity import canary, effect

# What compares arms is asked of the real one; what a single run shows is asked of all three.
_REAL: Final = ("real",)

ORACLES: Final = (
    Oracle(
        "S01",
        "every entry was sent under a permit that covered it, had its epoch and had not expired",
        "safety",
        permit,
    ),
    Oracle(
        "S02",
        "between a kill and its rearm nothing left its scope but cancels and reducing flattens",
        "safety",
        kill_is_absolute,
    ),
    Oracle(
        "S04",
        "the exchange created no order twice and filled no intent beyond its size",
        "safety",
        at_most_once,
    ),
    Oracle(
        "S05",
        "postings balance, the accounts hold what was paid in, positions are the exchange's",
        "safety",
        conservation,
    ),
    Oracle(
        "S09",
        "both logs are dense and in time, and their hash chains meet every anchor to the last",
        "log",
        chain,
    ),
    Oracle(
        "L1",
        "in quiet hours every living strategy sent at least 0.8 of its twin's orders",
        "liveness",
        progress,
        _REAL,
    ),
    Oracle("V1", "every injection left a trace of its own kind", "vacuity", effect, _REAL),
    Oracle("V4", "the arm that lacks a control was caught by S04", "vacuity", canary, _REAL),
)
