"""An evolution that can succeed, and one that cannot: a planted edge, and a market without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simcore.tournaments.sealed import commitment

SALT = "a salt for tests"
N_BARS = 400

# Returns with autocorrelation exp(-0.8) = 0.45 and a deviation of 70 / sqrt(1.6) = 55 bps: what
# the last bars did goes on, and costs eat little of it.
LEANING = """
version = "0.1.0"
id = "leaning"
family = "mean_revert"
timeframe = "1h"
duration_bars = 400
seed = 1
volume_model = "const"
params = { form = "ou_returns", kappa = 0.8, theta = 0.0, sigma = 70.0 }
"""
# Its average is far too long for a market that remembers two bars.
SLOW = """
version = "0.1.0"
id = "slow"
name = "Above its average"
timeframe = "1h"
[params]
n = { value = 80, min = 2, max = 100 }
[[rules]]
if = "close > ma(close, n)"
then = "buy"
[[rules]]
if = "close < ma(close, n)"
then = "close"
[risk]
sizing = { type = "risk_pct", value = 0.5 }
stop = { type = "atr", n = 14, mult = 8.0 }
[metadata]
"""


def home(folder: Path) -> Path:
    """A home with both documents."""
    for kind, name, text in (("scenarios", "leaning", LEANING), ("strategies", "slow", SLOW)):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        (folder / kind / f"{name}.toml").write_text(text)
    return folder


def evolution(market: str = "leaning", **changes: Any) -> dict[str, Any]:
    """A small evolution of the slow strategy on one market."""
    markets = {"scenarios": [market], "copies": 12, "bars": N_BARS}
    return {
        "version": "0.1.0",
        "id": "planted",
        "name": "Planted",
        "seed": 5,
        "champion": "slow",
        "strategies": ["slow"],
        "train": markets,
        "sealed": {**markets, "copies": 20},
        "commitment": commitment(SALT),
        "salt": SALT,
        "sizes": {"parents": 6, "offspring": 12, "challengers": 2},
        "stop": {"generations": 10},
        **changes,
    }
