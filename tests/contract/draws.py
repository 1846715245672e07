"""Slow, obvious twins of the engine's random numbers: address, Philox, uniform, normal.

Written from the published algorithms; they share no code with the engine. Draws come by the
stretch from NumPy's Philox, and one at a time from a Philox written out here.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np

# Philox4x64-10: Salmon, Moraes, Dror and Shaw (2011), "Parallel random numbers: as easy as 1, 2,
# 3".
MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
WORD = 2**64

PURPOSES = (
    "diffusion", "jump_event", "jump_size", "vol", "regime", "intrabar", "volume", "bootstrap",
    "execution", "agents", "evolution", "tournament",
)  # fmt: skip


def philox(counter: tuple[int, ...], key: tuple[int, ...]) -> list[int]:
    """Four words for one counter under one key, by ten rounds written out."""
    a, b, c, d = counter
    k, l = key  # noqa: E741
    for _ in range(10):
        high, low = divmod(MULTIPLIERS[0] * a, WORD)
        other_high, other_low = divmod(MULTIPLIERS[1] * c, WORD)
        a, b, c, d = other_high ^ b ^ k, other_low, high ^ d ^ l, low
        k, l = (k + WEYL[0]) % WORD, (l + WEYL[1]) % WORD  # noqa: E741
    return [a, b, c, d]


def family_key(name: str) -> int:
    """Second word of the key: the first eight bytes of a digest, little end first."""
    digest = hashlib.sha256(f"spg-rng-v1:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "little")


def uniform(bits: int) -> float:
    """A word as a number inside (0, 1)."""
    return ((bits >> 12) + 0.5) * 2.0**-52


def normal(p: float) -> float:
    """Standard normal quantile; Wichura (1988), AS 241, PPND16, coefficients as printed."""
    q = p - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        return q * _ratio(r, A, B)
    r = math.sqrt(-math.log(p if q < 0.0 else 1.0 - p))
    z = _ratio(r - 1.6, C, D) if r <= 5.0 else _ratio(r - 5.0, E, F)
    return -z if q < 0.0 else z


def _ratio(r: float, above: tuple[float, ...], below: tuple[float, ...]) -> float:
    top = bottom = 0.0
    for coefficient in reversed(above):
        top = top * r + coefficient
    for coefficient in reversed(below):
        bottom = bottom * r + coefficient
    return top / bottom


# Lowest power first.
A = (
    3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
    1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
    3.3430575583588128105e4, 2.5090809287301226727e3,
)  # fmt: skip
B = (
    1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
    2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4,
    5.2264952788528545610e3,
)  # fmt: skip
C = (
    1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
    3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
    2.27238449892691845833e-2, 7.74545014278341407640e-4,
)  # fmt: skip
D = (
    1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
    1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
    1.05075007164441684324e-9,
)  # fmt: skip
E = (
    6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0,
    2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
    2.71155556874348757815e-5, 2.01033439929228813265e-7,
)  # fmt: skip
F = (
    1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
    7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
    2.04426310338993978564e-15,
)  # fmt: skip


class Stream:
    """The draws for one purpose of one asset on one path of a scenario."""

    def __init__(self, seed: int, family: str, path: int, asset: int, purpose: str) -> None:
        self.key = (seed, family_key(family))
        self.high = (path, asset, PURPOSES.index(purpose))

    def word(self, index: int) -> int:
        """Draw number `index` as 64 bits."""
        return philox((index // 4, *self.high), self.key)[index % 4]

    def uniform(self, index: int) -> float:
        """Draw number `index` inside (0, 1)."""
        return uniform(self.word(index))

    def normal(self, index: int) -> float:
        """Draw number `index` as a standard normal."""
        return normal(self.uniform(index))

    def words(self, count: int) -> list[int]:
        """Draws 0 to `count` - 1 as 64 bits, from NumPy.

        NumPy adds one to its counter before the first block, so it starts one behind.
        """
        counter = sum(word << (64 * place) for place, word in enumerate((0, *self.high)))
        key = sum(word << (64 * place) for place, word in enumerate(self.key))
        generator = np.random.Philox(counter=(counter - 1) % 2**256, key=key)
        return [int(word) for word in generator.random_raw(count)]

    def uniforms(self, count: int) -> list[float]:
        """Draws 0 to `count` - 1 inside (0, 1)."""
        return [uniform(word) for word in self.words(count)]

    def normals(self, count: int) -> list[float]:
        """Draws 0 to `count` - 1 as standard normals."""
        return [normal(u) for u in self.uniforms(count)]
