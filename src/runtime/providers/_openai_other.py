"""Reads the smaller OpenAI APIs, and what can be read of one that Arc does not know."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence

from arc_protocol import semconv
from runtime._calls import Reading
from runtime.providers._fields import (
    Field,
    elements,
    field,
    given,
    integer,
    members,
    positive,
    read,
    text,
    texts,
)
from runtime.providers._openai_chat import IDENTITY, SAMPLING, USAGE, several, stated
from runtime.providers._openai_parts import content_parts, media_part

_ANY_USAGE = (
    *USAGE,
    Field(semconv.USAGE_INPUT_TOKENS, ("usage", "input_tokens"), integer),
    Field(semconv.USAGE_OUTPUT_TOKENS, ("usage", "output_tokens"), integer),
)


class GenericReader:
    """Reads what most APIs have in common: model, id and token counts; no content."""

    def request(self, body: Mapping[str, Any]) -> Reading:
        """Read the body of a request as the provider receives it."""
        return Reading(read(body, (Field(semconv.REQUEST_MODEL, ("model",), text),)), {})

    def reply(self, reply: Any) -> Reading:
        """Read the SDK's object, a parsed body or what `chunks` returned."""
        return Reading(read(reply, (*IDENTITY, *_ANY_USAGE)), {})

    def chunks(self, chunks: Sequence[Any], folded: Any = None) -> Any:
        """Return the last chunk: where there is a summary, it comes last."""
        return chunks[-1] if chunks else folded


class EmbeddingsReader(GenericReader):
    """Reads `embeddings`."""

    _REQUEST = (
        Field(semconv.REQUEST_MODEL, ("model",), text),
        Field(semconv.EMBEDDINGS_DIMENSION_COUNT, ("dimensions",), integer),
        Field(semconv.REQUEST_ENCODING_FORMATS, ("encoding_format",), texts),
    )

    def request(self, body: Mapping[str, Any]) -> Reading:
        """Read the body of a request as the provider receives it."""
        return Reading(read(body, self._REQUEST), _prompt(field(body, "input")))


class ModerationsReader(GenericReader):
    """Reads `moderations`."""

    def request(self, body: Mapping[str, Any]) -> Reading:
        """Read the body of a request as the provider receives it."""
        return Reading(super().request(body).attributes, _prompt(field(body, "input")))


_IMAGE_USAGE = tuple(
    Field(attribute, ("usage", "input_tokens_details", f"{kind}_tokens"), positive)
    for kind, attribute in (
        ("text", semconv.USAGE_TEXT_INPUT_TOKENS),
        ("image", semconv.USAGE_IMAGE_INPUT_TOKENS),
    )
)


class ImagesReader(GenericReader):
    """Reads `images`; pictures in the reply are left out, their addresses are not."""

    _REQUEST = (
        Field(semconv.REQUEST_MODEL, ("model",), text),
        Field(semconv.REQUEST_CHOICE_COUNT, ("n",), several),
    )

    def request(self, body: Mapping[str, Any]) -> Reading:
        """Read the body of a request as the provider receives it."""
        attributes = read(body, self._REQUEST)
        attributes[semconv.OUTPUT_TYPE] = "image"
        return Reading(attributes, _prompt(field(body, "prompt")))

    def reply(self, reply: Any) -> Reading:
        """Read the SDK's object, a parsed body or what `chunks` returned."""
        parts = [
            media_part("image", url=field(each, "url")) for each in elements(field(reply, "data"))
        ]
        shown = [part for part in parts if part is not None]
        message = {"role": "assistant", "parts": shown}
        content = {semconv.OUTPUT_MESSAGES: [message]} if shown else {}
        attributes = {**super().reply(reply).attributes, **read(reply, _IMAGE_USAGE)}
        return Reading(attributes, content)


class CompletionsReader:
    """Reads requests, replies and streams of the older `completions`."""

    _REQUEST = (*SAMPLING, Field(semconv.REQUEST_MAX_TOKENS, ("max_tokens",), integer))
    _REPLY = (
        *IDENTITY,
        Field(semconv.OPENAI_RESPONSE_SYSTEM_FINGERPRINT, ("system_fingerprint",), text),
        *USAGE,
    )

    def request(self, body: Mapping[str, Any]) -> Reading:
        """Read the body of a request as the provider receives it."""
        return Reading(read(body, self._REQUEST), _prompt(field(body, "prompt")))

    def reply(self, reply: Any) -> Reading:
        """Read a completion: the SDK's object, a parsed body or what `chunks` returned."""
        if isinstance(reply, FoldedTextCompletion):
            reply = reply.whole()
        attributes = read(reply, self._REPLY)
        choices = elements(field(reply, "choices"))
        if not choices:
            return Reading(attributes, {})
        reasons = [text(field(choice, "finish_reason")) or "error" for choice in choices]
        attributes[semconv.RESPONSE_FINISH_REASONS] = reasons
        messages = [
            {
                "role": "assistant",
                "parts": content_parts(field(choice, "text")),
                "finish_reason": reason,
            }
            for choice, reason in zip(choices, reasons)
        ]
        return Reading(attributes, {semconv.OUTPUT_MESSAGES: messages})

    def chunks(
        self, chunks: Sequence[Any], folded: Optional[FoldedTextCompletion] = None
    ) -> FoldedTextCompletion:
        """Fold streamed chunks into one completion, going on with `folded` where given."""
        completion = FoldedTextCompletion() if folded is None else folded
        for chunk in chunks:
            completion.add(chunk)
        return completion


class FoldedTextCompletion:
    """A completion that is still coming in."""

    def __init__(self) -> None:
        self._fields: Dict[str, Any] = {}
        self._texts: Dict[int, List[str]] = {}
        self._reasons: Dict[int, str] = {}

    def add(self, chunk: Any) -> None:
        """Take one more chunk."""
        self._fields.update(stated(members(chunk), "id", "model", "system_fingerprint"))
        for choice in elements(field(chunk, "choices")):
            index = integer(field(choice, "index")) or 0
            self._texts.setdefault(index, []).append(text(field(choice, "text")) or "")
            reason = text(field(choice, "finish_reason"))
            if reason is not None:
                self._reasons[index] = reason

    def whole(self) -> Dict[str, Any]:
        """Return what has come in so far, in the form of a completion."""
        choices = [
            given(text="".join(pieces), finish_reason=self._reasons.get(index))
            for index, pieces in sorted(self._texts.items())
        ]
        return {**self._fields, "choices": choices}


def _prompt(value: Any) -> Dict[str, Any]:
    """Return what is asked about as one user message; text given as token numbers is left out."""
    parts = content_parts(value)
    return {semconv.INPUT_MESSAGES: [{"role": "user", "parts": parts}]} if parts else {}
