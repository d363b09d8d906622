"""Regular expressions of RE2, which take linear time on any text."""

from __future__ import annotations

from typing import Callable

from arc_protocol.errors import PatternError
from arc_protocol.patterns.limits import MAX_REGEX, MAX_REGEX_MEMORY, show

Search = Callable[[str], bool]


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
