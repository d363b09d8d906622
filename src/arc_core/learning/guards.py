"""The condition that every fix brings along: that there is something for it to do."""

from __future__ import annotations

from typing import Any

from arc_protocol.patterns.fixes import operations

Condition = dict[str, Any]

TESTS_OF_REPAIRS: dict[str, tuple[str, ...]] = {
    "tool_pairs": ("orphan_tool_result", "unanswered_tool_call"),
    "consecutive_roles": ("consecutive_same_role",),
    "mixed_turns": ("tool_result_mixed_with_text",),
    "tool_results_first": ("tool_result_after_other_blocks",),
    "images_to_user": ("image_part_outside_user_role",),
    "reasoning_items": ("reasoning_item_without_follower",),
    "media_types": ("image_media_type_mismatch",),
    "strict_schema": ("strict_schema_incomplete",),
    "schema_types": ("schema_node_without_type",),
    "string_enums": ("non_string_enum",),
    "flat_schema": ("schema_union_at_top",),
}
"""Repairs, and the structural tests that tell whether there is something to repair."""


def guards(fix: dict[str, Any]) -> list[list[Condition]]:
    """Return for each place of a fix the conditions under which it may have something to do.

    Of one place the first condition that holds of the calls in question is the one to take.
    """
    found = []
    for path, change in fix.items():
        guard = _guard(path, change)
        if guard:
            found.append(guard)
    return found


def _guard(path: str, change: Any) -> list[Condition]:
    if change is None:
        return [{path: {"exists": True}}]
    if not isinstance(change, dict):
        return [{path: {"!=": change}}, {path: {"exists": False}}, {"not": {path: change}}]
    if len(change) != 1:
        return []
    [(name, argument)] = change.items()
    if name not in operations():
        return []
    read = _READERS.get(name, _there)
    return read(path, argument)


def _there(path: str, argument: Any) -> list[Condition]:
    return [{path: {"exists": True}}]


def _set(path: str, argument: Any) -> list[Condition]:
    value = argument.get("value") if _has(argument, "value") else argument
    return [{path: {"!=": value}}, {path: {"exists": False}}]


def _default(path: str, argument: Any) -> list[Condition]:
    if "[*]." in path:
        holder, _, key = path.rpartition("[*].")
        return [{f"{holder}[*]": {"any": {key: {"exists": False}}}}]
    return [{path: {"exists": False}}]


def _clamp(path: str, argument: Any) -> list[Condition]:
    found: list[Condition] = []
    if "high" in argument:
        found.append({path: {">": argument["high"]}})
    if "low" in argument:
        found.append({path: {"<": argument["low"]}})
    if len(found) > 1:
        found.append({"any_of": list(found)})
    return found


def _map(path: str, argument: Any) -> list[Condition]:
    values = list(argument.get("values", argument))
    return [{path: values[0] if len(values) == 1 else {"in": values}}]


def _convert(path: str, argument: Any) -> list[Condition]:
    kind = argument.get("to") if isinstance(argument, dict) else argument
    if kind in ("integer", "number", "boolean"):
        return [{path: {"type": "string"}}]
    return [{path: {"not": {"type": "string"}}}]


def _limit(path: str, argument: Any) -> list[Condition]:
    most = argument["max"] if isinstance(argument, dict) else argument
    return [{path: {"count": {">": most}}}]


def _truncate(path: str, argument: Any) -> list[Condition]:
    most = argument["max"] if isinstance(argument, dict) else argument
    return [{path: {"len": {">": most}}}]


def _shape(path: str, argument: Any) -> list[Condition]:
    allowed = argument["allowed"] if isinstance(argument, dict) else argument
    first = {path: {"not": {"matches": allowed}}}
    also = argument.get("also") or () if isinstance(argument, dict) else ()
    others = [{other: {"not": {"matches": allowed}}} for other in also]
    return [first, *others, {"any_of": [first, *others]}] if others else [first]


def _elements(path: str, argument: Any) -> list[Condition]:
    """Ask for an element that is meant and has something to repair, both of the same one."""
    where = argument.get("where") if isinstance(argument, dict) else None
    fix = argument.get("fix") if isinstance(argument, dict) else None
    inner = [guard for one in guards(fix or {}) for guard in one[:1]]
    broken = {key: asked for one in inner for key, asked in one.items()}
    for key in where or ():
        # that something is there follows from what it must be
        broken = {one: asked for one, asked in broken.items() if not key.startswith(one)}
    found = [{**broken, **(where or {})}, where]
    return [{path: {"any": asked}} for asked in found if asked] or _there(path, argument)


def _replace(path: str, argument: Any) -> list[Condition]:
    where = argument["where"]
    return [{path: where["."]}] if set(where) == {"."} else _there(path, argument)


def _chain(path: str, argument: Any) -> list[Condition]:
    return _guard(path, argument[0]) if argument else []


def _dedupe(path: str, argument: Any) -> list[Condition]:
    key = argument["key"] if isinstance(argument, dict) else argument
    return [{path: {"is": {"duplicate_values": {"key": key}}}}]


def _repair(path: str, argument: Any) -> list[Condition]:
    name, given = next(iter(argument.items())) if isinstance(argument, dict) else (argument, {})
    if name == "schema_without":
        return [{path: {"is": {"schema_uses": {"keywords": given["keywords"]}}}}]
    if name == "schema_const":
        return [{path: {"is": {"schema_uses": {"keywords": ["const"]}}}}]
    if name == "schema_default" and given.get("keyword") == "items":
        return [{path: {"is": "array_without_items"}}]
    if name == "prefill":
        return [{f"{path}[-1].role": "assistant"}]
    if name == "responses_tool":
        return [{f"{path}.function": {"exists": True}}]
    return [{path: {"is": test}} for test in TESTS_OF_REPAIRS.get(name, ())] or _there(path, given)


def _keep_keys(path: str, argument: Any) -> list[Condition]:
    keys = argument["keys"] if _has(argument, "keys") else argument
    if path.endswith("[*]"):
        return [{path[:-3]: {"is": {"unknown_message_keys": {"allowed": list(keys)}}}}]
    return _there(path, argument)


def _none(path: str, argument: Any) -> list[Condition]:
    return []


def _has(argument: Any, key: str) -> bool:
    return isinstance(argument, dict) and key in argument


_READERS = {
    "append": _none,
    "append_text": _none,
    "chain": _chain,
    "clamp": _clamp,
    "convert": _convert,
    "dedupe": _dedupe,
    "default": _default,
    "drop": _elements,
    "each": _elements,
    "hoist": _elements,
    "insert_between": _none,
    "keep_keys": _keep_keys,
    "limit": _limit,
    "limit_marks": _limit,
    "map": _map,
    "prepend": _none,
    "repair": _repair,
    "replace": _replace,
    "rewrite_ids": _shape,
    "sanitize": _shape,
    "set": _set,
    "tools_from": _default,
    "truncate": _truncate,
}
