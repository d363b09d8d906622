"""Regular expressions of RE2, which take linear time on any text."""

from __future__ import annotations

from typing import Any, Callable, Generic, List, Optional, Sequence, Tuple, TypeVar

from arc_protocol.errors import PatternError
from arc_protocol.patterns.limits import MAX_REGEX, MAX_REGEX_MEMORY, show

Search = Callable[[str], bool]

_SET_SIZE = 500
_SET_MEMORY = 4 << 20
"""Bytes that so many expressions together may take, where one may take `MAX_REGEX_MEMORY`."""

_Value = TypeVar("_Value")


def compile_search(expression: object, where: str) -> Search:
    """Compile an expression to a function that tells whether it is found in a text."""
    if not isinstance(expression, str) or len(expression) > MAX_REGEX:
        raise PatternError(
            f"{where} is {show(expression)}; it must be a regular expression "
            f"of at most {MAX_REGEX} characters."
        )
    # Imported here: most processes have no pattern that needs it.
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_REGEX_MEMORY
    try:
        search = re2.compile(expression, options).search
    except (re2.error, ValueError) as error:
        reason = error.args[0] if error.args else error
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(error)
        raise PatternError(
            f"{where} is {show(expression)}, which is no RE2 regular expression ({text}); "
            "look-around and back-references do not exist there."
        ) from None

    # Encoded here because RE2's own encoding of a str refuses lone surrogates.
    return lambda text: search(text.encode("utf-8", "replace")) is not None


class Regexes(Generic[_Value]):
    """Expressions, each standing for a value, that are searched for at once.

    Attributes:
        others: the values whose expressions take too much memory together, and are not.
    """

    def __init__(self, expressions: Sequence[Tuple[str, _Value]]) -> None:
        """Compile expressions that `compile_search` has accepted; 1,000 take 10 ms."""
        self.others: List[_Value] = []
        self._sets: List[Tuple[Any, Sequence[_Value]]] = []
        for start in range(0, len(expressions), _SET_SIZE):
            part = expressions[start : start + _SET_SIZE]
            values = [value for _, value in part]
            compiled = _compile_set([expression for expression, _ in part])
            if compiled is None:
                self.others += values
            else:
                self._sets.append((compiled, values))

    def found_in(self, text: str) -> Optional[List[_Value]]:
        """Return the values whose expressions are found, in their order; None if RE2 gives up."""
        encoded = text.encode("utf-8", "replace")
        values: List[_Value] = []
        for compiled, part in self._sets:
            found = compiled.Match(encoded)
            witness = len(part)
            if witness not in (found or ()):
                return None
            values += [part[at] for at in sorted(found) if at != witness]
        return values


def _compile_set(expressions: Sequence[str]) -> Any:
    """Return a set of RE2, None if it takes too much memory."""
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _SET_MEMORY
    compiled = re2.Set.SearchSet(options)
    for expression in expressions:
        compiled.Add(expression)
    # RE2 says "nothing found" when its memory does not suffice; this one is found always
    compiled.Add("")
    try:
        compiled.Compile()
    except re2.error:
        return None
    return compiled
