"""What a record is made of: named columns, and what they hold."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Kind(enum.Enum):
    """What a column holds; stores and REST derive their own types from it."""

    NAME = "name"
    """`str` out of few different ones."""

    TEXT = "text"
    """`str`."""

    TIME = "time"
    """`int`, microseconds since 1970-01-01 UTC; from 0 (1970) to `LATEST_TIME` (2105)."""

    FLAG = "flag"
    """`bool`."""

    INTEGER = "integer"
    """`int` of at most 64 bits."""

    NUMBER = "number"
    """`float`."""

    NAMES = "names"
    """`list` of `str`."""

    INTEGERS = "integers"
    """`list` of `int` of at most 64 bits."""


LATEST_TIME = 4_260_211_200_000_000
"""2105-01-01 in microseconds: much of what stores do with times has 32 bits of seconds, which end
soon after."""


@dataclass(frozen=True)
class Column:
    """One field of a record."""

    name: str
    kind: Kind
    meaning: str
    nullable: bool = False
    """Whether `None` says "not known"; texts have "" and lists [] for that."""
