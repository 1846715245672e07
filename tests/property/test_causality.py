"""What a shipped strategy knows on a bar does not change with the bars that come after it."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market import market

import simcore
from simcore import engine
from simcore.bars import columns
from simcore.documents import found

N_BARS = 500


def known(program_json: str, bars: pl.DataFrame) -> list[bytes]:
    """Every number and every condition of a program, bar by bar, as bytes."""
    program = json.loads(program_json)
    made = []
    for slot in range(len(program["code"])):
        asked = json.dumps(program | {"output": slot})
        made.append(np.nan_to_num(engine.indicator(asked, columns(bars)), nan=-1e300))
    return [values.tobytes() for values in made]


@pytest.mark.parametrize("strategy", sorted(found("strategies")))
@given(seed=st.integers(0, 10_000), other=st.integers(0, 10_000), cut=st.integers(1, N_BARS - 2))
@settings(max_examples=10)
def test_neither_another_future_nor_none_changes_what_a_strategy_knows(
    strategy: str, seed: int, other: int, cut: int
) -> None:
    program = simcore.compile_strategy(strategy).program_json
    bars = market(seed, N_BARS)
    past = bars[: cut + 1]
    future = market(other, N_BARS, price=bars["close"][cut], sigma=0.03)[cut + 1 :]
    n_bytes = 8 * (cut + 1)
    expected = [values[:n_bytes] for values in known(program, bars)]
    assert [values[:n_bytes] for values in known(program, pl.concat([past, future]))] == expected
    assert known(program, past) == expected
