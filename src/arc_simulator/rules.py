"""Rules: which requests fail, and how."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from arc_simulator.conditions import Condition, compile_condition
from arc_simulator.errors import RuleError


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What happens to a request when a rule fires; which fields count depends on `kind`."""

    kind: str
    http_status: int = 400
    body: Any = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    response: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Laid over the normal reply."""
    content: str | None = None
    """Text of the reply."""
    finish_reason: str | None = None
    after: int = 1
    """Number of events of a stream that are still sent."""
    chunk_delay_ms: float = 0.0


OUTCOME_FIELDS: Mapping[str, frozenset[str]] = {
    "error": frozenset({"http_status", "body", "headers"}),
    "soft": frozenset({"response", "content", "finish_reason"}),
    "slow": frozenset({"chunk_delay_ms"}),
    "hang": frozenset(),
    "drop": frozenset(),
    "truncated_stream": frozenset({"after"}),
    "error_event": frozenset({"after", "body"}),
    "invalid_json": frozenset({"after"}),
}
"""The fields that each kind of outcome takes."""

_DESCRIPTIVE_FIELDS = frozenset(
    {"kind", "exception", "body_fidelity", "looks_like", "detect", "raised_by", "retryable"}
)
"""Fields of a catalogued outcome that tell people about it and change nothing here."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """A condition on requests and the outcome of those that meet it."""

    id: str
    outcome: Outcome
    endpoint: str | None = None
    """The SDK call, such as `openai.chat.completions`; None: every one."""
    provider: str | None = None
    """Whose calls; None: everybody's."""
    condition: Condition | None = None
    probability: float = 1.0
    times: int | None = None
    """How often the rule fires at most; None: always."""
    latency_ms: float = 0.0
    retry_after_s: float | None = None
    """Sent as the `retry-after` header."""

    @classmethod
    def parse(cls, document: Any) -> Rule:
        """Read a rule from a JSON document; raise RuleError when it cannot be used."""
        if not isinstance(document, Mapping):
            raise RuleError(f"rule: {document!r} is not a mapping")
        unknown = document.keys() - _RULE_FIELDS.keys()
        if unknown:
            known = ", ".join(_RULE_FIELDS)
            raise RuleError(f"rule: unknown field {min(unknown)!r}; known are {known}")
        values = {key: _RULE_FIELDS[key](key, value) for key, value in document.items()}
        missing = {"id", "outcome"} - values.keys()
        if missing:
            raise RuleError(f"rule {document.get('id', '')!r}: {min(missing)} is missing")
        values["condition"] = values.pop("match", None)
        return cls(**values)

    def concerns(self, endpoint: str, provider: str) -> bool:
        """Whether the rule is about calls of this endpoint and provider at all."""
        return self.endpoint in (None, endpoint) and self.provider in (None, "any", provider)


def _outcome(field: str, value: Any) -> Outcome:
    kind = value.get("kind") if isinstance(value, Mapping) else None
    if not isinstance(kind, str) or kind not in OUTCOME_FIELDS:
        raise RuleError(f"outcome: kind {kind!r} is none of {', '.join(OUTCOME_FIELDS)}")
    unknown = value.keys() - OUTCOME_FIELDS[kind] - _DESCRIPTIVE_FIELDS
    if unknown:
        raise RuleError(f"outcome: kind {kind!r} does not take {min(unknown)!r}")
    fields = {key: entry for key, entry in value.items() if key in OUTCOME_FIELDS[kind]}
    checked = {key: _OUTCOME_CHECKS[key](key, entry) for key, entry in fields.items()}
    return Outcome(kind=kind, **checked)


def text(field: str, value: Any) -> str:
    """Check that a field is a string."""
    if not isinstance(value, str):
        raise RuleError(f"{field}: {value!r} is not a string")
    return value


def number(
    low: float = 0, high: float | None = None, *, whole: bool = False, optional: bool = False
) -> Callable[[str, Any], Any]:
    """Make a check that a field is a number in a range."""

    def check(field: str, value: Any) -> Any:
        if value is None and optional:
            return value
        kinds = (int,) if whole else (int, float)
        fits = isinstance(value, kinds) and not isinstance(value, bool) and value >= low
        if not fits or (high is not None and value > high):
            span = f"of at least {low}" if high is None else f"from {low} to {high}"
            raise RuleError(f"{field}: {value!r} is not a {'whole ' * whole}number {span}")
        return value

    return check


def _optional_text(field: str, value: Any) -> str | None:
    return None if value is None else text(field, value)


def _mapping(field: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise RuleError(f"{field}: {value!r} is not a mapping")
    return value


def _headers(field: str, value: Any) -> Mapping[str, str]:
    return {name: str(entry) for name, entry in _mapping(field, value).items()}


def _match(field: str, value: Any) -> Condition:
    return compile_condition(value)


def _anything(field: str, value: Any) -> Any:
    return value


_RULE_FIELDS: Mapping[str, Callable[[str, Any], Any]] = {
    "id": text,
    "endpoint": _optional_text,
    "provider": _optional_text,
    "match": _match,
    "outcome": _outcome,
    "probability": number(0, 1),
    "times": number(0, whole=True, optional=True),
    "latency_ms": number(),
    "retry_after_s": number(optional=True),
}

_OUTCOME_CHECKS: Mapping[str, Callable[[str, Any], Any]] = {
    "http_status": number(200, 599, whole=True),
    "body": _anything,
    "headers": _headers,
    "response": _mapping,
    "content": _optional_text,
    "finish_reason": text,
    "after": number(0, whole=True),
    "chunk_delay_ms": number(),
}
