"""Known answers of the random numbers and of canonical JSON, and the twins of both."""

from __future__ import annotations

import struct
from statistics import NormalDist

import numpy as np
import pytest
from draws import WORD, Stream, normal, philox, uniform
from scipy.special import ndtri

from simcore.seeds import jcs

ONES = WORD - 1


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ((0, 0, 0, 0), (0, 0),
         "16554d9eca36314c db20fe9d672d0fdc d7e772cee186176b 7e68b68aec7ba23b"),
        ((ONES, ONES, ONES, ONES), (ONES, ONES),
         "87b092c3013fe90b 438c3c67be8d0224 9cc7d7c69cd777b6 a09caebf594f0ba0"),
        ((0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0x082EFA98EC4E6C89),
         (0x452821E638D01377, 0xBE5466CF34E90C6C),
         "a528f45403e61d95 38c72dbd566e9788 a5a1610e72fd18b5 57bd43b5e52b7fe6"),
    ],
)  # fmt: skip
def test_philox_gives_the_answers_that_its_authors_published(
    counter: tuple[int, ...], key: tuple[int, ...], words: str
) -> None:
    assert [f"{word:016x}" for word in philox(counter, key)] == words.split()


@pytest.mark.parametrize(
    "address",
    [
        (42, "trend", 0, 0, "diffusion"),
        (2**53 - 1, "heston", 999_999, 65_536, "tournament"),
        (0, "factor", 1, 255, "volume"),
    ],
)
def test_numpy_s_philox_gives_the_words_of_the_one_written_out(
    address: tuple[int, str, int, int, str],
) -> None:
    stream = Stream(*address)
    assert stream.words(23) == [stream.word(index) for index in range(23)]


def test_uniforms_stay_inside_the_open_interval_and_are_exact() -> None:
    assert uniform(0) == 2.0**-53
    assert uniform(ONES) == 1.0 - 2.0**-53
    assert 1.0 - uniform(ONES) == uniform(0)
    # With 53 bits and a half the largest would be 1.
    assert ((ONES >> 11) + 0.5) * 2.0**-53 == 1.0


def test_normals_are_the_quantiles_of_two_other_libraries() -> None:
    # Wichura's three worked values.
    assert normal(0.25) == pytest.approx(-0.674489750196081743, rel=1e-15)
    assert normal(0.001) == pytest.approx(-3.090232306167813542, rel=1e-15)
    assert normal(1e-20) == pytest.approx(-9.262340089798407573, rel=1e-15)
    grid = [uniform(word) for word in Stream(1, "trend", 0, 0, "diffusion").words(2_000)]
    edges = [0.075, 0.925, np.exp(-25.0), uniform(0), uniform(ONES), 1e-300]
    p = np.array(grid + edges)
    ours = np.array([normal(each) for each in p])
    np.testing.assert_allclose(ours, ndtri(p), rtol=4e-15)
    np.testing.assert_allclose(ours, [NormalDist().inv_cdf(each) for each in p], rtol=4e-15)


# RFC 8785, appendix B: the bits of a double, and its one spelling.
NUMBERS = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333",
    "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}


@pytest.mark.parametrize(("bits", "text"), NUMBERS.items())
def test_canonical_json_spells_the_standard_s_numbers(bits: str, text: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert jcs(number) == text.encode()


def test_canonical_json_sorts_as_the_standard_s_example() -> None:
    document = {
        "\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One", "\U0001f600": "Emoji: Grinning Face", "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }  # fmt: skip
    text = jcs(document).decode()
    order = ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"]
    places = [text.index(word) for word in order]
    assert places == sorted(places)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 2**53 + 1])
def test_canonical_json_refuses_numbers_that_no_two_readers_agree_on(number: float) -> None:
    with pytest.raises(ValueError, match=r"."):
        jcs(number)
