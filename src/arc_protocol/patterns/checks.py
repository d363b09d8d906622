"""Checks, and how they combine: independently of their order, and with errors that are no misses.

A check is true, false, or raises because it cannot be evaluated on this request. One false part
makes a conjunction false even when another part cannot be evaluated; one true part makes an
alternative true.
"""

from __future__ import annotations

from typing import Callable, Iterable, Optional, Sequence

from arc_protocol.patterns.values import LIST

Check = Callable[[object, object], bool]
"""Tests one value; the second argument is the whole request."""


class EvaluationError(Exception):
    """The condition cannot be evaluated on this request; the message says why."""


def every(checks: Sequence[Check]) -> Check:
    """Combine checks so that all must hold; one that is false outweighs one that raises."""
    if len(checks) == 1:
        return checks[0]

    def check(value: object, request: object) -> bool:
        failure: Optional[Exception] = None
        for one in checks:
            try:
                if not one(value, request):
                    return False
            except Exception as error:  # noqa: PERF203 - the others still decide
                failure = error
        if failure is not None:
            raise failure
        return True

    return check


def some(checks: Sequence[Check]) -> Check:
    """Combine checks so that one must hold; one that is true outweighs one that raises."""
    return negate(every([negate(check) for check in checks]))


def negate(check: Check) -> Check:
    """Turn a check around; what cannot be evaluated stays so."""
    return lambda value, request: not check(value, request)


def every_value(check: Check, values: Iterable[object], request: object) -> bool:
    """Tell whether all values pass; one that fails outweighs one that raises."""
    failure: Optional[Exception] = None
    for value in values:
        try:
            if not check(value, request):
                return False
        except Exception as error:  # noqa: PERF203 - the others still decide
            failure = error
    if failure is not None:
        raise failure
    return True


def some_value(check: Check, values: Iterable[object], request: object) -> bool:
    """Tell whether one value passes; one that passes outweighs one that raises."""
    return not every_value(negate(check), values, request)


def on_list(check: Check) -> Check:
    """Let a collective check apply to the elements of a value; it is false for other values."""
    return lambda value, request: isinstance(value, LIST) and check(value, request)
