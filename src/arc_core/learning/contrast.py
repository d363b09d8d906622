"""Fixes from what healthy calls do otherwise: the nearest change that leaves a condition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from arc_core.learning.columns import Column, Columns
from arc_core.learning.conditions import Writer
from arc_core.learning.examples import Rows
from arc_core.learning.gain import upper_rate
from arc_core.learning.literals import Form, Literal

Fix = dict[str, Any]

_SHAPE = "^[a-zA-Z0-9_-]{1,64}$"
_REPAIRS: dict[str, Any] = {
    "orphan_tool_result": "tool_pairs",
    "unanswered_tool_call": "tool_pairs",
    "consecutive_same_role": "consecutive_roles",
    "function_call_turn_not_after_user": "consecutive_roles",
    "tool_result_after_other_blocks": "tool_results_first",
    "image_part_outside_user_role": "images_to_user",
    "image_media_type_mismatch": "media_types",
    "reasoning_item_without_follower": "reasoning_items",
    "strict_schema_incomplete": "strict_schema",
    "schema_node_without_type": {"schema_types": {"type": "string"}},
    "schema_union_at_top": "flat_schema",
    "non_string_enum": "string_enums",
}
"""Structural tests, and the repairs after which they no longer hold."""
_CLEARER = 0.6
"""What is left of the rate of failure, at most, for a contrast to count."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """A change that calls which do not fail suggest."""

    fix: Fix
    because: str
    failed: int
    """Of the calls that are otherwise alike and have what the fix would bring, how many failed."""
    calls: int
    same_models: bool
    """Whether these calls are to the models that the pattern will be for."""

    @property
    def order(self) -> tuple[bool, bool, bool, float]:
        """What sorts the best change first: one that was seen, and leaves what was asked for.

        What other models take may be just what these refuse.
        """
        removes = any(change is None for change in self.fix.values())
        unseen = not self.calls
        return unseen, not self.same_models, removes, upper_rate(self.failed, self.calls)


def contrasts(
    literals: Sequence[Literal], columns: Columns, writer: Writer, failed: Rows, among: Rows
) -> list[Contrast]:
    """Return the changes that lead out of a rule, the best proven first."""
    found: list[Contrast] = []
    matched = reduce(lambda rest, one: rest & one.rows, literals, among)
    rate = (matched & failed).bit_count() / max(1, matched.bit_count())
    own = writer.of_same_models(literals, among)
    for literal in literals:
        if literal.is_model:
            continue
        inside = reduce(
            lambda rest, one: rest if one is literal else rest & one.rows, literals, among
        )
        outside = inside & ~literal.rows
        column = columns.by_path.get(literal.path)
        for fix, because, alike in _changes(
            literal, column, columns, writer, inside, outside, failed
        ):
            same = bool(alike & own)
            calls = alike & own if same else alike
            found.append(
                Contrast(fix, because, (calls & failed).bit_count(), calls.bit_count(), same)
            )
    found = [one for one in found if not one.calls or one.failed / one.calls <= _CLEARER * rate]
    return sorted(found, key=lambda one: one.order)


Change = tuple[Fix, str, Rows]


def _changes(
    literal: Literal,
    column: Column | None,
    columns: Columns,
    writer: Writer,
    inside: Rows,
    outside: Rows,
    failed: Rows,
) -> Iterator[Change]:
    path, form = literal.path, literal.form
    if form is Form.STRUCTURE:
        yield from _repairs(literal, outside)
        return
    if column is None or form is Form.GIVEN:
        return
    present = column.present & outside
    without = outside & ~column.present
    if form in (Form.ABOVE, Form.BELOW, Form.COUNT_ABOVE, Form.LONGER):
        yield from _bounded(literal, writer, inside, present)
        if form is not Form.LONGER and "[" not in path:
            yield {path: None}, f"calls without {path} are healthy", without
    elif form is Form.EXISTS:
        yield {path: None}, f"calls without {path} are healthy", without
    elif form in (Form.VALUE, Form.VALUES, Form.TYPE):
        yield from _other_values(literal, column, present, without, failed)
    elif form is Form.ABSENT or form is Form.LACKING:
        holder = f"{path}.{literal.value}" if form is Form.LACKING else path
        source = columns.by_path.get(holder)
        if source is not None:
            for value, rows in _commonest(source, outside & ~failed):
                yield {holder: {"default": value}}, f"healthy calls have {holder}", rows & outside
    elif form is Form.RELATION:
        other = {"field": literal.value, "plus": -1}
        yield {path: {"clamp": {"high": other}}}, f"{path} is below {literal.value}", outside
        least = {"field": path, "plus": 1}
        yield {literal.value: {"clamp": {"low": least}}}, f"{literal.value} is above", outside
    elif form is Form.SHAPE:
        kind = "sanitize" if path.endswith("name") else "rewrite_ids"
        yield {path: {kind: _SHAPE}}, f"{path} has no other characters", outside


def _bounded(literal: Literal, writer: Writer, inside: Rows, present: Rows) -> Iterator[Change]:
    bound = writer.bound(literal, inside)
    if bound is None:
        return
    nearest, _, above = bound
    path = literal.path
    because = f"healthy calls have at {'most' if above else 'least'} {nearest:g} at {path}"
    if literal.form is Form.COUNT_ABOVE:
        if nearest >= 1 and "messages" not in path:
            most = {"max": nearest, "keep": "called"} if path == "tools" else nearest
            yield {path: {"limit": most}}, because, present
    elif literal.form is Form.LONGER:
        if nearest >= 1:
            yield {path: {"truncate": nearest}}, because, present
    else:
        yield {path: {"clamp": {"high" if above else "low": nearest}}}, because, present


def _other_values(
    literal: Literal, column: Column, present: Rows, without: Rows, failed: Rows
) -> Iterator[Change]:
    path = literal.path
    bad = literal.value if literal.form is Form.VALUES else (literal.value,)
    if literal.form is Form.TYPE:
        if literal.value == "string" and {"number"} <= column.types.keys():
            numbers = column.types["number"] & present
            yield {path: {"convert": "number"}}, f"healthy calls have a number at {path}", numbers
        if isinstance(literal.requirement, dict) and "!=" in literal.requirement:
            yield {path: literal.value}, f"healthy calls have {literal.value!r} at {path}", present
    else:
        for value, rows in _commonest(column, present & ~failed):
            if value in bad:
                continue
            texts = [one for one in bad if isinstance(one, str) and one]
            if "[" in path or literal.form is Form.VALUES:
                if len(texts) == len(bad):
                    change = {path: {"map": dict.fromkeys(texts, value)}}
                    yield change, f"healthy calls have {value!r} at {path}", rows & present
            elif value is not None:
                yield {path: value}, f"healthy calls have {value!r} at {path}", rows & present
    if "[" not in path:
        yield {path: None}, f"calls without {path} are healthy", without


def _commonest(column: Column, rows: Rows) -> list[tuple[Any, Rows]]:
    shares = [
        (value, found)
        for (kind, value), found in column.values.items()
        if found & rows and kind in ("string", "number", "boolean")
    ]
    shares.sort(key=lambda one: -(one[1] & rows).bit_count())
    return shares[:2]


def _repairs(literal: Literal, outside: Rows) -> Iterator[Change]:
    asked = literal.value
    name, given = next(iter(asked.items())) if isinstance(asked, dict) else (asked, {})
    repair = _REPAIRS.get(name)
    because = f"repairs {name}"
    if repair is not None:
        yield {literal.path: {"repair": repair}}, because, outside
    elif name == "schema_uses":
        without = {"schema_without": {"keywords": given["keywords"]}}
        yield (
            {literal.path: {"repair": without}},
            f"schemas without {given['keywords'][0]}",
            outside,
        )
    elif name == "unknown_message_keys":
        keys = {"keep_keys": given["allowed"]}
        yield {f"{literal.path}[*]": keys}, "healthy calls have no other keys", outside
    elif name == "duplicate_values" and "key" in given:
        yield {literal.path: {"dedupe": given["key"]}}, because, outside
    elif name == "empty_content_not_final":
        empty = {"drop": {"where": {"content": {"in": ["", []]}}}}
        chain = [empty, {"repair": "consecutive_roles"}]
        yield {literal.path: {"chain": chain}}, because, outside
    elif name == "string_format_not_in":
        where = {"type": {"matches": "(?i)^string$"}, "format": {"not_in": given["allowed"]}}
        without = {"schema_without": {"keywords": ["format"], "where": where}}
        yield {literal.path: {"repair": without}}, because, outside
