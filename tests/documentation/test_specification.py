"""The programs of the specification, as they are written there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from telemetry.receiver import Receiver

CALL = """
response = client.chat.completions.create(
    model="gpt-4.1",
    messages=[{"role": "user", "content": "Write a poem about Python"}],
    temperature=0.95
)
"""
QUICK_START = f"""
import openai
from runtime import Arc

Arc()

client = openai.OpenAI()
{CALL}
print(response.choices[0].message.content)
"""


def temperatures(space: Any) -> Any:
    return [request["json"]["temperature"] for request in space.requests()]


def test_zero_configuration(shell: Any, space: Any) -> None:
    """`Arc()` is all there is to do, and the reply is the provider's."""
    assert shell.python(QUICK_START) == "Hello! How can I help you today?\n"
    assert temperatures(space) == [0.7]


def test_arc_first(shell: Any, space: Any) -> None:
    """Importing Arc before the SDK works as well."""
    shell.python(f"from runtime import Arc\nArc()\nimport openai\nclient = openai.OpenAI(){CALL}")
    assert temperatures(space) == [0.7]


def test_endpoint_as_an_argument(shell: Any, receiver: Receiver) -> None:
    """All calls after it are told to the receiver that was named."""
    del shell.env["ARC_ENDPOINT"]
    program = QUICK_START.replace("Arc()", f'arc = Arc(endpoint="{receiver.endpoint}")')
    shell.python(program)
    assert len(receiver.spans) == 1


@pytest.mark.parametrize("host", ["localhost", "0.0.0.0"])
def test_explicit_configuration(shell: Any, receiver: Receiver, host: str) -> None:
    """Endpoint, key and log level may be given together, wherever the endpoint is."""
    del shell.env["ARC_ENDPOINT"]
    explicit = f"""arc = Arc(
    endpoint="grpc://{host}:{receiver.port}",
    api_key="arc_key_xxx",
    log_level="DEBUG"
)
import logging
assert logging.getLogger("arc").level == logging.DEBUG"""
    shell.python(QUICK_START.replace("Arc()", explicit))
    [request] = receiver.requests
    assert request.metadata["authorization"] == "Bearer arc_key_xxx"


def test_configuration_by_environment(shell: Any, receiver: Receiver) -> None:
    """The four variables do what the arguments do."""
    program = QUICK_START + "import logging\nprint(logging.getLogger('arc').level)"
    printed = shell.python(program, ARC_API_KEY="arc_key_xxx", ARC_LOG_LEVEL="DEBUG")
    assert printed.endswith("\n10\n")
    assert receiver.requests[0].metadata["authorization"] == "Bearer arc_key_xxx"


@pytest.mark.parametrize(("value", "sent"), [("1", 0.95), ("0", 0.7), ("", 0.7)])
def test_disable(shell: Any, space: Any, receiver: Receiver, value: str, sent: float) -> None:
    """1 disables completely; empty and 0 do not."""
    shell.python(QUICK_START, ARC_DISABLE=value)
    assert temperatures(space) == [sent]
    assert len(receiver.spans) == (0 if sent == 0.95 else 1)


def test_custom_pattern(shell: Any, space: Any) -> None:
    """A registered pattern fires for its model, and the built-in one goes on to for its own."""
    pattern = """arc = Arc()
arc.register_pattern(
    pattern={"model": "gpt-4", "temperature": {">": 0.9}},
    fix={"temperature": 0.7}
)"""
    program = QUICK_START.replace("Arc()", pattern)
    shell.python(program + CALL.replace("gpt-4.1", "gpt-4"))
    assert temperatures(space) == [0.7, 0.7]


def test_manual_wrapping(shell: Any, space: Any) -> None:
    """The wrapped client is one, and its calls are fixed."""
    program = QUICK_START.replace("Arc()", "arc = Arc()")
    shell.python(
        program
        + "protected_client = arc.wrap(client)\n"
        + CALL.replace("client.", "protected_client.")
    )
    assert temperatures(space) == [0.7, 0.7]


def test_default_pattern_is_about_more_than_09(shell: Any, space: Any) -> None:
    """gpt-4.1 at 0.9 and below is left alone."""
    shell.python(QUICK_START.replace("0.95", "0.9"))
    assert temperatures(space) == [0.9]


def test_unreachable_core_never_breaks(shell: Any, space: Any) -> None:
    """With nobody at the default address the program works and is quiet on stdout."""
    del shell.env["ARC_ENDPOINT"]
    assert shell.python(QUICK_START) == "Hello! How can I help you today?\n"
    assert temperatures(space) == [0.7]


def test_real_api_program(shell: Any, space: Any) -> None:
    """`python tests/test_real_api.py` takes the key from the environment."""
    path = Path(__file__).parents[1] / "test_real_api.py"
    assert "Hello!" in shell.run(sys.executable, str(path)).stdout
    assert temperatures(space) == [0.7]
    done = subprocess.run(
        [sys.executable, str(path)],
        env={**os.environ, "OPENAI_API_KEY": ""},
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "OPENAI_API_KEY" in done.stderr
