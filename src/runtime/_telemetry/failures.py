"""Sees what is wrong with replies, on the worker's thread: content need not leave the process."""

from __future__ import annotations

from collections import OrderedDict
from typing import List, Tuple

from arc_protocol import semconv
from arc_protocol.detection import kinds
from arc_protocol.detection.exchange import Exchange, ToolCall, read
from runtime._telemetry.description import Description

_RUNS = 1024
_CALLS = 64


class Failures:
    """Finds failures, also in conversations of which the provider keeps the beginning."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, Tuple[ToolCall, ...]] = OrderedDict()
        """Calls of tools since a person last spoke, by id of the reply that ends them."""

    def note(self, description: Description) -> None:
        """Add what is wrong with a call to its description."""
        found = self._kinds(description)
        if found:
            description.attributes[semconv.ARC_FAILURE_KINDS] = found

    def _kinds(self, description: Description) -> List[str]:
        call = description.call
        if call.abandoned or call.api.fetches is not None:
            return []  # what came of it is not the model's last word, or not its first
        exchange = read(description.attributes, description.content)
        if exchange is None:
            return []
        return kinds(self._continued(exchange, description))

    def _continued(self, exchange: Exchange, description: Description) -> Exchange:
        """Return an exchange with the calls of tools that its request leaves to the provider."""
        before = description.attributes.get(semconv.REQUEST_PREVIOUS_RESPONSE_ID)
        left = self._runs.get(before or "", ())
        if left and not exchange.spoken:
            exchange = exchange._replace(earlier=left + exchange.earlier)
        reply = description.attributes.get(semconv.RESPONSE_ID)
        made = tuple(call for output in exchange.outputs for call in output.calls)
        if reply is not None and made:
            self._runs[reply] = (exchange.earlier + made)[-_CALLS:]
            if len(self._runs) > _RUNS:
                self._runs.popitem(last=False)
        return exchange
