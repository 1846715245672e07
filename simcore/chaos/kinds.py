"""Numbers of the kinds of event in the two logs, and the units that the logs count in.

The numbers are stable: they are part of the bytes that the hash chain covers. Only the kinds that
the judges read stand here; `simcore/tables/chaos.py` describes the columns around them.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS
HOUR_NS: Final = 3_600 * SECOND_NS
DAY_NS: Final = 24 * HOUR_NS


class Kind(IntEnum):
    """Kind of a record; 70 to 76 occur in the exchange's log only."""

    BOOT = 1
    INJECT = 3
    CLEAR = 4
    OPERATOR_ACTION = 6
    INTENT = 22
    RISK_OK = 40
    RISK_DENY = 41
    PERMIT = 42
    REVOKED = 43
    LEASE_EXPIRED = 44
    EPOCH = 45
    ORDER_NEW = 50
    ORDER_SENT = 51
    ACK = 52
    REJ = 53
    UNKNOWN = 54
    ORDER_TRUTH = 56
    FILL_CLAIM = 57
    FILL_CONFIRMED = 58
    FILL_REVERSED = 59
    CANCEL_ACK = 61
    DONE = 63
    X_CREATED = 70
    X_TRADE = 71
    X_CANCELLED = 72
    X_REJECTED = 73
    X_POS = 75
    X_PHASE = 76
    POST = 80
    POS = 81
    EQUITY = 82
    RECON_OK = 87
    ALERT = 90
    STATE = 91
    KILL_TRIP = 92
    KILL_STAGE = 93
    FLAT_CONFIRMED = 94
    REARM = 96
    HEARTBEAT_LOST = 110
    CRASHED = 112
    RESTARTED = 113
    STEADY = 130
    INC_OPEN = 131
    INC_CLOSE = 132
    EFFECT = 133


# The first thing that the stack does about a fault is its detection.
CONTROL_KINDS: Final = (
    Kind.RISK_DENY,
    Kind.REVOKED,
    Kind.LEASE_EXPIRED,
    Kind.UNKNOWN,
    Kind.ALERT,
    Kind.STATE,
    Kind.KILL_TRIP,
    Kind.HEARTBEAT_LOST,
    Kind.RESTARTED,
)
