"""A strategy as its author writes it: fields and their types.

What a field may hold beyond its type (ranges, rule text, what fits with what) is checked in
`simcore.strategy.check`, stage by stage.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    model_validator,
)
from pydantic_core import PydanticCustomError, PydanticKnownError

from simcore.strategy.grammar import KEYWORDS

RULES_MAX: Final = 64
PARAMS_MAX: Final = 64
TAGS_MAX: Final = 32
NOTES_MAX: Final = 4096
NAME_MAX: Final = 120

SERIES: Final = ("open", "high", "low", "close", "volume")
"""Names of the columns a rule may read."""

# Names that the language gives a meaning, now or as soon as the engine has it; a parameter of
# such a name would change what a document means.
RESERVED: Final = KEYWORDS.union(
    SERIES,
    ["hl2", "hlc3", "ohlc4", "hour", "weekday", "position", "bars_in_trade", "entry_price"],
)


def _id(text: str) -> str:
    if re.fullmatch(r"[a-z][a-z0-9_-]{0,63}", text) is None:
        raise PydanticCustomError(
            "BAD_ID",
            "got {got}, expected a lower-case letter, then at most 63 of a-z 0-9 _ -",
            {"got": repr(text[:80])},
        )
    if text in ("true", "false", "inf", "nan", "null", "none"):
        raise PydanticCustomError(
            "BAD_ID", "got {got}, expected a name that no reader takes for a value", {"got": text}
        )
    return text


def _version(text: str) -> str:
    if re.fullmatch(r"0\.1\.[0-9]{1,9}", text) is None:
        raise PydanticCustomError(
            "VERSION_UNSUPPORTED", "got {got}, expected 0.1.x", {"got": repr(text[:80])}
        )
    return text


def _revision(text: str) -> str:
    number = r"(?:0|[1-9][0-9]*)"
    rest = r"(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?"
    if len(text) > NAME_MAX or re.fullmatch(rf"{number}\.{number}\.{number}{rest}", text) is None:
        raise PydanticCustomError(
            "BAD_ID", "got {got}, expected a version such as 0.1.0", {"got": repr(text[:80])}
        )
    return text


def _name(text: str) -> str:
    if not 1 <= len(text) <= NAME_MAX:
        raise PydanticCustomError(
            "TOO_LARGE",
            "got {n} characters, expected 1 to {maximum}",
            {"n": len(text), "maximum": NAME_MAX},
        )
    if unicodedata.normalize("NFC", text) != text:
        raise PydanticCustomError("WRONG_TYPE", "got text in parts, expected Unicode form NFC")
    return text


def _notes(text: str) -> str:
    if len(text) > NOTES_MAX:
        raise PydanticCustomError(
            "TOO_LARGE",
            "got {n} characters, expected at most {maximum}",
            {"n": len(text), "maximum": NOTES_MAX},
        )
    return text


def _few(maximum: int, what: str) -> AfterValidator:
    def check(values: Any) -> Any:
        if len(values) > maximum:
            raise PydanticCustomError(
                "TOO_LARGE",
                "got {n} {what}, expected at most {maximum}",
                {"n": len(values), "what": what, "maximum": maximum},
            )
        return values

    return AfterValidator(check)


def _some_rules(rules: list[Any]) -> list[Any]:
    if not rules:
        raise PydanticCustomError("EMPTY_RULES", "got no rule, expected 1 to 64")
    return rules


def _param_name(name: str) -> str:
    if re.fullmatch(r"[a-z_][a-z0-9_]{0,31}", name) is None or name in RESERVED:
        raise PydanticCustomError(
            "BAD_ID",
            "got {got}, expected at most 32 of a-z 0-9 _ and no word of the language",
            {"got": repr(name[:40])},
        )
    return name


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


class StopOrder(Part):
    """Filled once the market reaches a level beyond the close: an offset or a price."""

    type: Literal["stop"]
    offset_bps: float | None = None
    price: str | None = None
    tif_bars: float | None = None


class LimitOrder(Part):
    """Filled at a level no worse than the close, or better: an offset from it or a price."""

    type: Literal["limit"]
    offset_bps: float | None = None
    price: str | None = None
    tif_bars: float | None = None


class StopLimitOrder(Part):
    """A limit order that rests once the market reaches a level: an offset or a price."""

    type: Literal["stop_limit"]
    offset_bps: float | None = None
    price: str | None = None
    limit_offset_bps: float
    tif_bars: float | None = None


Order = MarketOrder | LimitOrder | StopOrder | StopLimitOrder


class Rule(Part):
    """What to do on a bar where a condition is true."""

    condition: str = Field(alias="if")
    then: Literal["buy", "sell", "close", "hold"]
    order: Annotated[Order, Field(discriminator="type")] | None = None
    tag: Annotated[str, AfterValidator(_name)] | None = None


class PctEquity(Part):
    """A share of equity."""

    type: Literal["pct_equity"]
    value: float


class RiskPct(Part):
    """So much that the way to the stop costs a share of equity."""

    type: Literal["risk_pct"]
    value: float


class FixedQty(Part):
    """A quantity."""

    type: Literal["fixed_qty"]
    qty: float


class FixedNotional(Part):
    """An amount of quote currency."""

    type: Literal["fixed_notional"]
    notional: float


class VolTarget(Part):
    """So much that the position varies by a fraction of equity in a year."""

    type: Literal["vol_target"]
    annual_vol: float
    n: float


class PctStop(Part):
    """A distance in percent of the fill."""

    type: Literal["pct"]
    value: float


class BpsStop(Part):
    """A distance in basis points of the fill."""

    type: Literal["bps"]
    value: float


class AtrStop(Part):
    """A distance in average true ranges."""

    type: Literal["atr"]
    n: float
    mult: float


class PriceStop(Part):
    """A level, evaluated on the decision bar."""

    type: Literal["price"]
    expr: str


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
    max_daily_loss_pct: float | None = None
    max_adds: float = 0.0


class Metadata(Part):
    """What people should know; no result depends on it."""

    tags: Annotated[list[str], _few(TAGS_MAX, "tags")] = Field(default_factory=list)
    notes: Annotated[str, AfterValidator(_notes)] = ""


class StrategyDocument(Part):
    """A strategy, version 0.1."""

    version: Annotated[str, AfterValidator(_version)]
    id: Annotated[str, AfterValidator(_id)]
    name: Annotated[str, AfterValidator(_name)]
    revision: Annotated[str, AfterValidator(_revision)] = "0.1.0"
    timeframe: Literal["1m", "5m", "15m", "1h", "4h", "1d"]
    rules: Annotated[list[Rule], AfterValidator(_some_rules), _few(RULES_MAX, "rules")]
    params: Annotated[
        dict[Annotated[str, AfterValidator(_param_name)], Param], _few(PARAMS_MAX, "parameters")
    ]
    metadata: Metadata
    risk: Risk | None = None
    constraints: Annotated[list[str], _few(RULES_MAX, "constraints")] = Field(default_factory=list)
