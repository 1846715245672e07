"""Playing a tournament: entrants and runs in, games and standings out.

Runs are made once and compared; nothing is simulated per game, but where entries meet in arenas:
there every pair has runs of its own. The same rows in any order give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from simcore.backtests.request import execution_fields
from simcore.errors import SpecError
from simcore.seeds import jcs, sha256_hex
from simcore.tables import TABLES
from simcore.tournaments.arrange import arranged, check_weights, kept_runs, stress_scores
from simcore.tournaments.document import TournamentDocument, read_tournament, refusal, title_of
from simcore.tournaments.evidence import Evidence
from simcore.tournaments.field import Entrant, Field, Games
from simcore.tournaments.game import result_names
from simcore.tournaments.intervals import N_RATING_RESAMPLES, N_RESAMPLES
from simcore.tournaments.paired_field import arranged_pairs, game_scores
from simcore.tournaments.rounds import played_games
from simcore.tournaments.seeding import ratings_of, refused, seeded_by
from simcore.tournaments.standings import Asked, standings

NOTHING_ELSE = Evidence()


@dataclass(frozen=True)
class Played:
    """A tournament that was played.

    Args:
        standings: Rows of the table `standings`.
        games: Rows of the table `games`.
        manifest: Everything the results depend on; its hash stands in every row.
        facts: What is known about the whole, for metadata and reports.
    """

    standings: pl.DataFrame
    games: pl.DataFrame
    manifest: dict[str, Any]
    facts: dict[str, Any]


@dataclass(frozen=True)
class Tournament:
    """What `tournament` returns.

    Args:
        standings: One row an entrant, the leader first.
        games: One row a game.
        manifest: Everything the results depend on.
        facts: What is known about the whole: places, rank correlation of the order with both parts
            of the default score, aliases.
    """

    standings: pl.DataFrame
    games: pl.DataFrame
    manifest: dict[str, Any]
    facts: dict[str, Any]


def tournament(
    document: str | Path | dict[str, Any], *, home: str | Path | None = None
) -> Tournament:
    """Generate the markets, run every entry on them and play, all in memory.

    Args:
        document: A tournament document, its id, path or text. It names its entries and scenarios;
            ``"campaign"`` has a meaning only within one.
        home: Where the user's own documents lie; None reads the shipped library only.

    Raises:
        SpecError: The document, or one that it names, is wrong; or no game can be played.
    """
    played = _played(read_tournament(document, home=home), home, ())
    order = ["rank", "elo_bt", "ir_hash"]
    in_order = played.standings.sort(order, descending=[False, True, False], nulls_last=True)
    return Tournament(in_order, played.games, played.manifest, played.facts)


def _played(asked: TournamentDocument, home: str | Path | None, waiting: tuple[str, ...]) -> Played:
    """Play a tournament, and before it the one that seeds it; `waiting` are seeded by this one."""
    from simcore.tournaments.simulated import simulated

    prior: Mapping[str, float] = {}
    earlier = seeded_by(asked)
    if earlier in (*waiting, asked.id):
        raise refused(asked, "CYCLE", "one that can be played before this one")
    if earlier is not None:
        first = _earlier(asked, earlier, home)
        prior = ratings_of(_played(first, home, (*waiting, asked.id)).standings)
    made = simulated(asked, home)
    evidence = replace(made.evidence, prior=prior)
    return play(asked, made.entries, made.runs, made.families, evidence=evidence)


def _earlier(asked: TournamentDocument, name: str, home: str | Path | None) -> TournamentDocument:
    """Read the tournament that seeds one; what is wrong with its name is wrong there."""
    try:
        return read_tournament(name, home=home)
    except SpecError as error:
        raise SpecError(
            [
                each if each.source else replace(each, path="/format/seeded_by", source=asked.id)
                for each in error.problems
            ]
        ) from None


def play(
    document: TournamentDocument,
    entries: Sequence[Mapping[str, Any]],
    runs: pl.DataFrame,
    families: Mapping[str, str],
    seed: int | None = None,
    evidence: Evidence = NOTHING_ELSE,
) -> Played:
    """Compare the runs of all entries, match by match, and rank them.

    Args:
        document: What is played.
        entries: One mapping an entry: ``strategy_id, name, version, ir_hash``. Equal programs
            under several ids are one entrant.
        runs: Rows of the table `backtests`, or of `paired_runs` for an arena; those of other
            entries, scenarios or executions are left out.
        families: Family by scenario id, for every scenario of the tournament.
        seed: Of the bootstrap; None takes the document's.
        evidence: What is known beside the runs; columns that need it are null without.

    Returns:
        Rows in key order, the manifest and facts. Entries without a run stand in
        ``facts["without_runs"]`` only.

    Raises:
        SpecError: An entry twice; runs made with other cash; or nobody to compare (NO_GAMES).
        TableError: A run twice.
    """
    used_seed = document.seed if seed is None else seed
    entrants = _entrants(document, entries)
    kept = kept_runs(document, entrants, runs, families)
    field = _arranged(document, entrants, kept, families)
    if document.arena is not None:
        # Nobody was put under stress there, and what a market allows is not known of a moved one.
        evidence = replace(evidence, stress=None, sharpe_max={})
    names = {each: e.ir_hash for e in entrants for each in e.ids}
    if evidence.champion is None:
        evidence = replace(evidence, champion=_title(document, field, names))
    games, stages, finish = played_games(document, field, used_seed, names, evidence.prior)
    if len(games.market) == 0:
        raise _no_games(document, field)
    manifest = _manifest(document, entrants, kept, families, used_seed) | evidence.manifest()
    under = evidence.stress
    asked = Asked(
        tournament_id=document.id,
        manifest_hash=sha256_hex(jcs(manifest)),
        score=document.score.type,
        seed=used_seed,
        alpha=document.alpha,
        finish=finish,
        evidence=evidence,
        stress=None if under is None else stress_scores(document, field, under, families),
    )
    ranked, facts = standings(field, games, asked)
    present = {entrant.ir_hash for entrant in field.entrants}
    facts["places"] = [list(group) for group in finish.places]
    facts["format"] = dict(finish.facts)
    facts["without_runs"] = [e.strategy_id for e in entrants if e.ir_hash not in present]
    frame = _games_frame(document.id, field, games, stages)
    return Played(ranked, frame, manifest, facts)


def _no_games(document: TournamentDocument, field: Field) -> SpecError:
    found = f"{len(field.entrants)} different strategies with runs, {len(field.markets)} markets"
    message = f"got {found}, expected two that share a market"
    return refusal(document, "NO_GAMES", "/entries", message)


def _entrants(
    document: TournamentDocument, entries: Sequence[Mapping[str, Any]]
) -> tuple[Entrant, ...]:
    """Entrants sorted by hash, each with every id that has its program."""
    by_hash: dict[str, list[Mapping[str, Any]]] = {}
    seen: set[str] = set()
    for entry in entries:
        if entry["strategy_id"] in seen:
            message = f'got strategy "{entry["strategy_id"]}" twice, expected each once'
            raise refusal(document, "DUPLICATE", "/entries", message)
        seen.add(entry["strategy_id"])
        if document.entries is None or entry["strategy_id"] in document.entries:
            by_hash.setdefault(entry["ir_hash"], []).append(entry)
    entrants = []
    for ir_hash in sorted(by_hash):
        named = sorted(by_hash[ir_hash], key=lambda entry: str(entry["strategy_id"]))
        first, *others = named
        aliases = tuple(other["strategy_id"] for other in others)
        entrants.append(
            Entrant(ir_hash, first["strategy_id"], first["name"], first["version"], aliases)
        )
    return tuple(entrants)


def _title(document: TournamentDocument, field: Field, names: Mapping[str, str]) -> str | None:
    """Id of the strategy that holds the title, which must be in the field; None: nobody does."""
    title = title_of(document)
    present = {entrant.ir_hash for entrant in field.entrants}
    if title is not None and title == document.champion and names.get(title) not in present:
        message = f'got "{title}", expected one of the entries that have runs'
        raise refusal(document, "UNKNOWN_NAME", "/champion", message)
    return title


def _arranged(
    document: TournamentDocument,
    entrants: Sequence[Entrant],
    kept: pl.DataFrame,
    families: Mapping[str, str],
) -> Field:
    """Runs as arrays, alone or of pairs, with weights that fit the families."""
    place = arranged if document.arena is None else arranged_pairs
    field = place(document, entrants, kept, families)
    check_weights(document, [market.family for market in field.markets])
    return field


def _games_frame(
    tournament_id: str, field: Field, games: Games, stages: Sequence[str]
) -> pl.DataFrame:
    ids = np.array([entrant.strategy_id for entrant in field.entrants], dtype=object)
    score_a, score_b = game_scores(field, games.market, games.entry_a, games.entry_b)
    frame = pl.DataFrame(
        {
            "round": games.round_index,
            "stage": [stages[i] for i in games.round_index],
            "scenario_id": [field.markets[i].scenario_id for i in games.market],
            "path": [field.markets[i].path for i in games.market],
            "entry_a": ids[games.entry_a].tolist(),
            "entry_b": ids[games.entry_b].tolist(),
            "score_a": score_a,
            "score_b": score_b,
            "result": result_names(games.points_a),
        }
    ).with_columns(tournament_id=pl.lit(tournament_id))
    table = TABLES["games"]
    return table.conform(frame.sort(table.key))


def _manifest(
    document: TournamentDocument,
    entrants: Sequence[Entrant],
    kept: pl.DataFrame,
    families: Mapping[str, str],
    seed: int,
) -> dict[str, Any]:
    """Everything the results depend on; known before a single game is played."""
    markets = kept.select("scenario_id", "scenario_hash", "dataset_hash", "path").unique()
    return {
        "schema": "tournament/0.1",
        "entries": [
            {
                "ir_hash": entrant.ir_hash,
                "name": entrant.name,
                "version": entrant.version,
                "strategies": sorted(entrant.ids),
            }
            for entrant in entrants
        ],
        "scenarios": [
            {**row, "family": families[row["scenario_id"]]}
            for row in markets.sort("scenario_id", "path").iter_rows(named=True)
        ],
        "format": document.format.model_dump(mode="json"),
        **({} if document.arena is None else {"arena": document.arena.fields()}),
        "score": {
            **document.score.model_dump(mode="json"),
            "weights": list(document.score.used_weights),
        },
        "execution": execution_fields(document.execution),
        "initial_cash": document.initial_cash,
        **({"family_weights": document.family_weights} if document.family_weights else {}),
        "alpha": document.alpha,
        "seed": seed,
        "resamples": N_RESAMPLES,
        "rating_resamples": N_RATING_RESAMPLES,
    }
