"""Named structural tests: questions about messages and schemas that no operator can ask.

One function is one test; its name is the name in the language, its keyword arguments are its
schema. A test answers false for a value of a shape that it does not know.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, FrozenSet, Mapping

from arc_protocol.patterns.values import LIST, MAPPING

StructuralTest = Callable[..., bool]

_TESTS: Dict[str, StructuralTest] = {}

STRUCTURAL_TESTS: Mapping[str, StructuralTest] = _TESTS
"""Every structural test by name; called as `test(value, **arguments)`."""


def structural_test(test: StructuralTest) -> StructuralTest:
    """Register a test under the name of its function."""
    _TESTS[test.__name__] = test
    return test


@structural_test
def unknown_message_keys(messages: Any, *, allowed: FrozenSet[str]) -> bool:
    """Some message has a key that is not among the allowed ones."""
    return isinstance(messages, LIST) and any(
        isinstance(message, MAPPING) and not message.keys() <= set(allowed) for message in messages
    )
