"""What the command line says of misspelt words, and offers to a shell."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import arc_cli
from arc_cli import _COMMANDS


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["patterms"], "patterns"),
        (["statsu"], "status"),
        (["patterns", "pasue", "x"], "pause"),
        (["patterns", "rolback", "x"], "rollback"),
        (["patterns", "pause", "x", "--raeson", "y"], "--reason"),
        (["failures", "--aplication", "x"], "--application"),
        (["keys", "revok", "1"], "revoke"),
    ],
)
def test_a_misspelt_word_is_recognised(
    capsys: pytest.CaptureFixture[str], arguments: list[str], meant: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        arc_cli.main(arguments)
    assert ended.value.code == 2
    assert f"Did you mean {meant}?" in capsys.readouterr().err


def test_what_looks_like_nothing_is_not_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arc_cli.main(["zzz"])
    assert "Did you mean" not in capsys.readouterr().err


def offered(line: str, folder: Path) -> set[str]:
    """Return what is offered at the end of a line, by the protocol of the shell's code."""
    answer = folder / "answer"
    environment = {
        **os.environ,
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "COMP_TYPE": "9",
    }
    command = [sys.executable, "-m", "arc_cli"]
    subprocess.run(command, env=environment, check=True, timeout=60, capture_output=True)
    return {word.strip() for word in answer.read_text().splitlines()}


def test_commands_verbs_and_options_are_offered(tmp_path: Path) -> None:
    assert offered("arc ro", tmp_path) == {"rollouts"}
    assert {"pause", "roll-back", "show"} <= offered("arc patterns ", tmp_path)
    assert "--application" in offered("arc failures --", tmp_path)
    assert offered("arc core --retention-d", tmp_path) == {"--retention-days"}
    assert offered("arc simulate --li", tmp_path) == {"--list-rules"}


def test_every_command_can_say_what_it_takes(tmp_path: Path) -> None:
    """One that could not would end in a traceback under the cursor of whoever types."""
    for command in _COMMANDS:
        assert "--help" in offered(f"arc {command} --h", tmp_path) or command == "run"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_code_for_a_shell_is_printed(capsys: pytest.CaptureFixture[str], shell: str) -> None:
    assert arc_cli.main(["completion", shell]) == 0
    assert "_ARGCOMPLETE" in capsys.readouterr().out
