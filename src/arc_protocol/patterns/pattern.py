"""A pattern: a condition on a request, and the fix for the requests that satisfy it."""

from __future__ import annotations

import hashlib
import json
import re
from enum import IntEnum
from typing import Any, Dict, FrozenSet, Mapping, Optional

from arc_protocol.errors import PatternError
from arc_protocol.patterns.allocation import Allocation
from arc_protocol.patterns.conditions import Condition, compile_condition
from arc_protocol.patterns.fixes import Fix, compile_fix
from arc_protocol.patterns.limits import plain_json, show
from arc_protocol.patterns.values import copied

_FIELDS = ("name", "provider", "operation", "server", "pattern", "fix", "rationale", "allocation")
_MOST_SERVERS = 32
_NAME = re.compile(r"[a-z][a-z0-9_.\-]{0,63}")
_SERVER = re.compile(r"\S{1,255}:\d{1,5}")


class Origin(IntEnum):
    """Who a pattern comes from; the smaller value takes precedence."""

    LOCAL = 0
    """Registered by the application."""
    PUSHED = 1
    """Sent by Arc Core."""
    BUILT_IN = 2
    """Shipped with Arc."""

    @property
    def label(self) -> str:
        """The origin as people read it."""
        return self.name.lower().replace("_", "-")


class Pattern:
    """A condition and a fix, checked and compiled once; immutable.

    Attributes:
        name: what people call it; patterns without one are named after their content.
        provider: the provider whose calls it concerns, or None for all.
        operation: the kind of call that it concerns, or None for all.
        servers: those whose calls it concerns, each as host:port, or None for all.
        origin: who it comes from.
        revision: the number of its version.
        allocation: which calls get the fix while it is on trial, or None for all.
        rationale: why the fix helps, for people.
        when: the compiled condition.
        then: the compiled fix.
    """

    __slots__ = (
        "_document",
        "allocation",
        "name",
        "operation",
        "origin",
        "provider",
        "rationale",
        "revision",
        "servers",
        "then",
        "when",
    )

    name: str
    provider: Optional[str]
    operation: Optional[str]
    servers: Optional[FrozenSet[str]]
    rationale: Optional[str]
    origin: Origin
    revision: int
    allocation: Optional[Allocation]
    when: Condition
    then: Fix
    _document: Dict[str, Any]

    def __init__(self, document: Dict[str, Any], origin: Origin, revision: int) -> None:
        place = object.__setattr__
        place(self, "_document", document)
        place(self, "name", document["name"])
        place(self, "provider", document.get("provider"))
        place(self, "operation", document.get("operation"))
        server = document.get("server")
        listed = [server] if isinstance(server, str) else server
        place(self, "servers", None if listed is None else frozenset(listed))
        place(self, "rationale", document.get("rationale"))
        place(self, "origin", origin)
        place(self, "revision", revision)
        shares = document.get("allocation")
        place(self, "allocation", None if shares is None else Allocation.parse(shares))
        place(self, "when", compile_condition(document["pattern"], "pattern"))
        place(self, "then", compile_fix(document["fix"], "fix"))

    @classmethod
    def parse(
        cls,
        document: Optional[Mapping[str, Any]] = None,
        *,
        origin: Origin = Origin.LOCAL,
        revision: int = 1,
        **fields: Any,
    ) -> Pattern:
        """Check and compile a pattern, given as a document or as its fields.

        Raises:
            PatternError: the pattern is refused; the message names field, value and what is right.
        """
        if document is None:
            document = {name: value for name, value in fields.items() if value is not None}
        elif fields:
            raise PatternError("A pattern is given as a document or as fields, not as both.")
        checked = plain_json(document, "pattern document")
        if not isinstance(checked, dict):
            raise PatternError(f"A pattern is {show(checked)}; it must be an object.")
        _check_fields(checked)
        if checked.get("name") is None:
            checked["name"] = f"{origin.label}-{content_hash(checked)[:8]}"
        return cls({name: checked[name] for name in _FIELDS if name in checked}, origin, revision)

    def concerns(
        self, provider: Optional[str], operation: Optional[str], server: Optional[str]
    ) -> bool:
        """Tell whether it is about such calls at all, whatever they ask for."""
        return (
            self.provider in (None, provider)
            and self.operation in (None, operation)
            and (self.servers is None or server in self.servers)
        )

    @property
    def condition(self) -> Dict[str, Any]:
        """The condition as JSON; a copy."""
        return copied(self._document["pattern"])

    @property
    def fix(self) -> Dict[str, Any]:
        """The fix as JSON; a copy."""
        return copied(self._document["fix"])

    def to_json(self) -> Dict[str, Any]:
        """Return the document that parses to this pattern."""
        return copied(self._document)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a pattern is immutable; {name} cannot be set")

    __delattr__ = __setattr__  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Pattern {self.name} ({self.origin.label}, revision {self.revision})>"


def content_hash(value: object) -> str:
    """Return a hash of a JSON value that is the same in every process and language."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _check_fields(document: Dict[str, Any]) -> None:
    for name in document:
        if name not in _FIELDS:
            raise PatternError(
                f"The pattern has the unknown field {show(name)}; known: {', '.join(_FIELDS)}."
            )
    for name in ("pattern", "fix"):
        if name not in document:
            raise PatternError(f'The pattern lacks the field "{name}".')
    for name in ("name", "rationale"):
        value = document.get(name)
        if value is not None and not (isinstance(value, str) and 0 < len(value) <= 2000):
            raise PatternError(f"{name} is {show(value)}; it must have 1 to 2000 characters.")
    for name in ("provider", "operation"):
        value = document.get(name)
        if value is not None and not (isinstance(value, str) and _NAME.fullmatch(value)):
            raise PatternError(
                f'{name} is {show(value)}; it must be a lower-case name like "openai" or "chat".'
            )
    server = document.get("server")
    listed = server if isinstance(server, list) else [server]
    if server is not None and not (
        0 < len(listed) <= _MOST_SERVERS
        and all(isinstance(one, str) and _SERVER.fullmatch(one) for one in listed)
    ):
        raise PatternError(
            f'server is {show(server)}; it must be an address like "llm.example:443", or up to '
            f"{_MOST_SERVERS} of them."
        )
