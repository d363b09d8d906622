"""Healing in the call: what the provider refused is repaired as its error says, and sent again."""

from __future__ import annotations

from time import perf_counter
from typing import Any, Mapping, Optional

from runtime._calls import FORBIDDEN, CallError, Healing
from runtime._flow import Exchange, call_error
from runtime._guard import Guard


class Healer:
    """Finds the repair of a refused request; there is one only while healing is on."""

    def __init__(self, policy: str, guard: Guard) -> None:
        self._policy = policy
        self._guard = guard

    def repair(self, exchange: Exchange, error: BaseException) -> Optional[Mapping[str, Any]]:
        """Return the request to send instead; None unless the error names a cure within the policy.

        Notes in the exchange what is tried. Never raises: it runs between the application and its
        exception.
        """
        if not isinstance(error, Exception):
            return None
        try:
            started_at = perf_counter()
            found = self._repair(exchange, call_error(error))
            exchange.sent_at += perf_counter() - started_at  # it counts as time that Arc took
            return found
        except Exception as fault:
            self._guard.caught("heal", fault)
            return None

    def _repair(self, exchange: Exchange, error: CallError) -> Optional[Mapping[str, Any]]:
        if error.status is None or not 400 <= error.status < 500:
            return None
        # A program whose calls are not refused never spends the time for these.
        from arc_protocol.cures import ErrorFacts, propose
        from arc_protocol.patterns.fixes import compile_fix
        from arc_protocol.patterns.policy import refusal

        facts = ErrorFacts(error.status, error.code, error.param, message=error.message)
        sent = exchange.sent
        cures = propose(facts, sent, exchange.server.provider, exchange.api.operation)
        best = next((cure for cure in cures if cure.confidence == "strong"), None)
        if best is None:
            return None
        if refusal(best.fix, self._policy) is not None:
            exchange.healing = Healing(error, best.fix, FORBIDDEN)
            return None
        body, _ = compile_fix(best.fix, "fix").apply(sent, {})
        # the SDK has been told whether to expect a stream
        if body.get("stream") != sent.get("stream"):
            return None
        exchange.healing = Healing(error, best.fix)
        return body
