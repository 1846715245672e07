"""A strategy as its author writes it: fields and their types.

What a field may hold beyond its type (ranges, rule text, what fits with what) is checked in
`simcore.strategy.check`, stage by stage. What the engine cannot do yet is no fault of a document:
the engine refuses to run it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ModelWrapValidatorHandler, model_validator
from pydantic_core import PydanticKnownError

from simcore.strategy.fields import (
    CONSTRAINTS_MAX,
    PARAMS_MAX,
    RESERVED,
    RULES_MAX,
    SERIES,
    TAGS_MAX,
    Id,
    Notes,
    ParamName,
    Revision,
    RuleText,
    Title,
    Version,
    few,
)

__all__ = ["RESERVED", "SERIES"]


class Part(BaseModel):
    """A closed object: a field that is not listed is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Param(Part):
    """A named number, with the domain in which it may be varied.

    In a document a bare number is a parameter without a domain.
    """

    value: float
    min: float | None
    max: float | None
    step: float | None = None
    type: Literal["int", "float"] | None = None

    @model_validator(mode="wrap")
    @classmethod
    def _from_number(cls, given: Any, handler: ModelWrapValidatorHandler[Param]) -> Param:
        if isinstance(given, int | float) and not isinstance(given, bool):
            return cls(value=given, min=None, max=None)
        if isinstance(given, dict | Param):
            return handler(given)
        raise PydanticKnownError("float_type")

    @property
    def is_integer(self) -> bool:
        """Whether only whole numbers are legal: as stated, or as all its numbers suggest."""
        if self.type is not None:
            return self.type == "int"
        stated = (self.value, self.min, self.max)
        return all(number is not None and number.is_integer() for number in stated)

    @property
    def domain(self) -> dict[str, Any] | None:
        """The domain without the value; None for a bare number."""
        if self.min is None and self.max is None and self.step is None and self.type is None:
            return None
        kind = "int" if self.is_integer else "float"
        return {"min": self.min, "max": self.max, "step": self.step, "type": kind}


class MarketOrder(Part):
    """Filled at the next open."""

    type: Literal["market"]


class LimitOrder(Part):
    """Filled at a level no worse than the close, or better: an offset from it or a price."""

    type: Literal["limit"]
    offset_bps: float | None = None
    price: RuleText | None = None
    tif_bars: float | None = None


class StopOrder(Part):
    """Filled once the market reaches a level beyond the close: an offset or a price."""

    type: Literal["stop"]
    offset_bps: float | None = None
    price: RuleText | None = None
    tif_bars: float | None = None


class StopLimitOrder(Part):
    """A limit order that rests once the market reaches a level: an offset or a price."""

    type: Literal["stop_limit"]
    offset_bps: float | None = None
    price: RuleText | None = None
    limit_offset_bps: Annotated[
        float,
        Field(examples=[10], description="How far beyond the level a fill may be, basis points."),
    ]
    tif_bars: float | None = None


Order = MarketOrder | LimitOrder | StopOrder | StopLimitOrder


class Rule(Part):
    """What to do on a bar where a condition is true."""

    condition: RuleText = Field(alias="if")
    then: Literal["buy", "sell", "close", "hold"]
    order: Annotated[Order, Field(discriminator="type")] | None = None
    tag: Title | None = None


class FixedQty(Part):
    """A quantity."""

    type: Literal["fixed_qty"]
    qty: Annotated[float, Field(examples=[1])]


class FixedNotional(Part):
    """An amount of quote currency."""

    type: Literal["fixed_notional"]
    notional: Annotated[float, Field(examples=[1000])]


class PctEquity(Part):
    """A share of equity."""

    type: Literal["pct_equity"]
    value: Annotated[float, Field(examples=[10])]


class RiskPct(Part):
    """So much that the way to the stop costs a share of equity."""

    type: Literal["risk_pct"]
    value: Annotated[float, Field(examples=[0.5])]


class VolTarget(Part):
    """So much that the position varies by a fraction of equity in a year."""

    type: Literal["vol_target"]
    annual_vol: Annotated[float, Field(examples=[0.2])]
    n: Annotated[float, Field(examples=[20])]


class PctStop(Part):
    """A distance in percent of the fill; a target and a trailing stop are measured alike."""

    type: Literal["pct"]
    value: Annotated[float, Field(examples=[5])]


class BpsStop(Part):
    """A distance in basis points of the fill."""

    type: Literal["bps"]
    value: Annotated[float, Field(examples=[500])]


class AtrStop(Part):
    """A distance in average true ranges of the decision bar."""

    type: Literal["atr"]
    n: Annotated[float, Field(examples=[14])]
    mult: Annotated[float, Field(examples=[3])]


class PriceStop(Part):
    """A level, evaluated on the decision bar."""

    type: Literal["price"]
    expr: RuleText


Sizing = PctEquity | RiskPct | FixedQty | FixedNotional | VolTarget
Trailing = PctStop | BpsStop | AtrStop
Exit = Trailing | PriceStop


class Risk(Part):
    """How much is held and what bounds the loss."""

    sizing: Annotated[Sizing, Field(discriminator="type")] | None = None
    stop: Annotated[Exit, Field(discriminator="type")] | None = None
    take_profit: Annotated[Exit, Field(discriminator="type")] | None = None
    trailing: Annotated[Trailing, Field(discriminator="type")] | None = None
    max_holding_bars: float | None = None
    cooldown_bars: float | None = None
    max_leverage: float = 1.0
    allow_short: bool = False
    on_opposite: Literal["close", "reverse", "ignore"] = "close"
    max_adds: float = 0.0
    max_daily_loss_pct: float | None = None


class Metadata(Part):
    """What people should know; no result depends on it."""

    tags: Annotated[list[str], few(TAGS_MAX, "tags")] = Field(default_factory=list)
    notes: Notes = ""


class StrategyDocument(Part):
    """A strategy, version 0.1."""

    version: Annotated[Version, Field(examples=["0.1.0"])]
    id: Annotated[Id, Field(examples=["mine"])]
    name: Annotated[Title, Field(examples=["Mine"])]
    revision: Revision = "0.1.0"
    timeframe: Annotated[Literal["1m", "5m", "15m", "1h", "4h", "1d"], Field(examples=["1h"])]
    rules: Annotated[list[Rule], few(RULES_MAX, "rules", has_some=True)]
    params: Annotated[dict[ParamName, Param], few(PARAMS_MAX, "parameters"), Field(examples=[{}])]
    metadata: Annotated[Metadata, Field(examples=[{}])]
    risk: Risk | None = None
    constraints: Annotated[list[RuleText], few(CONSTRAINTS_MAX, "constraints")] = Field(
        default_factory=list
    )
