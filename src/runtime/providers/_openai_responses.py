"""Reads OpenAI's Responses API."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from arc_protocol import semconv
from runtime._calls import Reading
from runtime.providers._fields import (
    Field,
    elements,
    field,
    given,
    integer,
    number,
    other_than,
    positive,
    read,
    text,
)
from runtime.providers._openai_chat import IDENTITY, OUTPUT_TYPES
from runtime.providers._openai_parts import (
    Part,
    content_parts,
    media_part,
    tool_call_part,
    tool_definition,
    tool_result_part,
)

_REQUEST = (
    Field(semconv.REQUEST_MODEL, ("model",), text),
    Field(semconv.REQUEST_TEMPERATURE, ("temperature",), number),
    Field(semconv.REQUEST_TOP_P, ("top_p",), number),
    Field(semconv.REQUEST_MAX_TOKENS, ("max_output_tokens",), integer),
    Field(semconv.OUTPUT_TYPE, ("text", "format", "type"), OUTPUT_TYPES),
    Field(semconv.REQUEST_REASONING_LEVEL, ("reasoning", "effort"), text),
    Field(semconv.REQUEST_PREVIOUS_RESPONSE_ID, ("previous_response_id",), text),
    Field(semconv.CONVERSATION_ID, ("conversation",), text),
    Field(semconv.CONVERSATION_ID, ("conversation", "id"), text),
    Field(semconv.PROMPT_NAME, ("prompt", "id"), text),
    Field(semconv.PROMPT_VERSION, ("prompt", "version"), text),
    Field(semconv.OPENAI_REQUEST_SERVICE_TIER, ("service_tier",), other_than("auto")),
)

_REPLY = (
    *IDENTITY,
    Field(semconv.OPENAI_RESPONSE_SERVICE_TIER, ("service_tier",), text),
    Field(semconv.ARC_RESPONSE_STOP_REASON, ("incomplete_details", "reason"), text),
    Field(semconv.ARC_RESPONSE_STOP_REASON, ("status",), text),
    Field(semconv.ERROR_TYPE, ("error", "code"), text),
    Field(semconv.ARC_ERROR_CODE, ("error", "code"), text),
    Field(semconv.ARC_ERROR_PARAM, ("error", "param"), text),
    Field(semconv.ARC_ERROR_MESSAGE, ("error", "message"), text),
    Field(semconv.USAGE_INPUT_TOKENS, ("usage", "input_tokens"), integer),
    Field(semconv.USAGE_OUTPUT_TOKENS, ("usage", "output_tokens"), integer),
    Field(
        semconv.USAGE_CACHE_READ_INPUT_TOKENS,
        ("usage", "input_tokens_details", "cached_tokens"),
        positive,
    ),
    Field(
        semconv.USAGE_CACHE_WRITE_INPUT_TOKENS,
        ("usage", "input_tokens_details", "cache_write_tokens"),
        positive,
    ),
    Field(
        semconv.USAGE_CACHE_WRITE_INPUT_TOKENS,
        ("usage", "input_tokens_details", "cache_creation_input_tokens"),
        positive,
    ),
    Field(
        semconv.USAGE_REASONING_OUTPUT_TOKENS,
        ("usage", "output_tokens_details", "reasoning_tokens"),
        positive,
    ),
)

_INCOMPLETE = {"max_output_tokens": "length"}

_TOOL_CALLS = {
    "function_call": "arguments",
    "custom_tool_call": "input",
    "computer_call": "action",
    "local_shell_call": "action",
    "shell_call": "action",
    "apply_patch_call": "operation",
}
"""Items that ask the application to run a tool, and where they hold what to run it with."""


class ResponsesReader:
    """Reads requests, replies and streams of `responses`."""

    def request(self, body: Mapping[str, Any]) -> Reading:
        """Read the body of a request as the provider receives it."""
        attributes = read(body, _REQUEST)
        attributes[semconv.OPENAI_API_TYPE] = "responses"
        content: Dict[str, Any] = {semconv.INPUT_MESSAGES: _messages(field(body, "input"))}
        instructions = content_parts(field(body, "instructions"))
        if instructions:
            content[semconv.SYSTEM_INSTRUCTIONS] = instructions
        tools = elements(field(body, "tools"))
        if tools:
            content[semconv.TOOL_DEFINITIONS] = [tool_definition(tool) for tool in tools]
        return Reading(attributes, content)

    def reply(self, reply: Any) -> Reading:
        """Read a response: the SDK's object, a parsed body or what `chunks` returned."""
        if isinstance(reply, FoldedResponse):
            reply = reply.whole()
        attributes = read(reply, _REPLY)
        reason = _finish_reason(reply)
        if reason is not None:
            attributes[semconv.RESPONSE_FINISH_REASONS] = [reason]
        parts = [part for item in elements(field(reply, "output")) for part in _turn(item)[1]]
        if not parts:
            return Reading(attributes, {})
        message = given(role="assistant", parts=parts, finish_reason=reason)
        return Reading(attributes, {semconv.OUTPUT_MESSAGES: [message]})

    def chunks(
        self, chunks: Sequence[Any], folded: Optional[FoldedResponse] = None
    ) -> FoldedResponse:
        """Fold streamed events into one response, going on with `folded` where given."""
        response = FoldedResponse() if folded is None else folded
        for event in chunks:
            response.add(event)
        return response


def _finish_reason(reply: Any) -> Optional[str]:
    status = text(field(reply, "status"))
    if status == "completed":
        kinds = [text(field(item, "type")) for item in elements(field(reply, "output"))]
        called = any(kind in _TOOL_CALLS for kind in kinds)
        return "tool_calls" if called else "stop"
    if status == "incomplete":
        reason = text(field(reply, "incomplete_details", "reason"))
        return None if reason is None else _INCOMPLETE.get(reason, reason)
    return "error" if status in ("failed", "cancelled") else None


def _messages(items: Any) -> List[Dict[str, Any]]:
    """Return the turns of a conversation; what one side did in a row is one turn."""
    if isinstance(items, str):
        return [{"role": "user", "parts": content_parts(items)}]
    messages: List[Dict[str, Any]] = []
    for item in elements(items):
        role, parts = _turn(item)
        if messages and role in ("assistant", "tool") and messages[-1]["role"] == role:
            messages[-1]["parts"].extend(parts)
        else:
            messages.append({"role": role, "parts": list(parts)})
    return messages


def _turn(item: Any) -> Tuple[str, Sequence[Any]]:
    """Return who speaks in an item, and its parts."""
    kind = text(field(item, "type")) or "message"
    if kind == "message":
        role = text(field(item, "role")) or "user"
        return role, content_parts(field(item, "content"))
    if kind == "reasoning":
        thoughts = (*elements(field(item, "summary")), *elements(field(item, "content")))
        return "assistant", content_parts(thoughts)
    if kind in _TOOL_CALLS:
        name = text(field(item, "name")) or kind[: -len("_call")]
        call_id = text(field(item, "call_id")) or field(item, "id")
        return "assistant", [tool_call_part(call_id, name, field(item, _TOOL_CALLS[kind]))]
    if kind.endswith("_output"):
        call_id = text(field(item, "call_id")) or field(item, "id")
        return "tool", [tool_result_part(call_id, field(item, "output"))]
    if kind == "image_generation_call":
        form = text(field(item, "output_format")) or "png"
        image = media_part("image", data=field(item, "result"), mime_type=f"image/{form}")
        return "assistant", [] if image is None else [image]
    if kind.endswith("_call"):
        return "assistant", [_server_tool_call(item, kind)]
    return "assistant", [given(type=kind, id=text(field(item, "id")))]


def _server_tool_call(item: Any, kind: str) -> Part:
    """A tool that the provider ran itself; the item holds call and result."""
    return given(
        type="server_tool_call",
        id=text(field(item, "id")),
        name=text(field(item, "name")) or kind[: -len("_call")],
        server_tool_call=item,
    )


_PIECES: Mapping[str, Tuple[str, str, str, str]] = {
    "response.output_text.delta": ("content", "content_index", "output_text", "text"),
    "response.refusal.delta": ("content", "content_index", "refusal", "refusal"),
    "response.reasoning_text.delta": ("content", "content_index", "reasoning_text", "text"),
    "response.reasoning_summary_text.delta": ("summary", "summary_index", "summary_text", "text"),
}
"""Events with a piece of text: the item's list, the index in it, the part's type and field."""

_ARGUMENTS = {
    "response.function_call_arguments.delta": "arguments",
    "response.mcp_call_arguments.delta": "arguments",
    "response.custom_tool_call_input.delta": "input",
    "response.code_interpreter_call_code.delta": "code",
}
"""Events with a piece of one field of the item."""


class FoldedResponse:
    """A response that is still coming in."""

    def __init__(self) -> None:
        self._response: Any = None
        self._final = False
        self._error: Any = None
        self._items: Dict[int, _FoldedItem] = {}

    def add(self, event: Any) -> None:
        """Take one more event."""
        kind = text(field(event, "type")) or ""
        response = field(event, "response")
        if response is not None:
            self._response = response
            self._final = kind not in (
                "response.created",
                "response.queued",
                "response.in_progress",
            )
        elif kind == "error":
            self._error = event
        else:
            index = integer(field(event, "output_index"))
            if index is not None:
                self._items.setdefault(index, _FoldedItem()).add(kind, event)

    def whole(self) -> Any:
        """Return the provider's own summary if it came, otherwise what has come in so far."""
        if self._final and self._error is None:
            return self._response
        names = ("id", "model", "service_tier", "status", "usage")
        whole = {name: field(self._response, name) for name in names}
        if self._error is not None:
            whole.update(status="failed", error=self._error)
        whole["output"] = [item.whole() for _, item in sorted(self._items.items())]
        return whole


class _FoldedItem:
    def __init__(self) -> None:
        self._item: Any = None
        self._done = False
        self._fields: Dict[str, List[str]] = {}
        self._parts: Dict[Tuple[str, int, str, str], List[str]] = {}

    def add(self, kind: str, event: Any) -> None:
        item = field(event, "item")
        if item is not None:
            self._item = item
            self._done = kind == "response.output_item.done"
            return
        piece = text(field(event, "delta"))
        if piece is None:
            return
        if kind in _ARGUMENTS:
            self._fields.setdefault(_ARGUMENTS[kind], []).append(piece)
        elif kind in _PIECES:
            place, index_field, part_type, text_field = _PIECES[kind]
            index = integer(field(event, index_field)) or 0
            self._parts.setdefault((place, index, part_type, text_field), []).append(piece)

    def whole(self) -> Any:
        if self._done:
            return self._item
        names = ("type", "id", "call_id", "name", "role", "action", "operation")
        whole: Dict[str, Any] = given(**{name: field(self._item, name) for name in names})
        for name, pieces in self._fields.items():
            whole[name] = "".join(pieces)
        for (place, _, part_type, text_field), pieces in sorted(self._parts.items()):
            part = {"type": part_type, text_field: "".join(pieces)}
            whole.setdefault(place, []).append(part)
        return whole
