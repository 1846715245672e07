"""Draws that belong to no scenario: at the address that is written down, and nowhere else."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from scipy.stats import norm

from simcore import engine
from simcore.errors import EngineError

LANE = 2**64 - 3


def words(seed: int, purpose: str, number: int, lane: int, n: int) -> np.ndarray:
    """The same generator as NumPy has it, which steps its counter before the first block."""
    digest = hashlib.sha256(f"spg-rng-v1:{purpose}".encode()).digest()
    counter = (lane << 64) + (number << 192) - 1
    key = seed + (int.from_bytes(digest[:8], "little") << 64)
    return np.random.Philox(counter=counter, key=key).random_raw(n)


@pytest.mark.parametrize(("purpose", "number"), [("evolution", 10), ("tournament", 11)])
def test_uniforms_are_the_words_that_numpy_makes_at_that_address(purpose: str, number: int) -> None:
    expected = ((words(2**53 - 1, purpose, number, LANE, 11) >> 12) + 0.5) * 2.0**-52
    assert engine.uniforms(2**53 - 1, purpose, LANE, 11).tolist() == expected.tolist()


def test_normals_are_the_quantiles_of_the_same_draws() -> None:
    uniforms = engine.uniforms(7, "evolution", 1, 1000)
    np.testing.assert_allclose(engine.normals(7, "evolution", 1, 1000), norm.ppf(uniforms), 1e-12)


def test_a_later_start_gives_the_rest_of_the_same_draws() -> None:
    whole = engine.uniforms(7, "evolution", 1, 20).tolist()
    for start in range(20):
        assert engine.uniforms(7, "evolution", 1, 20 - start, start=start).tolist() == whole[start:]
    assert engine.normals(7, "evolution", 1, 0).tolist() == []


def test_what_has_no_address_is_refused() -> None:
    with pytest.raises(EngineError) as unknown:
        engine.uniforms(1, "luck", 0, 1)
    assert unknown.value.code == "UNKNOWN_NAME"
    with pytest.raises(EngineError) as endless:
        engine.normals(1, "evolution", 0, 2**40)
    assert endless.value.code == "FIELD_INVALID"
