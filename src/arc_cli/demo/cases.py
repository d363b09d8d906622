"""The calls of the demo's program, each a failure that users of the OpenAI API have reported."""

from __future__ import annotations

from typing import Any, Dict, NamedTuple, Optional, Tuple


class Case(NamedTuple):
    """One call."""

    title: str
    field: str
    """The parameter to look at."""
    request: Dict[str, Any]
    pattern: Optional[Dict[str, Any]] = None
    """What the program registers; None: the built-in pattern does it."""
    rule: Optional[str] = None
    """The simulator's rule, a case of its catalogue; None: the provider accepts the request."""

    @property
    def harmless(self) -> bool:
        """Whether the provider accepts the request without a fix."""
        return self.rule is None


_HI: Tuple[Dict[str, Any], ...] = ({"role": "user", "content": "Write a poem about Python"},)

CASES = (
    Case(
        "A risky temperature",
        "temperature",
        {"model": "gpt-4.1", "messages": _HI, "temperature": 0.95},
    ),
    Case(
        "A parameter that was renamed",
        "max_tokens",
        {"model": "gpt-5", "messages": _HI, "max_tokens": 1024},
        {
            "pattern": {"model": {"matches": "^(o[134]|gpt-5)"}, "max_tokens": {"exists": True}},
            "fix": {"max_tokens": {"rename": "max_completion_tokens"}},
        },
        "openai-chat-max-tokens-renamed-gpt5",
    ),
    Case(
        "A temperature the model refuses",
        "temperature",
        {"model": "o4-mini", "messages": _HI, "temperature": 0.2},
        {
            "pattern": {"model": {"matches": "^(o1|o4|gpt-5)"}, "temperature": {"!=": 1}},
            "fix": {"temperature": None},
        },
        "openai-chat-temperature-only-default",
    ),
    Case(
        "Too many stop sequences",
        "stop",
        {"model": "gpt-4o", "messages": _HI, "stop": ["a", "b", "c", "d", "e"]},
        {"pattern": {"stop": {"count": {">": 4}}}, "fix": {"stop": {"limit": 4}}},
        "openai-chat-stop-more-than-4",
    ),
    Case(
        "An answer to no tool call",
        "messages",
        {
            "model": "gpt-4o",
            "messages": (
                {"role": "tool", "tool_call_id": "call_1", "content": "42"},
                {"role": "user", "content": "And now?"},
            ),
        },
        {
            "pattern": {"messages": {"is": "orphan_tool_result"}},
            "fix": {"messages": {"repair": "tool_pairs"}},
        },
        "openai-chat-orphan-tool-message",
    ),
)

REASONING_REQUEST: Dict[str, Any] = {"model": "o4-mini", "messages": _HI, "top_p": 0.9}
"""What the applications send: a reasoning model knows no `top_p`, so the provider refuses it."""


class Kind(NamedTuple):
    """One kind of call in the traffic of part three."""

    request: Dict[str, Any]
    share: int
    """Calls of this kind in every ten."""


RISKY = "risky"
TRAFFIC: Dict[str, Kind] = {
    RISKY: Kind({"model": "atlas-2", "messages": _HI, "temperature": 0.2}, 4),
    "default": Kind({"model": "atlas-2", "messages": _HI}, 2),
    "small": Kind({"model": "atlas-2-mini", "messages": _HI, "temperature": 0.2}, 2),
    "other": Kind({"model": "borealis-1", "messages": _HI, "temperature": 0.9}, 2),
}
"""Calls of invented models, so that nothing in Arc can know them."""

NEW_RULE: Dict[str, Any] = {
    "id": "atlas-2-only-default-temperature",
    "endpoint": "openai.chat.completions",
    "match": {
        "all": [
            {"path": "model", "op": "eq", "value": "atlas-2"},
            {"path": "temperature", "op": "exists"},
        ]
    },
    "outcome": {
        "kind": "error",
        "http_status": 400,
        "body": {
            "error": {
                "message": "Unsupported value: 'temperature' does not support 0.2 with this model. "
                "Only the default (1) value is supported.",
                "type": "invalid_request_error",
                "param": "temperature",
                "code": "unsupported_value",
            }
        },
    },
}
"""A rule that the provider makes, takes back, and makes again."""
