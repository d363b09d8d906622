"""Whatever an error says and the request holds, cures are changes that can be carried out."""

from __future__ import annotations

from typing import Any, Dict

from hypothesis import given
from hypothesis import strategies as st

from arc_protocol.cures import ErrorFacts, propose
from arc_protocol.patterns.fixes import compile_fix
from arc_protocol.patterns.policy import refusal

NAMES = [
    "temperature",
    "top_p",
    "stop",
    "messages",
    "tools",
    "model",
    "response_format",
    "a.b",
    "[",
]
PHRASES = [
    *("is not supported", "must be", "between 0 and 1", "instead", "use", "at most 3", "required"),
    *("missing", "null", "expected an integer", "one of", "'low', 'high'", "tool_calls", "role"),
    *("empty", "schema", "must match pattern '^[a-z]+$'", "[1, 2)", "> 5", "minItems", "(", "{"),
]
words = st.lists(
    st.one_of(st.sampled_from(PHRASES), st.sampled_from(NAMES).map(repr), st.text(max_size=6)),
    max_size=12,
).map(" ".join)
leaves = st.one_of(
    *(st.none(), st.booleans(), st.integers(-9, 9), st.floats(), st.text(max_size=4)),
    st.just(object()),
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["role", "content", "type", "function", "name", "parameters", "a", "b"]
            ),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=8,
)
requests = st.dictionaries(st.sampled_from(NAMES), values, max_size=5)


@given(words, requests, st.sampled_from([None, *NAMES]))
def test_every_cure_changes_the_request(text: str, request: Dict[str, Any], param: Any) -> None:
    """No words and no request make it raise, or propose what changes nothing."""
    for cure in propose(ErrorFacts(400, param=param, message=text), request, "vega", "chat"):
        fixed, _ = compile_fix(cure.fix, "fix").apply(request, {})
        assert fixed is not request
        assert cure.because
        assert refusal(cure.fix, "all") is None
