"""Types of the compiled module; `simcore.engine` says what the values mean."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

class RefusalError(Exception): ...

def version() -> str: ...
def catalogue() -> str: ...
def generate(
    scenario_json: str,
    source: Mapping[str, NDArray[Any]] | None = None,
    wants_latent: bool = False,
) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]], str]: ...
def scenario_laws(scenario_json: str, source: Mapping[str, NDArray[Any]] | None = None) -> str: ...
def indicator(program_json: str, bars: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]: ...
def are_mostly_apart(ts: NDArray[np.int64], distance_ns: int) -> bool: ...
def backtest(
    programs: Sequence[str],
    execution_json: str,
    bars: Sequence[Mapping[str, NDArray[Any]]],
    runs: Sequence[tuple[int, int]],
    initial_cash: float,
    bars_per_year: Sequence[float],
    detail: str,
    n_threads: int | None = None,
    benchmark: str | None = None,
    first_bar: int = 0,
) -> list[dict[str, Any]]: ...
def scripted(
    execution_json: str,
    bars: Mapping[str, NDArray[Any]],
    entry_bar: NDArray[np.uint64],
    exit_bar: NDArray[np.uint64],
    side: NDArray[np.float64],
    share: NDArray[np.float64],
    starts: Sequence[int],
    max_leverage: float,
    initial_cash: float,
    bars_per_year: float,
    n_threads: int | None = None,
) -> list[dict[str, Any]]: ...
def arena(
    programs: Sequence[str],
    execution_json: str,
    book_json: str,
    bars: Sequence[Mapping[str, NDArray[Any]]],
    pairings: Sequence[tuple[int, int, int]],
    initial_cash: float,
    bars_per_year: Sequence[float],
    n_threads: int | None = None,
) -> list[dict[str, NDArray[np.float64]]]: ...
def metrics(
    returns: NDArray[np.float64],
    bars_per_year: float,
    mar: float,
    rf: float,
    benchmark: NDArray[np.float64] | None = None,
    ts: NDArray[np.int64] | None = None,
    only: Sequence[str] | None = None,
) -> tuple[dict[str, float], int]: ...
def bootstrap(
    returns: NDArray[np.float64],
    seed: int,
    method: str,
    block_bars: float,
    first_path: int,
    n_paths: int,
    bars_per_year: float,
    n_threads: int | None = None,
) -> dict[str, NDArray[np.float64]]: ...
def optimal_block_bars(values: NDArray[np.float64]) -> tuple[float, float]: ...
def paper(universe_json: str) -> tuple[dict[str, dict[str, Any]], str]: ...
def uniforms(seed: int, purpose: str, lane: int, start: int, n: int) -> NDArray[np.float64]: ...
def normals(seed: int, purpose: str, lane: int, start: int, n: int) -> NDArray[np.float64]: ...
