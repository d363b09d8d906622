"""A loop over the calls of one agent run, from a real program to what Core says of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from arc_simulator.launch import launch
from core.core_process import core
from core.server import rest

_PROGRAM = """
import openai
from runtime import Arc

arc = Arc(capture_content=False)
client = openai.OpenAI(max_retries=0)
tools = [{"type": "function", "function": {
    "name": "look",
    "parameters": {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]},
}}]

def step(words):
    # each step is a conversation of its own, as frameworks with a memory of their own have it
    client.chat.completions.create(
        model="gpt-4o",
        messages=[{"role": "user", "content": words}],
        tools=tools,
        tool_choice={"type": "function", "function": {"name": "look"}},
    )

for run in ("first", "second"):
    with arc.session(run):
        for number in range(2 if run == "first" else 3):
            step("Find it, step %d." % number)
            assert arc.flush(20)
"""


def test_a_loop_of_equal_tool_calls_is_a_failure_of_its_run(tmp_path: Path) -> None:
    """No call shows the ones before it, and no words leave the program: hashes suffice."""
    with launch() as url:
        environment = {
            **os.environ,
            "OPENAI_BASE_URL": f"{url}/v1",
            "OPENAI_API_KEY": "k",
            "ARC_CACHE_DIR": str(tmp_path / "cache"),
            "ARC_METRICS_PORT": "0",
        }
        with core(tmp_path / "data") as process:
            subprocess.run(
                [sys.executable, "-c", _PROGRAM],
                env={**environment, "ARC_ENDPOINT": process.grpc_url},
                check=True,
                timeout=120,
            )
            calls = rest.get(process, "/api/v1/calls?limit=100")["calls"]
            groups = rest.get(process, "/api/v1/failures")["failures"]
    named: list[Any] = [(each["session"], each["failure_kinds"]) for each in reversed(calls)]
    assert named == [
        *[("first", [])] * 2,
        *[("second", [])] * 2,
        ("second", ["repeated_tool_call"]),
    ]
    (group,) = groups
    assert (group["kind"], group["count"]) == ("repeated_tool_call", 1)
    assert "Find it" not in json.dumps(calls)
