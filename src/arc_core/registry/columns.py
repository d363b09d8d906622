"""Column types that mean the same in SQLite and PostgreSQL."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator

Id = BigInteger().with_variant(Integer, "sqlite")
"""A number that the database gives; SQLite counts only columns that it calls INTEGER."""


class Time(TypeDecorator[datetime]):
    """A moment, always in UTC; SQLite knows no zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the moment in UTC."""
        return None if value is None else value.astimezone(timezone.utc)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return the moment in UTC, with its zone."""
        if value is None:
            return None
        moment: datetime = value
        if moment.tzinfo is None:
            return moment.replace(tzinfo=timezone.utc)
        return moment.astimezone(timezone.utc)


class Json(TypeDecorator[Any]):
    """A JSON value as ASCII text.

    PostgreSQL's own JSON types refuse escaped zero characters and single surrogates, which
    patterns may hold.
    """

    impl = Text
    cache_ok = True

    def __init__(self, *, none_as_null: bool = False) -> None:
        """With `none_as_null`, None is no value rather than JSON's null."""
        super().__init__()
        self.none_as_null = none_as_null

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Return the text of the value."""
        if value is None and self.none_as_null:
            return None
        return json.dumps(value, sort_keys=True, separators=(",", ":"))

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Return the value of the text."""
        return None if value is None else json.loads(value)
