"""Reads OpenAI chat completions, also those of the many servers that speak the same API."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence

from arc_protocol import semconv
from runtime._calls import Reading
from runtime._memo import Memo
from runtime.providers._fields import (
    Field,
    Members,
    among,
    elements,
    field,
    given,
    integer,
    members,
    number,
    other_than,
    positive,
    read,
    text,
    texts,
)
from runtime.providers._openai_parts import (
    Part,
    content_parts,
    reasoning_part,
    refusal_part,
    text_part,
    tool_call_part,
    tool_definition,
    tool_result_part,
)

OUTPUT_TYPES = among({"text": "text", "json_object": "json", "json_schema": "json"})


def several(value: Any) -> Optional[int]:
    """Narrow to a number of choices other than the usual one."""
    count = integer(value)
    return None if count == 1 else count


SAMPLING = (
    Field(semconv.REQUEST_MODEL, ("model",), text),
    Field(semconv.REQUEST_TEMPERATURE, ("temperature",), number),
    Field(semconv.REQUEST_TOP_P, ("top_p",), number),
    Field(semconv.REQUEST_FREQUENCY_PENALTY, ("frequency_penalty",), number),
    Field(semconv.REQUEST_PRESENCE_PENALTY, ("presence_penalty",), number),
    Field(semconv.REQUEST_SEED, ("seed",), integer),
    Field(semconv.REQUEST_STOP_SEQUENCES, ("stop",), texts),
    Field(semconv.REQUEST_CHOICE_COUNT, ("n",), several),
)
"""Parameters that chat completions share with the older completions."""

USAGE = (
    Field(semconv.USAGE_INPUT_TOKENS, ("usage", "prompt_tokens"), integer),
    Field(semconv.USAGE_OUTPUT_TOKENS, ("usage", "completion_tokens"), integer),
    Field(
        semconv.USAGE_CACHE_READ_INPUT_TOKENS,
        ("usage", "prompt_tokens_details", "cached_tokens"),
        positive,
    ),
    Field(
        semconv.USAGE_CACHE_WRITE_INPUT_TOKENS,
        ("usage", "prompt_tokens_details", "cache_write_tokens"),
        positive,
    ),
    Field(
        semconv.USAGE_REASONING_OUTPUT_TOKENS,
        ("usage", "completion_tokens_details", "reasoning_tokens"),
        positive,
    ),
    Field(
        semconv.USAGE_AUDIO_INPUT_TOKENS,
        ("usage", "prompt_tokens_details", "audio_tokens"),
        positive,
    ),
    Field(
        semconv.USAGE_AUDIO_OUTPUT_TOKENS,
        ("usage", "completion_tokens_details", "audio_tokens"),
        positive,
    ),
)

IDENTITY = (
    Field(semconv.RESPONSE_ID, ("id",), text),
    Field(semconv.RESPONSE_MODEL, ("model",), text),
)

_REQUEST = (
    *SAMPLING,
    Field(semconv.REQUEST_MAX_TOKENS, ("max_completion_tokens",), integer),
    Field(semconv.REQUEST_MAX_TOKENS, ("max_tokens",), integer),
    Field(semconv.OUTPUT_TYPE, ("response_format", "type"), OUTPUT_TYPES),
    Field(semconv.REQUEST_REASONING_LEVEL, ("reasoning_effort",), text),
    Field(semconv.OPENAI_REQUEST_SERVICE_TIER, ("service_tier",), other_than("auto")),
)

_REPLY = (
    *IDENTITY,
    Field(semconv.OPENAI_RESPONSE_SERVICE_TIER, ("service_tier",), text),
    Field(semconv.OPENAI_RESPONSE_SYSTEM_FINGERPRINT, ("system_fingerprint",), text),
    *USAGE,
)


class ChatReader:
    """Reads requests, replies and streams of `chat.completions`."""

    def request(self, body: Mapping[str, Any]) -> Reading:
        """Read the body of a request as the provider receives it."""
        attributes = read(body, _REQUEST)
        attributes[semconv.OPENAI_API_TYPE] = "chat_completions"
        tools = (*elements(field(body, "tools")), *elements(field(body, "functions")))
        content: Dict[str, Any] = {
            semconv.INPUT_MESSAGES: [_sent(each) for each in elements(field(body, "messages"))]
        }
        if tools:
            content[semconv.TOOL_DEFINITIONS] = [tool_definition(tool) for tool in tools]
        return Reading(attributes, content)

    def reply(self, reply: Any) -> Reading:
        """Read a completion: the SDK's object, a parsed body or what `chunks` returned."""
        if isinstance(reply, FoldedCompletion):
            reply = reply.whole()
        choices = elements(field(reply, "choices"))
        attributes = read(reply, _REPLY)
        if not choices:
            return Reading(attributes, {})
        attributes[semconv.RESPONSE_FINISH_REASONS] = [_finish_reason(each) for each in choices]
        messages = [
            {**_message(field(each, "message")), "finish_reason": _finish_reason(each)}
            for each in choices
        ]
        return Reading(attributes, {semconv.OUTPUT_MESSAGES: messages})

    def chunks(
        self, chunks: Sequence[Any], folded: Optional[FoldedCompletion] = None
    ) -> FoldedCompletion:
        """Fold streamed chunks into one completion, going on with `folded` where given."""
        completion = FoldedCompletion() if folded is None else folded
        for chunk in chunks:
            completion.add(chunk)
        return completion


def _finish_reason(choice: Any) -> str:
    return text(field(choice, "finish_reason")) or "error"


def _message(message: Any) -> Dict[str, Any]:
    held = members(message)
    role = text(held.get("role"))
    if role in ("tool", "function"):
        parts = [tool_result_part(held.get("tool_call_id"), held.get("content"))]
    else:
        parts = _parts(held)
    return given(role=role, name=text(held.get("name")), parts=parts)


_sent = Memo(_message)
"""A message of a request: all but the last ones were in the conversation's request before."""


def _parts(message: Members) -> List[Part]:
    parts: List[Part] = []
    # not in OpenAI's own API: what servers of open models call it
    reasoning = text(message.get("reasoning_content")) or text(message.get("reasoning"))
    if reasoning:
        parts.append(reasoning_part(reasoning))
    parts.extend(content_parts(message.get("content")))
    refusal = text(message.get("refusal"))
    if refusal:
        parts.append(refusal_part(refusal))
    audio = message.get("audio")
    spoken = None if audio is None else text(field(audio, "transcript"))
    if spoken:
        parts.append(text_part(spoken))
    for call in elements(message.get("tool_calls")):
        custom = field(call, "custom")
        function = members(field(call, "function") if custom is None else custom)
        arguments = function.get("arguments" if custom is None else "input")
        parts.append(tool_call_part(field(call, "id"), function.get("name"), arguments))
    function_call = message.get("function_call")
    if function_call is not None:
        named = members(function_call)
        parts.append(tool_call_part(None, named.get("name"), named.get("arguments")))
    return parts


def stated(chunk: Members, *names: str) -> Dict[str, Any]:
    """Return what a chunk says of the whole completion; the first ones may hold empty strings."""
    said: Dict[str, Any] = {}
    for name in names:
        value = text(chunk.get(name))
        if value:
            said[name] = value
    usage = chunk.get("usage")
    if usage is not None:
        said["usage"] = usage
    return said


class FoldedCompletion:
    """A completion that is still coming in."""

    def __init__(self) -> None:
        self._fields: Dict[str, Any] = {}
        self._choices: Dict[int, _FoldedChoice] = {}

    def add(self, chunk: Any) -> None:
        """Take one more chunk."""
        held = members(chunk)
        self._fields.update(stated(held, "id", "model", "service_tier", "system_fingerprint"))
        for choice in elements(held.get("choices")):
            parts = members(choice)
            index = integer(parts.get("index")) or 0
            folded = self._choices.get(index)
            if folded is None:
                folded = self._choices[index] = _FoldedChoice()
            folded.add(parts)

    def whole(self) -> Dict[str, Any]:
        """Return what has come in so far, in the form of a completion."""
        choices = [choice.whole() for _, choice in sorted(self._choices.items())]
        return {**self._fields, "choices": choices}


_TEXTS = ("content", "refusal", "reasoning_content", "reasoning")
"""Texts of a message that come in pieces; those of its audio are one level deeper."""


class _FoldedChoice:
    def __init__(self) -> None:
        self._finish_reason: Optional[str] = None
        self._texts: Dict[str, List[str]] = {}
        self._transcript: List[str] = []
        self._calls: Dict[int, _FoldedCall] = {}
        self._function: Optional[_FoldedCall] = None

    def add(self, choice: Members) -> None:
        self._finish_reason = text(choice.get("finish_reason")) or self._finish_reason
        delta = members(choice.get("delta"))
        for name in _TEXTS:
            value = delta.get(name)
            if value is None:
                continue
            piece = text(value)
            if piece is not None:
                self._texts.setdefault(name, []).append(piece)
        spoken = text(members(delta.get("audio")).get("transcript"))
        if spoken is not None:
            self._transcript.append(spoken)
        for call in elements(delta.get("tool_calls")):
            index = integer(field(call, "index"))
            if index is None:  # some servers send each call whole and do not number them
                index = len(self._calls)
            self._calls.setdefault(index, _FoldedCall()).add(call)
        function = delta.get("function_call")
        if function is not None:
            self._function = self._function or _FoldedCall()
            self._function.add({"function": function})

    def whole(self) -> Dict[str, Any]:
        message: Dict[str, Any] = {"role": "assistant"}
        for name, pieces in self._texts.items():
            message[name] = "".join(pieces)
        if self._transcript:
            message["audio"] = {"transcript": "".join(self._transcript)}
        message["tool_calls"] = [call.whole() for _, call in sorted(self._calls.items())]
        if self._function is not None:
            message["function_call"] = self._function.whole()["function"]
        return {"message": message, "finish_reason": self._finish_reason}


class _FoldedCall:
    def __init__(self) -> None:
        self._id: Optional[str] = None
        self._name: Optional[str] = None
        self._arguments: List[str] = []

    def add(self, call: Any) -> None:
        self._id = text(field(call, "id")) or self._id
        self._name = text(field(call, "function", "name")) or self._name
        piece = text(field(call, "function", "arguments"))
        if piece is not None:
            self._arguments.append(piece)

    def whole(self) -> Dict[str, Any]:
        function = {"name": self._name, "arguments": "".join(self._arguments)}
        return {"id": self._id, "function": function}
