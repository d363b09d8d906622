"""Reads calls that fetch a response by its id, as one that runs in the background."""

from __future__ import annotations

from typing import Any, Mapping

from arc_protocol import semconv
from runtime._calls import Reading
from runtime.providers._fields import Field, field, read, text
from runtime.providers._openai_responses import FoldedResponse, ResponsesReader

_STATUS = (Field(semconv.RESPONSE_STATUS, ("status",), text),)

_TOLD = (
    semconv.RESPONSE_ID,
    semconv.RESPONSE_MODEL,
    semconv.RESPONSE_FINISH_REASONS,
    semconv.OPENAI_RESPONSE_SERVICE_TIER,
    semconv.ARC_RESPONSE_STOP_REASON,
    semconv.ARC_ERROR_CODE,
)
"""What is told of the response. Its tokens belong to the call that generated it, and that it has
failed is no failure to fetch it: so no `error.type`."""


class FetchReader(ResponsesReader):
    """Reads requests, replies and streams of `responses.retrieve`."""

    def request(self, body: Mapping[str, Any]) -> Reading:
        """Read which response was asked for."""
        asked = {
            semconv.OPENAI_API_TYPE: "responses",
            semconv.RESPONSE_ID: text(field(body, "response_id")),
        }
        return Reading(asked, {})

    def reply(self, reply: Any) -> Reading:
        """Read a response as it was when it was fetched, which may be before its end."""
        if isinstance(reply, FoldedResponse):
            reply = reply.whole()
        whole = super().reply(reply)
        told = {name: whole.attributes[name] for name in _TOLD if name in whole.attributes}
        return Reading({**read(reply, _STATUS), **told}, whole.content)
