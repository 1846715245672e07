"""A slow, obvious twin of the family with several assets: one factor, or a correlation matrix."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from generator import (
    APART,
    BPS,
    CLIPPED,
    BarInput,
    BarOutput,
    FamilyTwin,
    Series,
    befalls,
    guarded,
    walk,
)  # fmt: skip
from generator_families import UNIVARIATE, Trend, address, diffusion
from sessions import bar_times, session_bars

Document = dict[str, Any]

FACTOR_ASSET = 2**16
"""Where the factor draws: beyond every asset."""


def of_path(document: Document, path: int) -> list[Series]:
    """Return every asset of one path."""
    is_factor = document["params"].get("form", "factor") == "factor"
    return common(document, path) if is_factor else correlated(document, path)


class Correlated(FamilyTwin):
    """A trend whose overnight gaps are mixed as its draws are."""

    def __init__(self, trend: Trend, weights: list[float], nights: list[Any]) -> None:
        self.trend, self.weights, self.nights = trend, weights, nights

    def deviation(self) -> float:
        return self.trend.deviation()

    def night(self, t: int, scale: float, z: float) -> float:
        draws = [stream.normal(APART + t) for stream in self.nights]
        mixed = sum(w * draw for w, draw in zip(self.weights, draws, strict=True))
        return scale * self.deviation() * mixed

    def bar(self, bar: BarInput) -> BarOutput:
        return self.trend.bar(bar)


def correlated(document: Document, path: int) -> list[Series]:
    """Return trends whose draws are mixed by the lower triangle of the matrix."""
    params, count = document["params"], len(document["assets"])
    lower = np.linalg.cholesky(np.array(params["correlation"]))
    drawn = np.array([diffusion(document, path, asset) for asset in range(count)])
    nights = [address(document, path, asset)("jump_size") for asset in range(count)]
    drifts = params.get("drifts", [0.0] * count)
    made = []
    for asset in range(count):
        trend = Trend({"drift": drifts[asset], "sigma": params["sigmas"][asset]})
        weights = [float(weight) for weight in lower[asset]]
        mixed = [float(z) for z in lower[asset] @ drawn]
        made.append(walk(document, path, asset, Correlated(trend, weights, nights), mixed))
    return made


@dataclass(frozen=True)
class FactorBar:
    """What the factor did in one bar."""

    jump: float
    night: float
    steps: list[float]
    made: BarOutput


def factor_bars(document: Document, path: int) -> tuple[list[FactorBar], list[bool]]:
    """Walk the factor through every bar; also tell where the guard cut it back."""
    spec, n = document["params"]["factor"], document["n_sub"]
    draws = address(document, path, FACTOR_ASSET)
    model = UNIVARIATE[spec["family"]](spec["params"], document, draws)
    z, events = diffusion(document, path, FACTOR_ASSET), draws("jump_event")
    times = bar_times(
        document["calendar"], document["timeframe"], document["start"], document["duration_bars"]
    )
    default = 0.2 if document["calendar"] == "us_equity" else 0.0
    w = document.get("overnight_var_share", default)
    scale = math.sqrt(session_bars(document["calendar"], document["timeframe"]) * w / (1.0 - w))
    bars, cuts, x = [], [], 0.0
    for t, time in enumerate(times):
        jump, night = model.jump(t), 0.0
        if t > 0 and time.opens_session and w > 0.0:
            night = model.night(t, scale, draws("jump_size").normal(APART + t))
        # What overlays add goes to each asset once, whatever its loading.
        weather = replace(befalls(document["overlays"], t, events), drift=0.0)
        kept = [guarded(draw, document) for draw in z[t * n : (t + 1) * n]]
        x += jump + night
        made = model.bar(BarInput(t, x, [draw for draw, _ in kept], time.length, weather))
        starts = [x, *made.ends[:-1]]
        steps = [end - start for start, end in zip(starts, made.ends, strict=True)]
        bars.append(FactorBar(jump, night, steps, made))
        cuts.append(any(is_cut for _, is_cut in kept))
        x = made.ends[-1]
    return bars, cuts


class Loaded(FamilyTwin):
    """One asset: its loading times the factor, and noise of its own."""

    def __init__(self, beta: float, sigma: float, factor: list[FactorBar]) -> None:
        self.beta, self.sigma, self.factor = beta, sigma * BPS, factor

    def deviation(self) -> float:
        return self.sigma

    def jump(self, t: int) -> float:
        return self.beta * self.factor[t].jump

    def night(self, t: int, scale: float, z: float) -> float:
        return self.beta * self.factor[t].night + super().night(t, scale, z)

    def bar(self, bar: BarInput) -> BarOutput:
        factor, n, weather = self.factor[bar.t], len(bar.z), bar.weather
        own = self.sigma * math.sqrt(bar.length)
        wide = own * weather.volatility / math.sqrt(n)
        x, ends, variances = bar.x, [], []
        for j, z in enumerate(bar.z):
            x += self.beta * factor.steps[j] + wide * z + weather.drift / n
            ends.append(x)
            variances.append(self.beta**2 * factor.made.variances[j] + wide**2)
        shared = self.beta * factor.made.deviation
        whole = math.hypot(shared, own)
        surprise = (shared * factor.made.surprise + own * sum(bar.z) / math.sqrt(n)) / whole
        return BarOutput(ends, variances, surprise, whole)


def common(document: Document, path: int) -> list[Series]:
    """Return the assets that one factor moves."""
    params = document["params"]
    factor, cuts = factor_bars(document, path)
    made = []
    for asset, (beta, sigma) in enumerate(zip(params["betas"], params["sigmas"], strict=True)):
        model = Loaded(beta, sigma, factor)
        series = walk(document, path, asset, model, diffusion(document, path, asset))
        series.flags = [
            flags | (CLIPPED if is_cut else 0)
            for flags, is_cut in zip(series.flags, cuts, strict=True)
        ]
        made.append(series)
    return made
