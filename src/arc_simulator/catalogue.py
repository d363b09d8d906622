"""The catalogue of documented failures as rules."""

from __future__ import annotations

import dataclasses
import functools
import importlib.resources
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from arc_simulator.errors import RuleError
from arc_simulator.rules import Rule
from arc_simulator.tokens import CHARACTERS_PER_TOKEN

ENDPOINTS = frozenset({"openai.chat.completions", "openai.responses", "openai.embeddings"})
"""Endpoints whose catalogued failures the simulator can play."""


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """One catalogued failure."""

    id: str
    provider: str
    request: Mapping[str, Any]
    """The keyword arguments of an SDK call that fails, `client` options included."""
    is_foretold: bool
    """Whether the request alone foretells the failure, so that healthy ones never meet it."""
    summary: str
    rule: Mapping[str, Any]
    """The rule's document."""


@functools.lru_cache(maxsize=None)
def cases() -> Mapping[str, Case]:
    """Return the cases that can be played, by id."""
    text = (importlib.resources.files("arc_simulator") / "catalogue.yaml").read_text("utf-8")
    documents = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["cases"]
    playable = (_case(document) for document in documents if document["endpoint"] in ENDPOINTS)
    return {case.id: case for case in playable}


def catalogue_rules() -> list[Rule]:
    """Return the rules that leave healthy requests alone, each bound to its provider."""
    return [Rule.parse(case.rule) for case in cases().values() if case.is_foretold]


def named_rule(name: str, overrides: Mapping[str, Any] | None = None) -> Rule:
    """Return one catalogued rule, for calls of every provider since it was asked for by name."""
    if name not in cases():
        raise RuleError(f"rule {name!r} is not in the catalogue, and it has no outcome of its own")
    return Rule.parse({**cases()[name].rule, "provider": None, **(overrides or {})})


def parse_rules(documents: Any) -> list[Rule]:
    """Read a list of rules: catalogue ids, catalogue ids with overrides, or whole rules."""
    if not isinstance(documents, Sequence) or isinstance(documents, str):
        raise RuleError(f"rules: {documents!r} is not a list")
    rules: list[Rule] = []
    for document in documents:
        if document == "catalogue":
            rules += catalogue_rules()
        elif isinstance(document, str):
            rules.append(named_rule(document))
        elif isinstance(document, Mapping) and "id" in document and "outcome" not in document:
            rules.append(named_rule(document["id"], document))
        else:
            rules.append(Rule.parse(document))
    return rules


def read_rules(path: Path) -> list[Rule]:
    """Read rules from a YAML or JSON file."""
    try:
        return parse_rules(yaml.safe_load(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RuleError(f"rules: cannot read {path}: {error}") from error


def expand(value: Any) -> Any:
    """Replace the catalogue's placeholders `$text` and `$repeat` by what they stand for."""
    if isinstance(value, list):
        return [element for part in value for element in _expand_element(part)]
    if not isinstance(value, dict):
        return value
    if "$text" in value:
        size = value["$text"]
        length = size.get("chars", size.get("tokens", 0) * CHARACTERS_PER_TOKEN)
        return ("word " * (length // 5 + 1))[:length]
    return {key: expand(entry) for key, entry in value.items()}


def _expand_element(element: Any) -> list[Any]:
    if not (isinstance(element, dict) and "$repeat" in element):
        return [expand(element)]
    times, template = element["$repeat"]["times"], expand(element["$repeat"]["of"])
    return [_number(template, running) for running in range(times)]


def _number(value: Any, running: int) -> Any:
    if isinstance(value, str):
        return value.replace("{i}", str(running))
    if isinstance(value, list):
        return [_number(element, running) for element in value]
    if isinstance(value, dict):
        return {key: _number(entry, running) for key, entry in value.items()}
    return value


def _case(document: Mapping[str, Any]) -> Case:
    outcome = document["outcome"]
    if outcome.get("raised_by") == "client":
        outcome = {"kind": "hang"}  # the client gives up waiting; nothing is sent back
    return Case(
        id=document["id"],
        provider=document["provider"],
        request=expand(document["trigger"]["params"]),
        is_foretold=document["fix"].get("preventive", True),
        summary=" ".join(document["condition"]["text"].split()),
        rule={
            "id": document["id"],
            "endpoint": document["endpoint"],
            "provider": document["provider"],
            "match": document["condition"]["match"],
            "outcome": outcome,
        },
    )
