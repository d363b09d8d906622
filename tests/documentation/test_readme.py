"""What the README says is so: its programs run, and what it names is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, List

import pytest

import arc_cli
from arc_core.config import SETTINGS as CORE_SETTINGS
from runtime import Arc, _config
from telemetry.receiver import Receiver

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
README = PAGES[0].read_text("utf-8")


def snippets(language: str) -> List[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_programs_of_the_readme_run(shell: Any, space: Any, receiver: Receiver) -> None:
    """One after the other, as a reader tries them; they do what their comments say."""
    printed = shell.python("\n".join(snippets("python")))
    [request] = space.requests()
    assert request["json"]["temperature"] == 0.7
    assert len(receiver.spans) == 1
    assert "gpt-4" in printed
    assert "0.7" in printed


def test_packages_of_the_readme_exist() -> None:
    """What is told to be installed is this distribution, with extras that it has."""
    tomllib = pytest.importorskip("tomllib")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = re.findall(r'pip install "?([a-z-]+)(?:\[([a-z]+)\])?', README)
    assert len(named) >= 2
    for name, extra in named:
        assert name == project["name"]
        assert not extra or extra in project["optional-dependencies"]


def test_every_package_is_distributed_with_its_types() -> None:
    """What is under src is in the wheel, and type checkers may look into it."""
    tomllib = pytest.importorskip("tomllib")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    named = set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    packages = {path.parent for path in (ROOT / "src").glob("*/__init__.py")}
    assert named == {f"src/{path.name}" for path in packages}
    assert all((path / "py.typed").is_file() for path in packages)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_names_in_a_page_exist(page: Path) -> None:
    """Files that are linked, targets of make, commands, settings, and methods of Arc."""
    text = page.read_text("utf-8")
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (page.parent / link).exists(), link
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert set(re.findall(r"`make ([a-z]+)`", text)) <= set(targets)
    assert set(re.findall(r"`arc ([a-z]+)[ `]", text)) <= set(arc_cli._COMMANDS)
    settings = {setting.env for setting in (*_config.SETTINGS, *CORE_SETTINGS)} | {"ARC_CORE_URL"}
    assert set(re.findall(r"\bARC_(?!TEST)[A-Z_]+", text)) <= settings
    for method in re.findall(r"\b(?:arc|Arc\(\))\.([a-z_]+)\(", text):
        assert hasattr(Arc, method), method


def test_defaults_of_the_readme_are_those_of_the_settings() -> None:
    """Endpoint and port are what a program gets that sets nothing."""
    defaults = {setting.name: setting.default for setting in _config.SETTINGS}
    assert f"`{defaults['endpoint']}` by default" in README
    assert f"<http://localhost:{defaults['metrics_port']}/metrics>" in README


def test_kill_switch_of_the_readme(shell: Any, space: Any) -> None:
    """With `ARC_DISABLE=1` the same program goes out unchanged and still runs to its end."""
    shell.python("\n".join(snippets("python")), ARC_DISABLE="1")
    assert space.requests()[0]["json"]["temperature"] == 0.95


def test_config_command_shows_every_setting(shell: Any) -> None:
    """`arc config` runs in a plain folder and hides the key."""
    shown = shell.run("arc", "config", ARC_API_KEY="arc_key_secret").stdout
    for setting in _config.SETTINGS:
        assert setting.name in shown
    assert "arc_key_secret" not in shown


def test_import_alone_protects(shell: Any, space: Any) -> None:
    """`import runtime.auto` does for the README's program what `Arc()` does."""
    program = snippets("python")[0].replace("from runtime import Arc\n", "import runtime.auto\n")
    shell.python(program.replace("Arc()", "pass"))
    assert space.requests()[0]["json"]["temperature"] == 0.7
