"""Errors about tools and JSON Schemas."""

from __future__ import annotations

import re
from typing import Any, Callable, Iterator, List, NamedTuple, Optional

from arc_protocol.cures.places import hits
from arc_protocol.cures.view import Cure, Fix, View, strong, weak
from arc_protocol.patterns.conditions import compile_condition
from arc_protocol.patterns.structure import STRUCTURAL_TESTS
from arc_protocol.patterns.values import MAPPING

_TOOL_SCHEMAS = (
    "tools[*].function.parameters",
    "tools[*].parameters",
    "tools[*].input_schema",
    "tools[*].function_declarations[*].parameters",
    "tools[*].functionDeclarations[*].parameters",
    "config.tools[*].function_declarations[*].parameters",
    "config.tools[*].functionDeclarations[*].parameters",
    "toolConfig.tools[*].toolSpec.inputSchema.json",
    "functions[*].parameters",
)
_REPLY_SCHEMAS = (
    "response_format.json_schema.schema",
    "text.format.schema",
    "config.response_schema",
    "config.response_json_schema",
    "generationConfig.responseSchema",
    "generation_config.response_schema",
    "output_config.format.schema",
    "output_format.schema",
    "guided_json",
)


def _schemas(view: View) -> List[str]:
    """Return the places of schemas, those that the words speak of alone if they tell."""
    tools = [path for path in _TOOL_SCHEMAS if hits(path, view.request)]
    replies = [path for path in _REPLY_SCHEMAS if hits(path, view.request)]
    where = f"{view.error.param or ''} {view.text}"
    if replies and re.search(
        r"response[_ ]?format|response[_ ]?schema|text\.format|output_\w*format", where
    ):
        return replies
    return tools if tools and re.search(r"tools?\b|function", where) else [*tools, *replies]


class _Rule(NamedTuple):
    words: str
    test: Callable[[Any], bool]
    repair: Any


def _has(test: str, **arguments: Any) -> Callable[[Any], bool]:
    return lambda schema: STRUCTURAL_TESTS[test](schema, **arguments)


_RULES = (
    _Rule(
        r"additional_?properties.{0,40}(?:false|required|must|supplied|set)|"
        r"every key in properties|"
        r"must include (?:every|all)|all (?:fields|properties) must be required|"
        r"[\"']required[\"'] (?:is|must)",
        _has("strict_schema_incomplete"),
        {"repair": "strict_schema"},
    ),
    _Rule(
        r"(?:must|should) have (?:a|the)? ?[\"'`]?type|missing (?:field )?[\"'`]?type|"
        r"type.{0,20}(?:required|missing|unspecified|specify|specified)",
        _has("schema_node_without_type"),
        {"repair": {"schema_types": {"type": "string"}}},
    ),
    _Rule(
        r"oneOf|anyOf|allOf",
        _has("schema_union_at_top"),
        {"repair": "flat_schema"},
    ),
    _Rule(
        r"\bitems\b",
        _has("array_without_items"),
        {
            "repair": {
                "schema_default": {"where": {"type": "array"}, "keyword": "items", "value": {}}
            }
        },
    ),
    _Rule(r"\benum", _has("non_string_enum"), {"repair": "string_enums"}),
    _Rule(
        r"\bconst\b", _has("schema_uses", keywords=frozenset(["const"])), {"repair": "schema_const"}
    ),
)


def schema_repairs(view: View) -> Iterator[Cure]:
    """The words name a fault of a schema that it has."""
    for path in _schemas(view):
        schemas = hits(path, view.request)
        for rule in _RULES:
            said = view.says(rule.words)
            if said and any(map(rule.test, schemas)):
                because = f'"{said[0]}", and the schemas show it'
                yield strong(_of_strict(view, path, rule) or {path: rule.repair}, because)


def _of_strict(view: View, path: str, rule: _Rule) -> Optional[Fix]:
    """Repair the schemas of tools that ask for strict mode, if it is what only that demands."""
    tools, found, inner = path.partition("[*].")
    if not found or "[" in inner or rule.repair != {"repair": "strict_schema"}:
        return None
    parent, dot, _ = inner.rpartition(".")
    where = {f"{parent}{dot}strict": True}
    strict = compile_condition(where, "where").check
    listed = [
        tool for one in hits(tools, view.request) for tool in one if isinstance(tool, MAPPING)
    ]
    broken = [tool for tool in listed if any(map(rule.test, hits(inner, tool)))]
    if not any(strict(tool, tool) for tool in broken):
        return None
    return {tools: {"each": {"where": where, "fix": {inner: rule.repair}}}}


_KEYWORDS = [
    "additionalProperties",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "pattern",
    "format",
    "default",
    "$schema",
    "$id",
    "$ref",
    "$defs",
    "definitions",
    "propertyNames",
    "patternProperties",
    "unevaluatedProperties",
    "dependentRequired",
    "dependentSchemas",
    "if",
    "then",
    "else",
    "not",
    "contains",
    "prefixItems",
    "examples",
    "title",
    "oneOf",
    "anyOf",
    "allOf",
    "nullable",
    "readOnly",
    "writeOnly",
    "deprecated",
    "strict",
    "const",
]
_UNWANTED = (
    r"not (?:be )?(?:support|permitt|allow|valid|recogni|accept)|unsupported|unknown|unrecogni|"
    r"cannot find|invalid|unexpected|only .{0,40}(?:support|allow)|does not|not a valid"
)
_TOGETHER = {
    "minItems": ["minItems", "maxItems"],
    "maxItems": ["minItems", "maxItems"],
    "minimum": ["minimum", "maximum"],
    "maximum": ["minimum", "maximum"],
    "minLength": ["minLength", "maxLength"],
    "maxLength": ["minLength", "maxLength"],
}
"""Keywords that servers take or refuse together."""


def keywords(view: View) -> Iterator[Cure]:
    """Keywords of JSON Schema that the words refuse."""
    if not view.says(_UNWANTED):
        return
    spoken = [
        word for word in _KEYWORDS if re.search(rf"(?<![\w$]){re.escape(word)}(?!\w)", view.text)
    ]
    spoken = [word for word in spoken if word not in _ALSO_WORDS or _marked(view.text, word)]
    for path in _schemas(view):
        uses = STRUCTURAL_TESTS["schema_uses"]
        schemas = hits(path, view.request)
        found = [
            word for word in spoken if any(uses(one, keywords=frozenset([word])) for one in schemas)
        ]
        if found == ["format"]:
            yield from _formats(view, path)
        elif found:
            because = f"schemas must not have {', '.join(found)}"
            gone = [one for word in found for one in _TOGETHER.get(word, [word])]
            without = {"schema_without": {"keywords": list(dict.fromkeys(gone))}}
            yield strong({path: {"repair": without}}, because)


_ALSO_WORDS = frozenset(
    [
        "not",
        "if",
        "then",
        "else",
        "contains",
        "format",
        "default",
        "title",
        "pattern",
        "strict",
        "deprecated",
        "minimum",
        "maximum",
        "definitions",
        "examples",
    ]
)


def _marked(text: str, word: str) -> bool:
    return (
        re.search(rf"[\"'`]{word}[\"'`]|{word} is not|keyword:? {word}|: {word}\b", text)
        is not None
    )


def _formats(view: View, path: str) -> Iterator[Cure]:
    listed = re.search(
        r"only ((?:[\"'`]?[\w-]+[\"'`]?(?:, | and | or )?){1,8}) (?:are|is) supported", view.text
    )
    where = None
    if listed:
        kept = re.findall(r"[\"'`]([\w-]+)[\"'`]", listed[1])
        where = {"type": "string", "format": {"not_in": kept}} if kept else None
    without = {"keywords": ["format"], **({"where": where} if where else {})}
    yield strong(
        {path: {"repair": {"schema_without": without}}}, "schemas must not have this format"
    )


def duplicates(view: View) -> Iterator[Cure]:
    """Tools that are there twice."""
    if view.says(r"duplicate|unique|more than once|already (?:defined|declared)"):
        tools = view.request.get("tools")
        keyed = isinstance(tools, list) and all(
            isinstance(t, MAPPING) and "name" in t for t in tools
        )
        if keyed and STRUCTURAL_TESTS["duplicate_values"](tools, key="name"):
            yield strong({"tools": {"dedupe": "name"}}, "names of tools must be unique")


def shapes(view: View) -> Iterator[Cure]:
    """Tools and formats in the form of another API."""
    tools = view.request.get("tools")
    flat = view.says(r"tools\[\d+\]\.name|tools\.\d+\.name|missing.*[\"'`]name")
    if flat and any(isinstance(t, MAPPING) and "function" in t for t in tools or ()):
        yield strong({"tools[*]": {"repair": "responses_tool"}}, f'"{flat[0]}"')
    bare = view.says(r"properties\W.{0,20}(?:non-?empty|not be empty)|non-?empty for object")
    for path, key in _DECLARATIONS if bare else ():
        where: Any = {f"{key}.properties": {"==": {}}}
        if hits(path, view.request):
            yield strong(
                {path: {"each": {"where": where, "fix": {key: None}}}}, "a tool without parameters"
            )
    form = view.request.get("response_format")
    if isinstance(form, MAPPING) and form.get("type") == "object" and view.says("response_format"):
        yield strong({"response_format": {"repair": "json_schema_format"}}, "a bare schema")


_DECLARATIONS = (
    ("config.tools[*].function_declarations", "parameters"),
    ("config.tools[*].functionDeclarations", "parameters"),
    ("tools[*].function_declarations", "parameters"),
    ("tools[*].functionDeclarations", "parameters"),
    ("tools", "function.parameters"),
)
"""Lists of tools, and where each tool has its schema."""


def json_with_tools(view: View) -> Iterator[Cure]:
    """A form of reply that does not go with tools."""
    said = view.says(r"(?:function calling|tools?) .{0,30}response[ _]mime[ _]type")
    config = view.request.get("config")
    if said and isinstance(config, MAPPING) and "response_mime_type" in config:
        fix = {"config.response_mime_type": None}
        if "response_schema" in config:
            fix["config.response_schema"] = None
        yield strong(fix, f'"{said[0]}"')
        yield weak({"tools": None}, f'"{said[0]}"')
