"""One expression of the strategy language, computed over bars."""

from __future__ import annotations

import polars as pl

from simcore import engine
from simcore.bars import columns
from simcore.errors import SpecError
from simcore.strategy import check, names, program
from simcore.strategy.nodes import Graph
from simcore.strategy.problems import Findings
from simcore.strategy.resolve import Resolver


def indicator(expression: str, bars: pl.DataFrame) -> pl.Series:
    """Return a numeric expression of the strategy language over bars.

    Args:
        expression: Such as ``rsi(close, 14)`` or ``bbands(20, 2).upper``; a condition is refused,
            and so is what only a run can know, such as ``position``.
        bars: One path of one asset, ``n_bars`` rows with ts, open, high, low, close and volume.

    Returns:
        ``n_bars`` values, null while unknown, named after the expression.

    Raises:
        SpecError: The expression has no meaning or is not a number; or the bars lack a column or
            hold more than one path.
        EngineError: The bars are refused.
    """
    findings = Findings({}, "")
    graph = Graph()
    node = Resolver(
        graph, names.series(graph), findings, check.parsed("", expression, "num")
    ).whole()
    if node is None or findings.n_errors:
        raise SpecError([problem for problem in findings.told() if problem.severity == "error"])
    values = engine.indicator(program.output_program_json(node), columns(bars))
    return pl.Series(expression, values, dtype=pl.Float64).fill_nan(None)
