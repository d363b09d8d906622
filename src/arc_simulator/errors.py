"""What can go wrong, in two families: the operator's mistakes and the provider's refusals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class RuleError(ValueError):
    """A rule or setting that cannot be used; the message names the field and the value."""


class Refusal(Exception):  # noqa: N818 - what the provider does, not a fault
    """A request that the simulated provider turns down."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body
        """The JSON body, exactly as the client gets it."""
        self.headers = headers or {}
