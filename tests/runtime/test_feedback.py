"""What people say of replies reaches the receiver, whenever and wherever they say it."""

from __future__ import annotations

import logging
import threading
from typing import Any, Callable, Dict, List

import openai
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from runtime import Arc
from runtime_shapes import RISKY
from telemetry.receiver import Receiver, free_port


def values(attributes: Any) -> Dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


def calls_and_feedback(receiver: Receiver) -> Any:
    """Return the spans of calls and those of feedback, which have the event, apart."""
    spans: List[Span] = receiver.spans
    return [s for s in spans if not s.events], [s for s in spans if s.events]


def event(span: Span) -> Dict[str, Any]:
    (only,) = span.events
    assert only.name == "gen_ai.evaluation.result"
    assert only.time_unix_nano == span.start_time_unix_nano == span.end_time_unix_nano
    return values(only.attributes)


def test_feedback_is_a_child_of_the_span_of_its_call(
    arc: Arc, receiver: Receiver, client: openai.OpenAI
) -> None:
    """So every tool that shows traces shows it at its place, also once the call was sent."""
    reply = client.chat.completions.create(**RISKY)
    assert arc.feedback(reply, outcome="bad", label="wrong_language", explanation="in French")
    assert arc.flush(10)
    assert arc.feedback(reply.id, score=0.75, source="llm")
    assert arc.flush(10)

    [call], [first, second] = calls_and_feedback(receiver)
    for span in (first, second):
        assert span.name == "user_feedback"
        assert (span.trace_id, span.parent_span_id) == (call.trace_id, call.span_id)
    assert first.span_id != second.span_id
    assert event(first) == {
        "gen_ai.evaluation.name": "user_feedback",
        "gen_ai.evaluation.score.value": 0.0,
        "gen_ai.evaluation.score.label": "wrong_language",
        "gen_ai.evaluation.explanation": "in French",
        "gen_ai.response.id": reply.id,
        "arc.feedback.outcome": "bad",
        "arc.feedback.source": "end_user",
    }
    assert event(second) == {
        "gen_ai.evaluation.name": "user_feedback",
        "gen_ai.evaluation.score.value": 0.75,
        "gen_ai.response.id": reply.id,
        "arc.feedback.source": "llm",
    }


Ask = Callable[[openai.OpenAI], Any]


def _streamed(client: openai.OpenAI) -> Any:
    with client.chat.completions.stream(model="gpt-4o", messages=RISKY["messages"]) as stream:
        return stream.get_final_completion()


def _chunk(client: openai.OpenAI) -> Any:
    *_, last = client.chat.completions.create(**RISKY, stream=True)
    return last


def _mapping(client: openai.OpenAI) -> Any:
    return client.chat.completions.create(**RISKY).model_dump()


def _raw(client: openai.OpenAI) -> Any:
    return client.chat.completions.with_raw_response.create(**RISKY).parse()


def _response(client: openai.OpenAI) -> Any:
    return client.responses.create(model="gpt-4o", input="Hi")


@pytest.mark.parametrize("ask", [_streamed, _chunk, _mapping, _raw, _response])
def test_any_form_of_a_reply_is_recognised(
    arc: Arc, receiver: Receiver, client: openai.OpenAI, ask: Ask
) -> None:
    """What the application has in hand is enough."""
    if ask is _response and not hasattr(client, "responses"):
        pytest.skip("this SDK has no Responses API")
    if ask is _streamed and not hasattr(client.chat.completions, "stream"):
        pytest.skip("this SDK has no stream helper")
    reply = ask(client)
    assert arc.feedback(reply, outcome="good")
    assert arc.flush(10)
    [call], [told] = calls_and_feedback(receiver)
    assert told.parent_span_id == call.span_id
    assert event(told)["gen_ai.response.id"] == values(call.attributes)["gen_ai.response.id"]
    assert event(told)["gen_ai.evaluation.score.value"] == 1.0


def test_feedback_about_a_reply_of_another_process_is_sent(arc: Arc, receiver: Receiver) -> None:
    """Its id says to the receiver which call is meant."""
    assert arc.feedback("chatcmpl-of-last-week", outcome="good")
    assert arc.flush(10)
    [told] = receiver.spans
    assert not told.parent_span_id
    assert any(told.trace_id)
    assert event(told)["gen_ai.response.id"] == "chatcmpl-of-last-week"


def test_feedback_comes_from_any_thread(arc: Arc, receiver: Receiver) -> None:
    """Web servers give it in another thread than the one that called."""
    threads = [
        threading.Thread(target=arc.feedback, args=(f"id-{number}",), kwargs={"score": 1})
        for number in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert arc.flush(10)
    told = sorted(event(span)["gen_ai.response.id"] for span in receiver.spans)
    assert told == sorted(f"id-{number}" for number in range(20))


class _Hostile:
    @property
    def id(self) -> str:
        raise RuntimeError("not now")


@pytest.mark.parametrize(
    ("reply", "given", "sentence"),
    [
        ("id", {}, "it says nothing: give an outcome, a score or a label"),
        ("id", {"outcome": "meh"}, "outcome is 'meh': write good or bad"),
        ("id", {"score": 7}, "score is 7: write a number from 0, the worst, to 1"),
        ("id", {"score": float("nan")}, "score is nan: write"),
        ("id", {"score": True}, "score is True: write"),
        ("id", {"label": "x" * 101}, "write a short name of at most 100 characters"),
        ("id", {"label": ["x"]}, "label is a list: write a short name"),
        ("id", {"outcome": "bad", "source": "me"}, "source is 'me': write one of end_user"),
        ("id", {"outcome": "bad", "explanation": 3}, "explanation is 3: write a text"),
        ("", {"outcome": "bad"}, "'' has no id of a reply: give the SDK's reply object"),
        (None, {"outcome": "bad"}, "a NoneType has no id of a reply"),
        ({"id": 3}, {"outcome": "bad"}, "a dict has no id of a reply"),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_one_sentence(
    arc: Arc, receiver: Receiver, caplog: Any, reply: Any, given: Dict[str, Any], sentence: str
) -> None:
    """It never raises, and is never sent as something else."""
    caplog.set_level(logging.WARNING, "arc")
    assert arc.feedback(reply, **given) is False
    (record,) = caplog.records
    assert record.getMessage().startswith("Feedback is not taken: ")
    assert sentence in record.getMessage()
    assert arc.flush(10)
    assert receiver.spans == []


def test_an_object_that_raises_costs_the_feedback_alone(receiver: Receiver) -> None:
    """The application's own objects may do what they like."""
    arc = Arc(endpoint=receiver.endpoint, metrics_port=0)
    try:
        assert arc.feedback(_Hostile(), outcome="bad") is False
        assert arc.faults() == {"feedback": 1}
    finally:
        arc.shutdown()
    assert arc.feedback("id", outcome="bad") is False  # it is not there any more


def test_words_stay_at_home_with_all_other_content(start: Any, receiver: Receiver) -> None:
    """An explanation quotes what was said."""
    arc = start(capture_content=False)
    assert arc.feedback("id", outcome="bad", label="rude", explanation="it said something")
    assert arc.flush(10)
    [told] = receiver.spans
    assert b"it said something" not in told.SerializeToString()
    assert event(told)["gen_ai.evaluation.score.label"] == "rude"


def test_feedback_waits_on_disk_while_its_receiver_is_away() -> None:
    """As all other telemetry does, also over the end of the program."""
    port = free_port()
    arc = Arc(endpoint=f"grpc://localhost:{port}", metrics_port=0, shutdown_timeout=0.2)
    assert arc.feedback("id", outcome="bad")
    assert not arc.flush(1)
    arc.shutdown()
    with Receiver(port=port) as receiver:
        again = Arc(endpoint=receiver.endpoint, metrics_port=0)
        try:
            assert again.flush(10)
        finally:
            again.shutdown()
        [told] = receiver.spans
    assert event(told)["gen_ai.response.id"] == "id"


def test_a_disabled_arc_takes_no_feedback() -> None:
    """Nothing is started, and nothing said."""
    arc = Arc(disable=True)
    try:
        assert arc.feedback("id", outcome="bad") is False
    finally:
        arc.shutdown()
