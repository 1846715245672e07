"""No honest market is refused: whatever legal document comes, its bars keep their family's laws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from simcore import engine
from simcore.errors import SpecError
from simcore.scenario.acceptance import accept
from simcore.scenario.document import Scenario, load

Document = dict[str, Any]
Draws = np.random.Generator

N_DOCUMENTS = 40
DRAWN = sorted(row["name"] for row in engine.catalogue()["families"] if not row["needs_source"])
TAKE_STUDENT = {row["name"] for row in engine.catalogue()["families"] if row["takes_student_t"]}


def log_uniform(draws: Draws, low: float, high: float) -> float:
    return float(np.exp(draws.uniform(np.log(low), np.log(high))))


def trend(draws: Draws) -> Document:
    sigma = log_uniform(draws, 0.5, 200.0)
    # Some drifts are nothing beside the deviation, some are as large.
    drift = float(draws.choice([-1.0, 1.0])) * sigma * log_uniform(draws, 1e-3, 1.0)
    return {"drift": drift, "sigma": sigma, "drift_convention": str(draws.choice(["ito", "log"]))}


def reversion(draws: Draws) -> Document:
    return {
        "kappa": log_uniform(draws, 0.003, 3.0),
        "theta": float(draws.uniform(90.0, 110.0)),
        "sigma": log_uniform(draws, 1.0, 100.0),
    }


def mean_revert(draws: Draws) -> Document:
    if draws.random() < 0.5:
        return reversion(draws)
    return {**reversion(draws), "theta": float(draws.normal(0.0, 3.0)), "form": "ou_returns"}


def vol_cluster(draws: Draws) -> Document:
    form = str(draws.choice(["garch", "gjr", "egarch"]))
    mu = float(draws.normal(0.0, 1.0))
    if form == "egarch":
        beta = float(draws.uniform(0.5, 0.995))
        return {
            "form": form, "omega": float(draws.uniform(2.0, 8.0)) * (1.0 - beta), "beta": beta,
            "alpha": float(draws.uniform(0.0, 0.4)), "gamma": float(draws.normal(0.0, 0.1)),
            "mu": mu,
        }  # fmt: skip
    gamma = float(draws.uniform(0.0, 0.3)) if form == "gjr" else 0.0
    alpha = log_uniform(draws, 0.005, 0.5)
    left = 1.0 - alpha - gamma / 2.0
    beta = max(0.0, left - log_uniform(draws, 1e-3, 0.5))
    return {
        "form": form, "omega": log_uniform(draws, 0.1, 100.0), "alpha": alpha, "beta": beta,
        "gamma": gamma, "mu": mu,
    }  # fmt: skip


def shock_mix(draws: Draws) -> Document:
    return {
        **trend(draws),
        "p_jump": log_uniform(draws, 1e-4, 0.5),
        "jump_mu": float(draws.normal(0.0, 100.0)),
        "jump_sigma": log_uniform(draws, 1.0, 300.0),
        "compensate": bool(draws.random() < 0.5),
    }


def regime(draws: Draws) -> Document:
    count = int(draws.integers(2, 5))
    rows = draws.dirichlet(np.ones(count), size=count)
    rows = 0.2 * rows + 0.8 * np.eye(count)
    rows[:, -1] = 1.0 - rows[:, :-1].sum(axis=1)
    states: list[Document] = []
    for _ in range(count):
        is_trend = draws.random() < 0.8
        states.append(
            {"type": "trend", **trend(draws)}
            if is_trend
            else {"type": "mean_revert", **reversion(draws)}
        )
    return {"states": states, "transition": rows.tolist(), "start": "stationary"}


def heston(draws: Draws) -> Document:
    kappa, theta = log_uniform(draws, 0.005, 1.0), log_uniform(draws, 10.0, 3000.0)
    # 2κθ/ξ² on both sides of 1, below which the variance touches zero.
    xi = float(np.sqrt(2.0 * kappa * theta / log_uniform(draws, 0.3, 30.0)))
    return {
        "kappa": kappa, "theta": theta, "xi": xi, "rho": float(draws.uniform(-0.95, 0.95)),
        "mu": float(draws.normal(0.0, 2.0)),
    }  # fmt: skip


def agents(draws: Draws) -> Document:
    return {"scale": log_uniform(draws, 0.1, 2.0)}


def factor(draws: Draws) -> Document:
    count = int(draws.integers(2, 5))
    sigmas = [log_uniform(draws, 5.0, 80.0) for _ in range(count)]
    if draws.random() < 0.4:
        loadings = draws.normal(size=(count, count + 1))
        matrix = np.corrcoef(loadings)
        matrix = (matrix + matrix.T) / 2.0
        np.fill_diagonal(matrix, 1.0)
        return {"form": "correlation", "sigmas": sigmas, "correlation": matrix.tolist()}
    family = str(draws.choice(["trend", "mean_revert", "vol_cluster", "heston", "agents"]))
    return {
        "sigmas": sigmas,
        "betas": draws.normal(0.8, 0.5, count).tolist(),
        "factor": {"family": family, "params": PARAMS[family](draws)},
    }


PARAMS: dict[str, Callable[[Draws], Document]] = {
    "trend": trend,
    "mean_revert": mean_revert,
    "vol_cluster": vol_cluster,
    "shock_mix": shock_mix,
    "regime": regime,
    "heston": heston,
    "agents": agents,
    "factor": factor,
}


def drawn(number: int) -> Scenario:
    """Return a random market; the families take turns."""
    family = DRAWN[number % len(DRAWN)]
    draws = np.random.default_rng(number)
    while True:
        params = PARAMS[family](draws)
        assets = [f"A{i}" for i in range(len(params["sigmas"]))] if family == "factor" else ["A"]
        document: Document = {
            "version": "0.1.0", "id": f"market-{number}", "family": family, "timeframe": "1h",
            "duration_bars": int(draws.integers(100, 3000)), "seed": int(draws.integers(2**32)),
            "volume_model": "const", "n_sub": int(draws.choice([1, 2, 3, 4, 8])),
            "params": params, "assets": assets,
        }  # fmt: skip
        if family in TAKE_STUDENT and draws.random() < 0.4:
            document["innovations"] = {"dist": "student_t", "nu": int(draws.integers(3, 13))}
        try:
            return load(document)
        except SpecError:
            # Parameters that do not go together; the next ones may.
            continue


def test_every_family_that_draws_has_random_documents() -> None:
    assert set(PARAMS) == set(DRAWN)


@pytest.mark.parametrize("number", range(N_DOCUMENTS))
def test_a_random_legal_document_breaks_no_law(number: int) -> None:
    results = accept(drawn(number))
    assert [result.sentence for result in results if result.passes is False] == []
    assert any(result.passes for result in results)
