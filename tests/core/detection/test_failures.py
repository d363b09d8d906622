"""Failures get names, and one signature where they are alike."""

from __future__ import annotations

from typing import Any

import pytest

from arc_core.detection.failures import Failed, identify, kind_of
from arc_protocol.cures.kinds import TRANSIENT

WORDS = "Unsupported value: 'temperature' does not support 0.2 with this model."


def failed(**fields: Any) -> Failed:
    known = {
        "provider": "openai",
        "operation": "chat",
        "failed": True,
        "kinds": (),
        "status": 400,
        "code": "unsupported_value",
        "param": "temperature",
        "type": "openai.BadRequestError",
        "message": WORDS,
    }
    return Failed(**{**known, **fields})


def bare(**fields: Any) -> Failed:
    """Return a failure of which nothing but the exception is known."""
    return failed(**{"status": None, "code": "", "param": "", "message": "", **fields})


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (failed(), "invalid_request"),
        (failed(status=404), "invalid_request"),
        (failed(status=429, code="insufficient_quota"), "rate_limited"),
        (failed(status=503), "overloaded"),
        (failed(status=529), "overloaded"),
        (failed(status=500, code=""), "server_error"),
        (failed(status=400, code="overloaded_error"), "overloaded"),
        (failed(status=401), "authentication"),
        (failed(status=408), "timeout"),
        (failed(code="content_filter"), "content_filter"),
        (bare(type="openai.APITimeoutError"), "timeout"),
        (bare(type="openai.APIConnectionError"), "connection"),
        (bare(type="connector.ValueError"), "error"),
        (bare(type="asyncio.exceptions.CancelledError"), "cancelled"),
        (bare(type="builtins.ValueError", message="no"), "error"),
        (bare(type="x", message="Error code: 529 - {'error': {'message': 'm'}}"), "overloaded"),
        (bare(failed=False, kinds=["truncated", "invalid_json"]), "truncated"),
        (bare(failed=False), ""),
    ],
)
def test_kinds(call: Failed, kind: str) -> None:
    assert kind_of(call) == kind
    assert bool(identify(call)[0]) is bool(kind)


def test_calls_that_failed_alike_have_one_signature() -> None:
    """Whoever reports them: others send no code, and the SDK's text around the provider's."""
    inside = {"message": WORDS, "type": "t", "param": "temperature", "code": "unsupported_value"}
    foreign = bare(message=f"Error code: 400 - { {'error': inside}!r}")
    again = failed(message=WORDS.replace("0.2", "0.95"))
    assert identify(failed()) == identify(again) == identify(foreign)


@pytest.mark.parametrize(
    "other",
    [
        {"provider": "groq"},
        {"operation": "embeddings"},
        {"status": 422},
        {"code": "invalid_value"},
        {"param": "top_p"},
        {"message": "Another thing."},
        {"failed": False, "kinds": ["truncated"]},
    ],
    ids=str,
)
def test_what_differs_has_another_signature(other: dict[str, Any]) -> None:
    assert identify(failed(**other))[0] != identify(failed())[0]


def test_positions_in_a_parameter_do_not_count() -> None:
    one, other = (failed(param=f"messages[{n}].content") for n in (3, 17))
    assert identify(one) == identify(other)


def test_transient_failures_of_a_provider_are_one_group_each() -> None:
    one = identify(failed(status=429, message="Try again in 644ms", code="a"))
    other = identify(failed(status=429, message="Slow down!", code="b", param=""))
    assert one[0] == other[0]
    assert one[1] != other[1]
    assert kind_of(failed(status=429)) in TRANSIENT


def test_the_signature_of_a_failure_never_changes() -> None:
    """What is stored would be another failure after an update."""
    assert identify(failed())[0] == "67b3e6b19a86be4b"
