"""Healing in the call: what the provider refused is changed and sent again, at most once.

Either with the fix of a pattern of Core that is tried on such calls, and then by a coin with or
without it, or as the error itself says.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any, Dict, Mapping, Optional, Tuple

from arc_protocol.patterns import Pattern
from arc_protocol.patterns.allocation import RESCUE, TREATED
from arc_protocol.patterns.decision import Assignment
from runtime._calls import FORBIDDEN, CallError, Healing
from runtime._flow import Exchange, call_error
from runtime._guard import Guard

_BURST, _PER_S = 10.0, 5.0
"""Calls that one process gives to the trial of a pattern at once, and then per second. Nine decide,
and the answer takes a second: more would only be spared the healing that they could have had."""

_TRIALS = 64
"""Patterns whose share of calls is remembered; they come and go while a process runs for months."""

Request = Mapping[str, Any]


class Healer:
    """Finds what to send instead of a refused request; there is one only while healing is on."""

    def __init__(self, policy: str, guard: Guard) -> None:
        self._policy = policy
        self._guard = guard
        self._left: Dict[Tuple[str, int], Tuple[float, float]] = {}
        """Calls that may still be given to the trial of a pattern, and when that was so."""

    def repair(self, exchange: Exchange, error: BaseException) -> Optional[Request]:
        """Return the request to send instead; None, as nearly always, for none.

        Notes in the exchange what is tried. Never raises: it runs between the application and its
        exception.
        """
        if not isinstance(error, Exception):
            return None
        try:
            started_at = perf_counter()
            found = self._found(exchange, call_error(error))
            exchange.sent_at += perf_counter() - started_at  # it counts as time that Arc took
            return found
        except Exception as fault:
            exchange.healing = None
            self._guard.caught("heal", fault)
            return None

    def _found(self, exchange: Exchange, error: CallError) -> Optional[Request]:
        if error.status is None or not 400 <= error.status < 500:
            return None
        found = self._rescued(exchange, error) or self._repaired(exchange, error)
        # the SDK has been told whether to expect a stream
        if found is not None and found.get("stream") != exchange.sent.get("stream"):
            exchange.healing = None
            return None
        return found

    def _repaired(self, exchange: Exchange, error: CallError) -> Optional[Request]:
        """Return the request with the cure that the error names, if the policy lets it."""
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
        exchange.healing = Healing(error, best.fix)
        body, _ = compile_fix(best.fix, "fix").apply(sent, {})
        return body

    def _rescued(self, exchange: Exchange, error: CallError) -> Optional[Request]:
        """Return the request with the fix of a pattern on trial, or as it was to compare with."""
        assignment = None if exchange.decision is None else exchange.decision.assignment
        if assignment is None or assignment.stage != RESCUE:
            return None
        pattern, allocation = assignment.pattern, assignment.pattern.allocation
        if allocation is None or allocation.over or not _of_the_request(error):
            return None
        sent = exchange.sent
        try:
            fixed, _ = pattern.then.apply(sent, {})
        except Exception:  # the fix does not fit this request, which is no fault of ours
            return None
        if fixed is sent or fixed == sent:
            return None
        # as it would be sent if the pattern were in force: it may run into the next known failure
        server, operation = exchange.server, exchange.api.operation
        further = exchange.patterns.decide(server.provider, operation, fixed, server=server.name)
        if further is not None:
            fixed = further.body
        if not self._spend(pattern):
            return None
        arm = allocation.toss()
        treated = arm == TREATED
        drawn = Assignment(pattern, RESCUE, arm, allocation.probability)
        exchange.healing = Healing(error, pattern.fix if treated else {}, assignment=drawn)
        return fixed if treated else sent

    def _spend(self, pattern: Pattern) -> bool:
        """Tell whether one more call may be given to the trial of a pattern now."""
        key, now = (pattern.name, pattern.revision), perf_counter()
        left, at = self._left.get(key, (_BURST, now))
        left = min(_BURST, left + (now - at) * _PER_S)
        granted = left >= 1.0
        if key not in self._left and len(self._left) >= _TRIALS:
            self._left.clear()
        self._left[key] = (left - granted, now)
        return granted


def _of_the_request(error: CallError) -> bool:
    """Tell whether a change of the request may help: not against a rate limit or a wrong key."""
    from arc_protocol.cures.facts import ErrorFacts, opened
    from arc_protocol.cures.kinds import INVALID_REQUEST, error_kind

    facts = opened(ErrorFacts(error.status, error.code, error.param, message=error.message))
    return error_kind(facts, error.type) == INVALID_REQUEST
