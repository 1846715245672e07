"""What an oracle may look at, and what it answers: the tables of the arms and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import polars as pl

from simcore.chaos.kinds import Kind

OracleClass = Literal["safety", "liveness", "vacuity", "log"]


@dataclass(frozen=True)
class Run:
    """The tables of one run.

    Args:
        campaign: Id of the campaign; part of the identity of its logs.
        seed: Seed of the universe.
        arm: real, twin or canary.
        run_id: Name of the run, 16 bytes.
        tables: Rows of this run alone, by the table's name without its prefix.
    """

    campaign: str
    seed: int
    arm: str
    run_id: bytes
    tables: Mapping[str, pl.DataFrame]

    def events(self, *kinds: Kind) -> pl.DataFrame:
        """Return the records of those kinds in the system's log, in its order."""
        return self.tables["events"].filter(pl.col("kind").is_in(list(kinds)))

    def exchange(self, *kinds: Kind) -> pl.DataFrame:
        """Return the records of those kinds in the exchange's log, in its order."""
        return self.tables["xlog"].filter(pl.col("kind").is_in(list(kinds)))

    @cached_property
    def sent(self) -> pl.DataFrame:
        """Every sending in the log beside the order it belongs to.

        A sending that no order owns up to keeps nulls in the order's columns. The log names an
        order by the lower half of its client order id, so the latest order of that name which
        had been sent by then is meant.

        Returns:
            ``seq, ts, instrument, side, qty_lot, permit_seq`` of the record; ``cloid, strategy,
            purpose, scope_epoch, intent_id`` of the order.
        """
        orders = (
            self.tables["orders"]
            .filter(pl.col("sent_seq").is_not_null())
            .select("cloid", "sent_seq", "intent_id", "strategy", "purpose", "scope_epoch")
            .with_columns(subj=low_half("cloid"))
            .sort("sent_seq")
        )
        records = self.events(Kind.ORDER_SENT).select(
            "seq", "ts", "subj",
            instrument=pl.col("i0") // 2,
            side=(pl.col("i0") % 2) * 2 - 1,
            qty_lot=pl.col("i1"),
            permit_seq=pl.col("i3"),
        )  # fmt: skip
        return records.sort("seq").join_asof(
            orders, left_on="seq", right_on="sent_seq", by="subj", check_sortedness=False
        )


@dataclass(frozen=True)
class Evidence:
    """One run, and the runs of the same seed that it is compared with.

    Args:
        run: The run that is judged.
        twin: The same universe without injections.
        canary: The same universe with a control missing.
        e0_uusd: Money the book began with.
        external_uusd: Money paid in since, net of money taken out.
        days: Simulated days that the run was to last.
        market: What each asset would close at without any fault: ``instrument, known_at,
            close_tk``; a pure function of the seed, whose digest stands in the log.
    """

    run: Run
    twin: Run | None = None
    canary: Run | None = None
    e0_uusd: int = 0
    external_uusd: int = 0
    days: int = 0
    market: pl.DataFrame | None = None


@dataclass(frozen=True)
class Finding:
    """What an oracle found in one run.

    Args:
        antecedents: Cases to which its sentence applied.
        violations: Cases in which the sentence was false.
        first_bad_seq: First record that made it false, in the log that the oracle reads; None if
            there is none or no record can be named.
    """

    antecedents: int
    violations: int
    first_bad_seq: int | None = None


@dataclass(frozen=True)
class Oracle:
    """One judge.

    Args:
        id: Its short name.
        sentence: What must hold.
        kind: What its failure means for the system.
        evaluate: The judgement.
        arms: Arms whose runs it judges.
    """

    id: str
    sentence: str
    kind: OracleClass
    evaluate: Callable[[Evidence], Finding]
    arms: tuple[str, ...] = field(default=("real", "twin", "canary"))


def low_half(cloid: str) -> pl.Expr:
    """Return the lower 64 bits of a client order id, as the log's records name it."""
    return pl.col(cloid).bin.slice(0, 8).bin.reinterpret(dtype=pl.UInt64, endianness="little")


def least(values: pl.Series) -> int | None:
    """Return the smallest of some whole numbers, nulls left out; None if there is none."""
    return min((int(value) for value in values.drop_nulls()), default=None)


def greatest(values: pl.Series) -> int | None:
    """Return the largest of some whole numbers, nulls left out; None if there is none."""
    return max((int(value) for value in values.drop_nulls()), default=None)


def finding(antecedents: int, bad_seqs: pl.Series | list[int]) -> Finding:
    """Return a finding from the records that broke the sentence, one for each case."""
    seqs = [int(seq) for seq in bad_seqs]
    return Finding(antecedents, len(seqs), min(seqs, default=None))
