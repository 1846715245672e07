"""A slow, obvious twin of scenario generation: paths, extremes, overlays, volumes, ticks.

One draw and one formula at a time, from the definitions; it shares no code with the engine. The
families' own increments are in `generator_families`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from draws import Stream
from sessions import BarTime, bar_times, session_bars

BPS = 1e-4
CLIPPED, HALTED, MISSING, STALE, WIDE_SPREAD = 1, 2, 4, 8, 16
APART = 2**32
"""Draws of overlay number k begin at k times this; those of session gaps at this."""

LOG_PRICE_MAX = 50.0


class ExplodedError(Exception):
    """A log price left ±50."""


class GuardError(Exception):
    """A draw reached the guard."""


@dataclass
class Weather:
    """What overlays do to one bar; see `befalls`."""

    edge: float = 1.0
    volatility: float = 1.0
    drift: float = 0.0
    gap: float = 0.0
    flags: int = 0


@dataclass(frozen=True)
class BarInput:
    """One bar as a family is told of it.

    Args:
        t: Number of the bar.
        x: Log price at its open, after every gap.
        z: One draw of variance one for each sub-step.
        length: In nominal bars.
        weather: What overlays do to it.
    """

    t: int
    x: float
    z: list[float]
    length: float
    weather: Weather


@dataclass(frozen=True)
class BarOutput:
    """What a family makes of it.

    Args:
        ends: Log price at the end of each sub-step.
        variances: Conditional variance of each sub-step.
        surprise: What the family's own draws came to, in units of `deviation`; moves the volume.
        deviation: Standard deviation of the family's own log return, without overlays.
    """

    ends: list[float]
    variances: list[float]
    surprise: float
    deviation: float


class FamilyTwin:
    """A family's increments along one path of one asset."""

    def deviation(self) -> float:
        """Standard deviation of a whole nominal bar that begins now."""
        raise NotImplementedError

    def jump(self, t: int) -> float:
        """Jump at the open of bar `t`, asked once for each bar, in order."""
        return 0.0

    def night(self, t: int, scale: float, z: float) -> float:
        """Gap before bar `t`: `scale` times the deviation of a bar is its deviation."""
        return scale * self.deviation() * z

    def bar(self, bar: BarInput) -> BarOutput:
        """Walk through the coming bar."""
        raise NotImplementedError


@dataclass
class Series:
    """Columns of one asset on one path."""

    ts: list[int] = field(default_factory=list)
    known_at: list[int] = field(default_factory=list)
    open: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    close: list[float] = field(default_factory=list)
    volume: list[float] = field(default_factory=list)
    hl_order: list[int] = field(default_factory=list)
    flags: list[int] = field(default_factory=list)


def befalls(overlays: list[dict[str, Any]], t: int, events: Stream) -> Weather:
    """Return what the overlays do to bar `t`, the first having number 1."""
    weather = Weather()
    for number, overlay in enumerate(overlays, 1):
        kind, at = overlay["type"], overlay.get("at", 0)
        is_within = at <= t < at + overlay.get("bars", 0)
        if kind == "flash_crash":
            fall = math.log(1.0 - overlay["depth_pct"] / 100.0)
            down, up = overlay["down_bars"], overlay["recover_bars"]
            if at <= t < at + down:
                weather.drift += fall / down
            elif at + down <= t < at + down + up:
                weather.drift -= fall * overlay["recover_frac"] / up
        elif kind == "bear" and is_within:
            weather.drift += overlay["drift"] * BPS
        elif kind == "mania" and is_within:
            weather.volatility *= overlay["vol_mult"]
        elif kind == "edge_decay" and t > overlay["from"]:
            weather.edge *= 0.5 ** ((t - overlay["from"]) / overlay["half_life"])
        elif kind == "gap" and t == at:
            weather.gap += overlay["bps"] * BPS
        elif kind == "halt" and is_within:
            weather.flags |= HALTED
        elif kind == "spread_widen" and is_within:
            weather.flags |= WIDE_SPREAD
        elif kind in ("missing_bars", "stale"):
            flag = MISSING if kind == "missing_bars" else STALE
            is_hit = events.uniform(number * APART + t) < overlay["p"]
            weather.flags |= flag if is_hit else 0
    return weather


def student_scales(document: dict[str, Any], vol: Stream, n_bars: int) -> list[float]:
    """Return what the draws of each bar are multiplied by: 1 for normal innovations."""
    innovations = document["innovations"]
    if innovations["dist"] == "normal":
        return [1.0] * n_bars
    nu = innovations["nu"]
    extra = vol.normals(n_bars * nu)
    chi_squares = [sum(z * z for z in extra[t * nu : (t + 1) * nu]) for t in range(n_bars)]
    return [math.sqrt((nu - 2) / chi_square) for chi_square in chi_squares]


def guarded(z: float, document: dict[str, Any]) -> tuple[float, bool]:
    """Return the draw after the guard, and whether it was cut back."""
    mode, k = document["guard"]["mode"], document["guard"]["k"]
    if mode == "global" or abs(z) < k:
        return z, False
    if mode == "error" and document["innovations"]["dist"] == "normal":
        raise GuardError
    return math.copysign(k, z), True


class Volume:
    """Volumes of one path, bar after bar."""

    def __init__(self, document: dict[str, Any], draws: list[float]) -> None:
        self.model, self.params, self.draws = (
            document["volume_model"],
            document["volume_params"],
            draws,
        )
        self.excess = 0.0

    def of_bar(self, t: int, surprise: float) -> float:
        """Return the volume of bar `t`."""
        v0, sigma = self.params["v0"], self.params["sigma"]
        if self.model == "const":
            return float(v0)
        z = self.draws[t]
        if self.model == "lognormal":
            return float(v0 * math.exp(sigma * z - sigma**2 / 2.0))
        push = self.params["b"] * (abs(surprise) - math.sqrt(2.0 / math.pi))
        self.excess = self.params["phi"] * self.excess + push + sigma * z
        return float(v0 * math.exp(self.excess))


def walk(
    document: dict[str, Any],
    path: int,
    asset: int,
    family: FamilyTwin,
    z: list[float],
) -> Series:
    """Return one asset of one path, from its standard normal draws `z`, n_sub a bar."""
    n, n_bars = document["n_sub"], document["duration_bars"]

    def stream(purpose: str) -> Stream:
        return Stream(document["seed"], document["family"], path, asset, purpose)

    events, gaps = stream("jump_event"), stream("jump_size")
    bridge = stream("intrabar").uniforms(2 * n * n_bars)
    scales = student_scales(document, stream("vol"), n_bars)
    volume = Volume(document, stream("volume").normals(n_bars))
    times = bar_times(document["calendar"], document["timeframe"], document["start"], n_bars)
    series, x = Series(), 0.0
    for t, time in enumerate(times):
        weather = befalls(document["overlays"], t, events)
        cuts = [guarded(draw * scales[t], document) for draw in z[t * n : (t + 1) * n]]
        flags = weather.flags | (CLIPPED if any(is_cut for _, is_cut in cuts) else 0)
        gap = family.jump(t) + weather.gap + overnight(document, t, time, family, gaps)
        x += gap
        made = family.bar(BarInput(t, x, [draw for draw, _ in cuts], time.length, weather))
        variances = [v * scales[t] ** 2 for v in made.variances]
        prices, order = bar_prices(x, made.ends, variances, bridge[2 * t * n : 2 * (t + 1) * n])
        x = made.ends[-1]
        if not abs(x) <= LOG_PRICE_MAX:
            raise ExplodedError
        record(series, document, time, prices)
        series.volume.append(volume.of_bar(t, made.surprise))
        series.hl_order.append(order)
        series.flags.append(flags)
    return series


def overnight(
    document: dict[str, Any], t: int, time: BarTime, family: FamilyTwin, gaps: Stream
) -> float:
    """Return the gap at the open of a session, 0 within one and at bar 0."""
    default = 0.2 if document["calendar"] == "us_equity" else 0.0
    w = document.get("overnight_var_share", default)
    if t == 0 or not time.opens_session or w == 0.0:
        return 0.0
    n_bars = session_bars(document["calendar"], document["timeframe"])
    return family.night(t, math.sqrt(n_bars * w / (1.0 - w)), gaps.normal(APART + t))


def bar_prices(
    x: float, ends: list[float], variances: list[float], u: list[float]
) -> tuple[tuple[float, float, float, float], int]:
    """Return log open, high, low, close of a bar, and which extreme came first (+1 the high)."""
    highs, lows, at = [], [], x
    for j, (end, v) in enumerate(zip(ends, variances, strict=True)):
        square = (end - at) ** 2
        highs.append(0.5 * (at + end + math.sqrt(square - 2.0 * v * math.log(u[2 * j]))))
        lows.append(0.5 * (at + end - math.sqrt(square - 2.0 * v * math.log(u[2 * j + 1]))))
        at = end
    high, low = max(highs), min(lows)
    high_at, low_at = highs.index(high), lows.index(low)
    order = (high_at < low_at) - (high_at > low_at)
    return (x, max(x, high), min(x, low), ends[-1]), order


def record(
    series: Series,
    document: dict[str, Any],
    time: BarTime,
    logs: tuple[float, float, float, float],
) -> None:
    """Append times and prices of one bar, put on the grid of ticks and into order."""
    tick = document["tick_size"]
    prices = [document["p0"] * math.exp(each) for each in logs]
    if tick is not None:
        prices = [math.floor(price / tick + 0.5) * tick for price in prices]
    open_, high, low, close = prices
    series.ts.append(time.ts)
    series.known_at.append(time.known_at)
    series.open.append(open_)
    series.high.append(max(open_, high, close))
    series.low.append(min(open_, low, close))
    series.close.append(close)
