"""A function of the application sees each text before it leaves the process."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any, Dict, List

import openai
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from runtime import Arc
from telemetry.receiver import Receiver

SECRET = "jane@example.com"
ASKED: Dict[str, Any] = {
    "model": "gpt-4.1",
    "temperature": 0.95,
    "messages": [
        {"role": "system", "content": f"Help {SECRET}"},
        {"role": "user", "content": [{"type": "text", "text": f"I am {SECRET}"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "mail", "arguments": json.dumps({"name": SECRET})},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": f"sent to {SECRET}"},
    ],
    # which the oldest SDK does not know by name
    "extra_body": {
        "tools": [{"type": "function", "function": {"name": "mail", "description": SECRET}}]
    },
}


def hide(text: str) -> str:
    return text.replace(SECRET, "EMAIL")


def fail(text: str) -> str:
    raise ValueError(f"cannot take {text}")


def values(span: Any) -> Dict[str, Any]:
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes
    }


def sent(receiver: Receiver) -> bytes:
    return b"".join(each.message.SerializeToString() for each in receiver.requests)


def test_no_text_leaves_that_the_function_has_not_seen(
    start: Any, receiver: Receiver, client: openai.OpenAI
) -> None:
    """Messages, arguments and results of tools, their descriptions, and explanations."""
    arc = start(redact=hide)
    arc.register_pattern({"model": "gpt-4.1"}, {"messages[0].content": f"Obey {SECRET}"})
    reply = client.chat.completions.create(**ASKED)
    arc.feedback(reply, outcome="bad", explanation=f"{SECRET} is unhappy")
    assert arc.flush(10)
    assert SECRET.encode() not in sent(receiver)
    span = values(receiver.spans[0])
    said = json.loads(span["gen_ai.input.messages"])
    assert [each["role"] for each in said] == ["system", "user", "assistant", "tool"]
    assert said[1]["parts"] == [{"type": "text", "content": "I am EMAIL"}]
    assert said[2]["parts"][0]["name"] == "mail"
    assert said[2]["parts"][0]["arguments"] == {"name": "EMAIL"}
    assert said[3]["parts"][0]["response"] == "sent to EMAIL"
    assert '"/messages/0/content"' in span["arc.fix.diff"]
    told = receiver.spans[1].events[0].attributes
    assert "EMAIL is unhappy" in [each.value.string_value for each in told]


@pytest.mark.parametrize("captured", [True, False])
def test_labels_of_feedback_are_names(start: Any, receiver: Receiver, captured: bool) -> None:
    """They are sent as they are, as Core groups by them: hidden ones would all be the same."""
    seen: List[str] = []

    def hide_all(text: str) -> str:
        seen.append(text)
        return "***"

    arc = start(redact=hide_all, capture_content=captured)
    assert arc.feedback("reply-1", label="wrong_language", explanation="in French")
    assert arc.flush(10)
    told = values(receiver.spans[0].events[0])
    assert told["gen_ai.evaluation.score.label"] == "wrong_language"
    assert told.get("gen_ai.evaluation.explanation") == ("***" if captured else None)
    assert "wrong_language" not in seen


def test_what_a_text_is_stays_readable(
    start: Any, receiver: Receiver, client: openai.OpenAI
) -> None:
    """A function that hides everything hides what was said, not who said it."""
    threads: List[str] = []

    def hide_all(text: str) -> str:
        threads.append(threading.current_thread().name)
        return "***"

    arc = start(redact=hide_all)
    client.chat.completions.create(**ASKED)
    assert arc.flush(10)
    said = json.loads(values(receiver.spans[0])["gen_ai.input.messages"])
    assert said[1] == {"role": "user", "parts": [{"type": "text", "content": "***"}]}
    assert set(threads) == {"arc-worker"}


def test_runs_are_followed_where_no_text_is_sent(
    start: Any, receiver: Receiver, client: openai.OpenAI
) -> None:
    """The hashes by which loops are seen do not depend on the function, nor on content."""
    hashes = []
    for settings in ({}, {"redact": hide}):
        arc = start(capture_content=False, **settings)
        with arc.session("support"):
            client.chat.completions.create(**ASKED)
        assert arc.flush(10)
        hashes.append(values(receiver.spans[-1])["arc.turn"])
    assert hashes[0] == hashes[1]
    assert SECRET.encode() not in sent(receiver)


def test_the_words_of_an_error_are_texts(
    start: Any, receiver: Receiver, client: openai.OpenAI
) -> None:
    """Providers quote the request in them."""
    arc = start(redact=lambda text: "***")
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="gpt-4.1", messages=[])
    assert arc.flush(10)
    [span] = receiver.spans
    assert span.status.message == "***"
    words = {each.key: each.value.string_value for each in span.events[0].attributes}
    assert words["exception.message"] == "***"
    assert b"empty array" not in span.SerializeToString()


def test_a_function_that_fails_costs_the_texts_alone(
    start: Any, receiver: Receiver, client: openai.OpenAI, caplog: Any
) -> None:
    """The call goes on, its span is sent, and one sentence says why the texts are missing."""
    arc = start(redact=fail)
    for _ in range(2):
        assert client.chat.completions.create(**ASKED).choices
    arc.feedback("id", outcome="bad", explanation=SECRET)
    assert arc.flush(10)
    assert SECRET.encode() not in sent(receiver)
    span = values(receiver.spans[0])
    assert span["gen_ai.usage.input_tokens"] > 0
    assert span["arc.content.truncated"] is True
    assert "gen_ai.input.messages" not in span
    [warning] = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert "The redact hook fail fails with ValueError" in warning
    assert SECRET not in warning
    assert len(receiver.spans) == 3


def test_the_tracer_of_the_application_gets_no_other_texts(
    start: Any, client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "SPAN_ONLY")
    arc = start(redact=hide)
    client.chat.completions.create(**ASKED)
    assert arc.flush(10)
    [span] = kept.get_finished_spans()
    assert "I am EMAIL" in str(span.attributes)
    assert SECRET not in str(span.attributes)


def test_a_function_can_be_named_in_the_environment(
    start: Any, receiver: Receiver, client: openai.OpenAI, monkeypatch: Any, tmp_path: Path
) -> None:
    """It is imported when it is needed, and nothing is sent as it was if that fails."""
    (tmp_path / "privacy.py").write_text("def hide(text):\n    return 'HIDDEN'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("ARC_REDACT", "privacy:hide")
    arc = start()
    client.chat.completions.create(**ASKED)
    assert arc.flush(10)
    assert "HIDDEN" in values(receiver.spans[0])["gen_ai.input.messages"]
    sys.modules.pop("privacy")

    start(redact="privacy:seek")
    client.chat.completions.create(**ASKED)
    assert arc.flush(10)
    assert "gen_ai.input.messages" not in values(receiver.spans[1])
    assert SECRET.encode() not in sent(receiver)


def test_a_value_that_names_no_function_is_one_sentence(caplog: Any, receiver: Receiver) -> None:
    arc = Arc(endpoint=receiver.endpoint, metrics_port=0, redact="hide")
    arc.shutdown()
    [warning] = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert "redact (ARC_REDACT) 'hide' from argument cannot be used" in warning
    assert "write a function, or as text module:function" in warning
