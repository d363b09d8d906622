"""The tables of the documentation say what the programs do."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, List

import openai
import pytest
from prometheus_client import generate_latest

import arc_cli
from arc_cli.config import markdown
from arc_core.config import SETTINGS as CORE_SETTINGS
from arc_protocol import semconv
from arc_simulator import command
from arc_simulator.rules import OUTCOME_FIELDS
from arc_simulator.spaces import Settings
from core.core_process import core
from runtime import Arc, _config
from runtime._telemetry.metrics import Metrics

DOCS = Path(__file__).parents[2] / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def rows(text: str, head: str) -> List[List[str]]:
    """Return the cells of the table whose first line begins so."""
    table = re.search(rf"^\| {re.escape(head)}.*\n\|[-| :]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert table is not None, head
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table[1].splitlines()]


def quoted(cell: str) -> List[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_settings_are_all_in_their_table() -> None:
    """The table is what `arc config --markdown` prints, and each line is an argument of Arc."""
    assert markdown() in page("settings.md")
    arguments = inspect.signature(Arc.__init__).parameters
    assert {setting.name for setting in _config.SETTINGS} <= set(arguments)


def test_metrics_are_all_in_their_table() -> None:
    """Names and types are those of a scrape."""
    scraped = generate_latest(Metrics(refresh=lambda: None).registry()).decode()
    exported = dict(re.findall(r"^# TYPE (\S+) (\S+)$", scraped, re.MULTILINE))
    documented = {quoted(row[0])[0]: row[1] for row in rows(page("metrics.md"), "name")}
    helpers = {name for name in exported if name.endswith("_created")}
    assert documented == {k: v for k, v in exported.items() if k not in helpers}


def test_attributes_are_all_in_their_tables() -> None:
    """Every attribute of a span is documented, and nothing else is."""
    text = page("telemetry.md")
    table_rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    documented = {name for row in table_rows for name in quoted(row)}
    existing = {
        value
        for name, value in vars(semconv).items()
        if name.isupper() and isinstance(value, str) and name != "ARC_ERROR_MESSAGE"
    }
    assert documented == existing


def test_simulator_command_of_the_page_runs(tmp_path: Path) -> None:
    """The commands at the top of the page lead to a failure as a provider would make it."""
    text = page("simulator.md")
    options = re.search(r"^    arc simulate (.*)$", text, re.MULTILINE)
    assert options is not None
    arguments = [*options[1].split(), "--port", "0"]
    with subprocess.Popen(
        [sys.executable, "-m", "arc_cli", "simulate", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    ) as process:
        try:
            assert process.stdout is not None
            ready = next(line for line in process.stdout if line.startswith("ready "))
            url = ready.split()[1]
            with openai.OpenAI(base_url=f"{url}/v1", api_key="simulated") as client:
                user = {"role": "user", "content": "x"}
                with pytest.raises(openai.BadRequestError, match="max_completion_tokens"):
                    client.chat.completions.create(
                        model="gpt-5",
                        messages=[user],
                        max_tokens=10,  # type: ignore[list-item]
                    )
        finally:
            process.terminate()


def test_simulator_options_are_all_in_their_table() -> None:
    """The options, and the defaults that are named."""
    text = page("simulator.md")
    documented = {option.split()[0] for row in rows(text, "option") for option in quoted(row[0])}
    parser = command.parser()
    existing = {option for action in parser._actions for option in action.option_strings}
    assert documented == existing - {"-h", "--help"}
    assert f"`{parser.get_default('host')}` and `{parser.get_default('port')}`" in text


def test_simulator_settings_are_all_in_their_table() -> None:
    """Names and defaults of a space."""
    documented = {row[0].strip("`"): row[1].strip("`") for row in rows(page("simulator.md"), "set")}
    existing = {f.name: f.default for f in dataclasses.fields(Settings)}
    assert documented == {
        name: str(int(value) if isinstance(value, float) else value)
        for name, value in existing.items()
    }


def test_simulator_controls_of_the_page_answer(space: Any, simulator: Any) -> None:
    """Every control in the table is there."""
    for control, *_ in rows(page("simulator.md"), "control"):
        method, path = control.strip("`").split()
        url = f"{simulator.url}{path.replace('NAME', space.name)}"
        body = {"rules": b"[]", "settings": b"{}"}.get(path.rsplit("/", 1)[-1])
        with urllib.request.urlopen(
            urllib.request.Request(url, body, method=method), timeout=20
        ) as answer:
            assert answer.status in (200, 204)


def test_simulator_outcomes_are_all_in_their_table(space: Any) -> None:
    """Every kind of outcome, each of which a rule accepts."""
    kinds = [quoted(row[0])[0] for row in rows(page("simulator.md"), "`kind`")]
    assert set(kinds) == set(OUTCOME_FIELDS)
    space.rules([{"id": kind, "outcome": {"kind": kind}} for kind in kinds])


def test_fields_of_a_rule_are_all_in_their_table(space: Any) -> None:
    """What a rule may hold; the refusal of another field lists them."""
    documented = {quoted(row[0])[0] for row in rows(page("simulator.md"), "field")}
    with pytest.raises(urllib.error.HTTPError) as refused:
        space.rules([{"id": "x", "outcome": {"kind": "hang"}, "odd": 1}])
    with refused.value as answer:
        known = answer.read().decode().partition("known are ")[2]
    assert documented <= set(re.findall(r"[a-z_]+", known))


def test_settings_of_core_are_all_in_their_table() -> None:
    """Option, variable, default and meaning are those of the table that `arc core` reads."""
    expected = [
        [f"`{each.option}`", f"`{each.env}`", _default(each.default), each.meaning]
        for each in CORE_SETTINGS
    ]
    assert rows(page("core.md"), "option") == expected


def _default(value: Any) -> str:
    if isinstance(value, Path):  # it is another one on each platform
        return "the platform's data folder"
    return "none" if value is None else f"`{value}`"


def test_metrics_of_core_are_all_in_their_table(tmp_path: Path) -> None:
    """Names and types are those of a scrape of a Core that has just started."""
    with core(tmp_path) as process:
        scraped = urllib.request.urlopen(f"{process.http_url}/metrics", timeout=20).read().decode()
    exported = dict(re.findall(r"^# TYPE (arc_core_\S+) (\S+)$", scraped, re.MULTILINE))
    documented = {quoted(row[0])[0]: row[1] for row in rows(page("metrics.md"), "metric")}
    assert documented == {k: v for k, v in exported.items() if not k.endswith("_created")}


def test_commands_are_all_in_their_table() -> None:
    """Every command of `arc` is there, and every verb that the page names exists."""
    table = {quoted(row[0])[0]: quoted(row[1]) for row in rows(page("cli.md"), "command")}
    assert {name.split()[1] for name in table} == set(arc_cli._COMMANDS)
    for name in ("patterns", "keys"):
        shown = subprocess.run(
            [sys.executable, "-m", "arc_cli", name, "--help"],
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        verbs = set(re.findall(r"^    ([a-z-]+) ", shown, re.MULTILINE))
        assert verbs <= set(table[f"arc {name}"]), verbs


def test_paths_of_rest_exist(tmp_path: Path) -> None:
    """What the page names is described by a Core."""
    with core(tmp_path) as process:
        described = json.load(
            urllib.request.urlopen(f"{process.http_url}/openapi.json", timeout=20)
        )
    named = [quoted(row[0])[0] for row in rows(page("rest.md"), "path")]
    assert set(named) <= set(described["paths"])
    known = "\n".join(described["paths"])
    assert all(name in known for name in ("/import", "/export", "/stream"))
