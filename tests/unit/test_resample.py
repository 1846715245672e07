"""Resampling of markets: addressed draws, strata, unbiased spread."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from simcore.tournaments.resample import deck, market_weights, philox, uniforms


def test_the_generator_gives_the_known_answer() -> None:
    zero = np.zeros(1, dtype=np.uint64)
    words = philox((zero, zero, zero, zero), (0, 0))
    assert [f"{int(word[0]):016x}" for word in words] == [
        "16554d9eca36314c", "db20fe9d672d0fdc", "d7e772cee186176b", "7e68b68aec7ba23b",
    ]  # fmt: skip


def test_the_generator_is_numpys_one_block_ahead() -> None:
    seed, n_draws = 2**53 - 1, 10
    ours = uniforms(seed, 5, 6, n_draws)[0]
    word = int.from_bytes(hashlib.sha256(b"spg-rng-v1:tournament").digest()[:8], "little")
    theirs = np.random.Philox(
        key=np.array([seed, word], dtype=np.uint64),
        counter=np.array([2**64 - 1, 5 - 1, 0, 11], dtype=np.uint64),  # one less than [0, 5, 0, 11]
    )
    raw = theirs.random_raw(12)[:n_draws]
    np.testing.assert_array_equal(ours, ((raw >> np.uint64(12)) + 0.5) * 2.0**-52)


def test_replicates_do_not_depend_on_the_block_they_are_made_in() -> None:
    strata = [np.array([0, 3, 4]), np.array([1, 2]), np.array([5])]
    whole = market_weights(strata, seed=9, first=0, last=50)
    parts = [market_weights(strata, seed=9, first=i, last=i + 1) for i in range(50)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))
    assert not np.array_equal(whole, market_weights(strata, seed=10, first=0, last=50))


def test_markets_are_dealt_by_draws_that_no_replicate_has() -> None:
    dealt = list(deck(["calm"] * 50, seed=9))
    assert sorted(dealt) == list(range(50))
    assert dealt == np.argsort(uniforms(9, 0, 1, 50, lane=1)[0]).tolist()
    assert dealt != np.argsort(uniforms(9, 0, 1, 50)[0]).tolist()
    assert dealt != list(deck(["calm"] * 50, seed=10))


def test_weights_of_a_stratum_sum_to_its_size_and_a_lone_market_always_stays() -> None:
    strata = [np.array([0, 3, 4]), np.array([1, 2]), np.array([5])]
    weights = market_weights(strata, seed=1, first=0, last=2_000)
    for stratum in strata:
        np.testing.assert_allclose(weights[:, stratum].sum(axis=1), len(stratum), rtol=1e-12)
    assert (weights[:, 5] == 1.0).all()
    assert set(np.unique(weights[:, 1])) == {0.0, 2.0}


def test_the_spread_of_resampled_means_is_that_of_the_mean() -> None:
    values = np.array([1.0, 4.0, -2.0, 0.5, 7.0])
    weights = market_weights([np.arange(5)], seed=3, first=0, last=40_000)
    means = weights @ values / 5.0
    expected = values.var(ddof=1) / 5.0
    # Four standard errors of a variance from 40,000 replicates are about 3 %.
    assert means.var() == pytest.approx(expected, rel=0.03)
    assert means.mean() == pytest.approx(values.mean(), abs=4.0 * np.sqrt(expected / 40_000))
