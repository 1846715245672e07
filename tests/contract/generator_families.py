"""Slow, obvious twins of the scenario families' increments, from their definitions.

`UNIVARIATE` has one entry for each family of one asset that draws. A family without an entry fails
the contract tests.
Overlays do not feed a family's own state: where it has one, it is kept beside the price.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from draws import Stream
from generator import BPS, BarInput, BarOutput, FamilyTwin, Series, walk

Document = dict[str, Any]
Draws = Callable[[str], Stream]
"""The stream of one purpose, at the address of the asset at hand."""


def evenly(bar: BarInput, predictable: float, constant: float, s: float) -> BarOutput:
    """Walk a bar of one mean and deviation; overlays shrink only what is predictable."""
    n, weather = len(bar.z), bar.weather
    mean = weather.edge * predictable + constant + weather.drift
    wide = s * weather.volatility
    x, ends = bar.x, []
    for z in bar.z:
        x += mean / n + wide / math.sqrt(n) * z
        ends.append(x)
    own = predictable + constant + s / math.sqrt(n) * sum(bar.z)
    return BarOutput(ends, [wide**2 / n] * n, own / s, s)


class Trend(FamilyTwin):
    """Geometric Brownian motion; the Ito form keeps the mean of the price, not of its log."""

    def __init__(self, params: Document) -> None:
        self.drift, self.s = params.get("drift", 0.0) * BPS, params.get("sigma", 10.0) * BPS
        self.is_ito = params.get("drift_convention", "ito") == "ito"

    def deviation(self) -> float:
        return self.s

    def law(self, bar: BarInput) -> tuple[float, float, float]:
        """What is predictable of a bar, what is constant besides, and its deviation."""
        s = self.s * math.sqrt(bar.length)
        correction = -0.5 * (s * bar.weather.volatility) ** 2 if self.is_ito else 0.0
        return self.drift * bar.length, correction, s

    def bar(self, bar: BarInput) -> BarOutput:
        return evenly(bar, *self.law(bar))


class ShockMix(FamilyTwin):
    """A trend whose bars open with a normal jump, each with probability p."""

    def __init__(self, params: Document, document: Document, draws: Draws) -> None:
        self.trend, n_bars = Trend(params), document["duration_bars"]
        self.p, self.mu = params["p_jump"], params["jump_mu"] * BPS
        self.sigma = params["jump_sigma"] * BPS
        self.events = draws("jump_event").uniforms(n_bars)
        self.sizes = draws("jump_size").normals(n_bars)
        self.compensation = 0.0
        if params.get("compensate", False):
            growth = 1.0 - self.p + self.p * math.exp(self.mu + self.sigma**2 / 2.0)
            self.compensation = math.log(growth) if self.trend.is_ito else self.p * self.mu

    def deviation(self) -> float:
        return self.trend.deviation()

    def jump(self, t: int) -> float:
        return self.mu + self.sigma * self.sizes[t] if self.events[t] < self.p else 0.0

    def bar(self, bar: BarInput) -> BarOutput:
        predictable, constant, s = self.trend.law(bar)
        return evenly(bar, predictable, constant - self.compensation, s)


class Garch(FamilyTwin):
    """GARCH(1,1) and GJR; variances in bps², fed by the family's own returns."""

    def __init__(self, params: Document) -> None:
        self.omega, self.alpha, self.beta = params["omega"], params["alpha"], params["beta"]
        self.mu, self.gamma = params.get("mu", 0.0), params.get("gamma", 0.0)
        self.h = self.omega / (1.0 - self.alpha - self.beta - self.gamma / 2.0)

    def deviation(self) -> float:
        return math.sqrt(self.h) * BPS

    def bar(self, bar: BarInput) -> BarOutput:
        s = self.deviation() * math.sqrt(bar.length)
        shock = s / BPS / math.sqrt(len(bar.z)) * sum(bar.z)
        reaction = self.alpha + (self.gamma if shock < 0.0 else 0.0)
        # A short bar counts as if it had been of nominal length.
        self.h = self.omega + reaction * shock**2 / bar.length + self.beta * self.h
        return evenly(bar, self.mu * BPS * bar.length, 0.0, s)


class Egarch(FamilyTwin):
    """Nelson's: ln h' = omega + beta ln h + alpha (|z| - E|z|) + gamma z, within 25 of its mean."""

    def __init__(self, params: Document, document: Document) -> None:
        self.params, self.mu = params, params.get("mu", 0.0)
        self.level = self.ln_h = params["omega"] / (1.0 - params["beta"])
        nu = document["innovations"].get("nu")
        self.mean_size = math.sqrt(2.0 / math.pi)
        if nu is not None:
            ratio = math.gamma((nu - 1) / 2.0) / math.gamma(nu / 2.0)
            self.mean_size = math.sqrt((nu - 2) / math.pi) * ratio

    def deviation(self) -> float:
        return math.exp(self.ln_h / 2.0) * BPS

    def bar(self, bar: BarInput) -> BarOutput:
        s = self.deviation() * math.sqrt(bar.length)
        z = sum(bar.z) / math.sqrt(len(bar.z))
        moved = self.params["alpha"] * (abs(z) - self.mean_size) + self.params["gamma"] * z
        ln_h = self.params["omega"] + self.params["beta"] * self.ln_h + moved
        self.ln_h = min(max(ln_h, self.level - 25.0), self.level + 25.0)
        return evenly(bar, self.mu * BPS * bar.length, 0.0, s)


class PriceReversion(FamilyTwin):
    """Ornstein and Uhlenbeck's process of the log price, by its exact law."""

    def __init__(self, params: Document, document: Document) -> None:
        self.kappa, self.s = params["kappa"], params["sigma"] * BPS
        self.y = math.log(params["theta"] / document["p0"])
        self.own = 0.0

    def spread(self, time: float) -> float:
        """Deviation that builds up over so many bars."""
        return self.s * math.sqrt(-math.expm1(-2.0 * self.kappa * time) / (2.0 * self.kappa))

    def deviation(self) -> float:
        return self.spread(1.0)

    def night(self, t: int, scale: float, z: float) -> float:
        gap = super().night(t, scale, z)
        self.own += gap
        return gap

    def bar(self, bar: BarInput) -> BarOutput:
        n, weather = len(bar.z), bar.weather
        step, whole = self.spread(bar.length / n), self.spread(bar.length)
        start, x, ends = self.own, bar.x, []
        for z in bar.z:
            pull = math.expm1(-self.kappa * bar.length / n) * (self.own - self.y)
            self.own += pull + step * z
            x += weather.edge * pull + weather.drift / n + weather.volatility * step * z
            ends.append(x)
        foretold = math.expm1(-self.kappa * bar.length) * (start - self.y)
        surprise = (self.own - start - foretold) / whole
        return BarOutput(ends, [(weather.volatility * step) ** 2] * n, surprise, whole)


class ReturnReversion(FamilyTwin):
    """The same process of the returns, cut back to ten stationary deviations around its mean."""

    def __init__(self, params: Document) -> None:
        self.kappa, s = params["kappa"], params["sigma"] * BPS
        self.theta = self.r = params["theta"] * BPS
        self.s = s * math.sqrt(-math.expm1(-2.0 * self.kappa) / (2.0 * self.kappa))
        self.bound = 10.0 * s / math.sqrt(2.0 * self.kappa)

    def deviation(self) -> float:
        return self.s

    def bar(self, bar: BarInput) -> BarOutput:
        foretold = self.theta + math.exp(-self.kappa) * (self.r - self.theta)
        noise = self.s / math.sqrt(len(bar.z)) * sum(bar.z)
        free = foretold + noise
        self.r = min(max(free, self.theta - self.bound), self.theta + self.bound)
        kept = 1.0 if self.r == free else max((self.r - foretold) / noise, 0.0)
        s = self.s * math.sqrt(bar.length)
        cut = BarInput(bar.t, bar.x, [kept * z for z in bar.z], bar.length, bar.weather)
        made = evenly(cut, foretold * bar.length, 0.0, s)
        return BarOutput(made.ends, made.variances, kept * noise / self.s, s)


class Heston(FamilyTwin):
    """Full-truncation Euler; the variance in bps² per bar starts at its mean."""

    def __init__(self, params: Document, document: Document, draws: Draws) -> None:
        self.kappa, self.theta, self.xi = params["kappa"], params["theta"], params["xi"]
        self.rho, self.mu = params["rho"], params.get("mu", 0.0)
        self.n, self.v = document["n_sub"], self.theta
        self.draws = draws("vol").normals(self.n * document["duration_bars"])

    def foretold(self, length: float) -> float:
        """Mean of the variance over the coming bar, as if it were not cut off at zero."""
        keep = 1.0 - self.kappa * length / self.n
        share = sum(keep**j for j in range(self.n)) / self.n
        return self.theta + (max(self.v, 0.0) - self.theta) * share

    def deviation(self) -> float:
        return math.sqrt(self.foretold(1.0)) * BPS

    def bar(self, bar: BarInput) -> BarOutput:
        dt, weather = bar.length / self.n, bar.weather
        own = math.sqrt(self.foretold(bar.length) * bar.length)
        x, noise = bar.x, 0.0
        ends, variances = [], []
        for j, z in enumerate(bar.z):
            z_v, v = self.draws[bar.t * self.n + j], max(self.v, 0.0)
            mixed = self.rho * z_v + math.sqrt(1.0 - self.rho**2) * z
            wide = weather.volatility * BPS
            x += weather.edge * self.mu * BPS * dt + weather.drift / self.n
            x += -0.5 * wide**2 * v * dt + wide * math.sqrt(v * dt) * mixed
            noise += math.sqrt(v * dt) * mixed
            ends.append(x)
            variances.append(wide**2 * v * dt)
            self.v += self.kappa * (self.theta - v) * dt + self.xi * math.sqrt(v * dt) * z_v
        return BarOutput(ends, variances, noise / own if own > 0.0 else 0.0, own * BPS)


class Agents(FamilyTwin):
    """Franke and Westerhoff's fundamentalists and chartists; the fundamental value is p0."""

    DEFAULTS: ClassVar[Document] = {
        "mu": 0.01, "beta": 1.0, "phi": 0.12, "chi": 1.5, "alpha_0": -0.327, "alpha_n": 1.79,
        "alpha_p": 18.43, "sigma_f": 0.758, "sigma_c": 2.087, "scale": 1.0,
    }  # fmt: skip

    def __init__(self, params: Document) -> None:
        self.given = {**self.DEFAULTS, **params}
        self.x = self.last = self.attraction = 0.0

    def law(self) -> tuple[float, float, float]:
        """Share of fundamentalists in the coming bar; mean and deviation of its return."""
        given = self.given
        share = 1.0 / (1.0 + math.exp(-given["beta"] * self.attraction))
        demand = (1.0 - share) * given["chi"] * self.last - share * given["phi"] * self.x
        noise = math.hypot(share * given["sigma_f"], (1.0 - share) * given["sigma_c"])
        return share, given["mu"] * demand, given["mu"] * noise

    def deviation(self) -> float:
        return self.given["scale"] * self.law()[2]

    def night(self, t: int, scale: float, z: float) -> float:
        gap = super().night(t, scale, z)
        self.x += gap / self.given["scale"]
        return gap

    def bar(self, bar: BarInput) -> BarOutput:
        given, (share, mean, noise) = self.given, self.law()
        s = given["scale"] * noise * math.sqrt(bar.length)
        made = evenly(bar, given["scale"] * mean * bar.length, 0.0, s)
        herding = given["alpha_n"] * (share - (1.0 - share))
        self.attraction = herding + given["alpha_0"] + given["alpha_p"] * self.x**2
        self.last = made.surprise * s / given["scale"]
        self.x += self.last
        return made


class Regime(FamilyTwin):
    """A Markov chain of trends and reversions of one price; draw t takes the state of bar t."""

    def __init__(self, params: Document, document: Document, draws: Draws) -> None:
        self.rows, self.x = params["transition"], 0.0
        self.u = draws("regime").uniforms(document["duration_bars"] + 1)
        self.blocks = [
            Trend(state) if state["type"] == "trend" else PriceReversion(state, document)
            for state in params["states"]
        ]
        self.state = 0
        if params.get("start", "first") == "stationary":
            self.state = drawn(stationary(self.rows), self.u[0])

    def deviation(self) -> float:
        return self.blocks[self.state].deviation()

    def night(self, t: int, scale: float, z: float) -> float:
        gap = super().night(t, scale, z)
        self.x += gap
        return gap

    def bar(self, bar: BarInput) -> BarOutput:
        block = self.blocks[self.state]
        if isinstance(block, PriceReversion):
            block.own = self.x
            made = block.bar(bar)
            self.x = block.own
        else:
            made = block.bar(bar)
            self.x += made.surprise * made.deviation
        self.state = drawn(self.rows[self.state], self.u[bar.t + 1])
        return made


def stationary(rows: list[list[float]]) -> list[float]:
    """Return the shares of the long run: unchanged by the chain, and 1 in sum."""
    count = len(rows)
    system = np.vstack([np.array(rows).T - np.eye(count), np.ones(count)])
    return [float(x) for x in np.linalg.lstsq(system, np.eye(count + 1)[count])[0]]


def drawn(shares: list[float], u: float) -> int:
    """Return the state that a draw falls on, by the inverse of the distribution."""
    ends = list(itertools.accumulate(shares))
    return next((state for state, end in enumerate(ends) if u < end), len(shares) - 1)


def vol_cluster(params: Document, document: Document, draws: Draws) -> FamilyTwin:
    """Return the twin of the form that was asked for."""
    is_log = params.get("form", "garch") == "egarch"
    return Egarch({"gamma": 0.0, **params}, document) if is_log else Garch(params)


def mean_revert(params: Document, document: Document, draws: Draws) -> FamilyTwin:
    """Return the twin of the form that was asked for."""
    is_price = params.get("form", "ou_price") == "ou_price"
    return PriceReversion(params, document) if is_price else ReturnReversion(params)


Univariate = Callable[[Document, Document, Draws], FamilyTwin]
"""From parameters, document and draws of one path to its model."""

UNIVARIATE: dict[str, Univariate] = {
    "trend": lambda params, document, draws: Trend(params),
    "mean_revert": mean_revert,
    "vol_cluster": vol_cluster,
    "shock_mix": ShockMix,
    "regime": Regime,
    "heston": Heston,
    "agents": lambda params, document, draws: Agents(params),
}


def address(document: Document, path: int, asset: int) -> Draws:
    """Return the streams of one asset of one path."""
    return lambda purpose: Stream(document["seed"], document["family"], path, asset, purpose)


def diffusion(document: Document, path: int, asset: int) -> list[float]:
    """Return the standard normals of every sub-step of one asset of one path."""
    count = document["n_sub"] * document["duration_bars"]
    return address(document, path, asset)("diffusion").normals(count)


def alone(document: Document, path: int) -> list[Series]:
    """Return the one asset of one path."""
    family = UNIVARIATE[document["family"]]
    model = family(document["params"], document, address(document, path, 0))
    return [walk(document, path, 0, model, diffusion(document, path, 0))]
