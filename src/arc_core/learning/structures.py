"""Questions about messages and schemas that only the structural tests of the language can ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from arc_core.learning.columns import Columns
from arc_core.learning.examples import Example, Request, Rows, Sample, members
from arc_core.learning.literals import Form, Literal, Priors
from arc_protocol.patterns import schemas
from arc_protocol.patterns.checks import Check
from arc_protocol.patterns.conditions import compile_condition
from arc_protocol.patterns.paths import parse_path
from arc_protocol.patterns.structure import STRUCTURAL_TESTS

_OF_MESSAGES = (
    "orphan_tool_result",
    "unanswered_tool_call",
    "consecutive_same_role",
    "user_directly_after_tool",
    "function_call_turn_not_after_user",
    "empty_content_not_final",
    "tool_result_mixed_with_text",
    "tool_result_after_other_blocks",
    "image_part_outside_user_role",
    "image_media_type_mismatch",
    "document_without_text",
    "reasoning_item_without_follower",
    "tool_use_turn_without_thinking",
)
_OF_SCHEMAS = (
    "strict_schema_incomplete",
    "schema_node_without_type",
    "schema_union_at_top",
    "array_without_items",
    "non_string_enum",
)


_SCREENED = 60
"""Failing calls that are asked first: a fault that none of so many has is not what failed them."""


def structures(columns: Columns, sample: Sample, priors: Priors) -> Iterator[Literal]:
    """Yield the structural questions to which failing calls say yes.

    Failing calls are asked first: most tests hold of none of them, and then no healthy call needs
    to be looked at.
    """
    requests = sample.requests
    for path in columns.conversations:
        for test in _OF_MESSAGES:
            yield from _tested(path, test, requests, sample, priors.bits(path) + 1)
        for asked in _of_keys(path, requests, sample):
            yield from _tested(path, asked, requests, sample, priors.bits(path) + 4)
    for path in columns.lists - columns.conversations.keys():
        column = columns.by_path.get(f"{path}[*].name")
        asked = {"duplicate_values": {"key": "name"}} if column else "duplicate_values"
        yield from _tested(path, asked, requests, sample, priors.bits(path) + 4)
    for path in columns.schemas:
        bits = min(priors.bits(path), 5)
        for test in _OF_SCHEMAS:
            yield from _tested(path, test, requests, sample, bits + 1)
        for keyword in sorted(_keywords(path, sample)):
            asked = {"schema_uses": {"keywords": [keyword]}}
            bits = min(priors.bits(f"{path}.{keyword}"), bits + 2)
            yield from _tested(path, asked, requests, sample, bits + 2)
        yield from _formats(path, requests, sample, bits + 4)


def _tested(
    path: str, asked: Any, requests: list[Request], sample: Sample, bits: float
) -> Iterator[Literal]:
    requirement = {"is": asked}
    failing = len(sample.failing)
    some = sum(1 << row for row in range(0, failing, max(1, failing // _SCREENED)))
    if not answers({path: requirement}, requests, some):
        return
    rows = answers({path: requirement}, requests, sample.failed)
    if rows:
        rows |= answers({path: requirement}, requests, sample.all & ~sample.failed)
        if rows != sample.all:
            yield Literal(path, requirement, rows, bits, Form.STRUCTURE, asked)


def _of_keys(path: str, requests: list[Request], sample: Sample) -> Iterator[Any]:
    """Ask for keys of messages that healthy calls never have, or that some always have."""
    if not sample.healthy:
        return
    place = parse_path(f"{path}[*]", "path")
    allowed: set[str] = set()
    of_assistants: set[str] = set()
    for request in requests[len(sample.failing) :]:
        for message in place.hits(request):
            if isinstance(message, dict):
                allowed |= message.keys()
                if message.get("role") == "assistant":
                    of_assistants |= message.keys()
    if allowed:
        yield {"unknown_message_keys": {"allowed": sorted(allowed)}}
    for key in sorted(of_assistants - {"role", "content"}):
        yield {"assistant_without_key": {"key": key}}


def _keywords(path: str, sample: Sample) -> set[str]:
    """Return the keywords that the schemas of failing calls use, beside those that all have."""
    used = {keyword for node in _nodes(path, sample.failing[:20]) for keyword in node}
    return used - {"type", "properties", "description"}


def _nodes(path: str, examples: Sequence[Example]) -> Iterator[Mapping[str, Any]]:
    place = parse_path(path, "path")
    for example in examples:
        for schema in place.hits(example.request):
            for node, _ in schemas.nodes(schema):
                yield node


def _formats(path: str, requests: list[Request], sample: Sample, bits: float) -> Iterator[Literal]:
    if not any("format" in node for node in _nodes(path, sample.failing)):
        return
    healthy = {
        str(node["format"])
        for node in _nodes(path, sample.healthy)
        if "format" in node and "string" in schemas.types(node)
    }
    asked = {"string_format_not_in": {"allowed": sorted(healthy)}}
    if "string_format_not_in" in STRUCTURAL_TESTS:
        yield from _tested(path, asked, requests, sample, bits)


def answers(condition: dict[str, Any], requests: list[Request], among: Rows) -> Rows:
    """Return the calls of a set that satisfy a condition, as the matcher of the Runtimes sees it.

    A call of which it cannot be said does not satisfy it.
    """
    check = compile_condition(condition, "pattern").check
    rows = 0
    for row in members(among):
        if _holds(check, requests[row]):
            rows |= 1 << row
    return rows


def _holds(check: Check, request: Request) -> bool:
    try:
        return check(request, request)
    except Exception:  # a value of a type that cannot be compared
        return False
