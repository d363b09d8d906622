"""The documentation of the pattern language says what is so."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Dict

import pytest

from arc_protocol.patterns import Pattern
from arc_protocol.patterns.fixes import operations
from arc_protocol.patterns.operators import OPERATORS
from arc_protocol.patterns.policy import parse_policy
from arc_protocol.patterns.repairs import REPAIRS
from arc_protocol.patterns.structure import STRUCTURAL_TESTS

TEXT = (Path(__file__).parents[2] / "docs" / "patterns.md").read_text("utf-8")


def snippets(language: str) -> Any:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("snippet", snippets("json"))
def test_every_example_in_the_documentation_is_one(snippet: str) -> None:
    """Patterns and policies can be copied as they are."""
    document: Dict[str, Any] = json.loads(snippet)
    if "pattern" in document:
        assert Pattern.parse(document).condition == document["pattern"]
    else:
        assert json.loads(parse_policy(document).text) == document


@pytest.mark.parametrize("snippet", snippets("python"))
def test_every_program_in_the_documentation_runs(snippet: str) -> None:
    """Programs can be copied as they are, and what they assert holds."""
    exec(compile(snippet, "docs/patterns.md", "exec"), {})


def test_the_documentation_lists_all_there_is() -> None:
    """Every operator, structural test, operation and repair has its line."""
    documented = set(re.findall(r'[`{"]([a-z_]+|[=!<>]+)[`"]', TEXT))
    everything = {*OPERATORS, *STRUCTURAL_TESTS, *operations(), *REPAIRS}
    assert everything - documented == set()
