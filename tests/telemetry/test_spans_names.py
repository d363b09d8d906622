"""Attribute names: those that other GenAI tools read, and no name that went out of use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from arc_protocol import semconv

NAMES = {
    value for name, value in vars(semconv).items() if name.isupper() and isinstance(value, str)
}
NEWER = {
    "gen_ai.prompt.version",
    "gen_ai.request.previous_response.id",
    "gen_ai.request.reasoning.level",
    "gen_ai.response.status",
    "gen_ai.usage.audio.input_tokens",
    "gen_ai.usage.audio.output_tokens",
    "gen_ai.usage.image.input_tokens",
    "gen_ai.usage.text.input_tokens",
    "gen_ai.usage.cache_write.input_tokens",
}
"""Not in the package of constants, which stopped when the conventions moved."""


def test_names_of_the_convention_are_spelt_as_its_package_spells_them() -> None:
    """A misspelt name would be ignored by every consumer."""
    package = "opentelemetry.semconv._incubating.attributes.gen_ai_attributes"
    gen_ai_attributes = pytest.importorskip(package)
    if not hasattr(gen_ai_attributes, "GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK"):
        pytest.skip("this version of the package is older than the convention in use")
    known = {value for name, value in vars(gen_ai_attributes).items() if name.startswith("GEN_AI")}
    ours = {name for name in NAMES if name.startswith("gen_ai.")}
    assert ours - known == NEWER


def test_names_that_went_out_of_use_are_not_used() -> None:
    """Sending an old name beside the new one counts tokens twice."""
    old = {
        "gen_ai.system",
        "gen_ai.prompt",
        "gen_ai.completion",
        "gen_ai.usage.prompt_tokens",
        "gen_ai.usage.completion_tokens",
        "gen_ai.usage.cache_creation.input_tokens",
    }
    assert not NAMES & old


def test_the_documentation_lists_every_name_and_no_other() -> None:
    """What a user looks up is what a span carries."""
    page = Path(__file__).parents[2] / "docs" / "telemetry.md"
    first_cells = [
        line.split("|")[1] for line in page.read_text("utf-8").splitlines() if line[:1] == "|"
    ]
    documented = {name for cell in first_cells for name in re.findall(r"`([^`]+)`", cell)}
    assert documented == NAMES - {semconv.ARC_ERROR_MESSAGE}
