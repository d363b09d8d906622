"""What the specification writes down, run word for word, with nothing but the network replaced.

Its address of Arc Core, arc.computer, is reached as gRPC reaches any address from inside a company:
by a proxy in the environment, behind which the test's receiver stands.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest

from arc_core.config import SETTINGS as CORE_SETTINGS
from core.core_process import core
from core.server.rest import calls
from runtime import _config
from runtime._patterns import BUILT_IN
from telemetry.receiver import Receiver
from tunnel import Tunnel

ZERO_CONFIGURATION = """
import openai
from runtime import Arc

# Initialize Arc - this automatically patches OpenAI
Arc()

# Use OpenAI as normal - Arc protects your calls
client = openai.OpenAI()  # Uses API key from environment
response = client.chat.completions.create(
    model="gpt-4.1",
    messages=[{"role": "user", "content": "Write a poem about Python"}],
    temperature=0.95  # Arc automatically fixes this to 0.7
)
"""
TELEMETRY_ENDPOINT = """
from runtime import Arc

# Connect to your Arc Core instance
arc = Arc(endpoint="grpc://arc.computer:50051")

# All subsequent OpenAI calls are protected and telemetry is streamed
"""
EXPLICIT_CONFIGURATION = """
from runtime import Arc

# Explicit configuration
arc = Arc(
    endpoint="grpc://arc.computer:50051",
    api_key="arc_key_xxx",
    log_level="DEBUG"
)
"""
CUSTOM_PATTERN = """
arc = Arc()

# Register a pattern
arc.register_pattern(
    pattern={"model": "gpt-4", "temperature": {">": 0.9}},
    fix={"temperature": 0.7}
)
"""
MANUAL_WRAPPING = """
import openai
from runtime import Arc

arc = Arc()
client = openai.OpenAI()
protected_client = arc.wrap(client)
"""
ARC_FIRST = """
from runtime import Arc  # Import Arc first
Arc()
import openai  # Then import OpenAI
"""
IMPORT = "from runtime import Arc\n"
CALL = """
response = {client}.chat.completions.create(
    model="{model}",
    messages=[{{"role": "user", "content": "Write a poem about Python"}}],
    temperature=0.95
)
print(response.choices[0].message.content)
"""
NEW_CLIENT = "import openai\nclient = openai.OpenAI()\n"
METRICS = {
    "arc_requests_intercepted_total": "counter",
    "arc_fixes_applied_total": "counter",
    "arc_pattern_matches_total": "counter",
    "arc_interception_latency_ms": "histogram",
}


def call(client: str = "client", model: str = "gpt-4.1") -> str:
    return CALL.format(client=client, model=model)


PROGRAMS: Dict[str, str] = {
    "Zero Configuration": ZERO_CONFIGURATION,
    "With Telemetry Endpoint": TELEMETRY_ENDPOINT + NEW_CLIENT + call(),
    "Configuration": EXPLICIT_CONFIGURATION + NEW_CLIENT + call(),
    "Custom Patterns": IMPORT + CUSTOM_PATTERN + NEW_CLIENT + call(model="gpt-4"),
    "Manual Wrapping": MANUAL_WRAPPING + call(client="protected_client"),
    "Import Arc first": ARC_FIRST + "client = openai.OpenAI()\n" + call(),
    "Import Arc last": f"import openai\nclient = openai.OpenAI()\n{IMPORT}Arc()\n" + call(),
    "Import the parts first": (
        f"from openai import OpenAI\nclient = OpenAI()\n{IMPORT}Arc()\n" + call()
    ),
}
"""The heading in the specification, and the program under it."""


@pytest.mark.parametrize("heading", PROGRAMS)
def test_program_as_it_is_written(heading: str, shell: Any, space: Any, receiver: Receiver) -> None:
    """Its call goes out fixed, is told of where the text says, and nothing warns."""
    with Tunnel(receiver.port) as tunnel:
        # the SDK talks to 127.0.0.1 as it would to OpenAI, past the proxy
        proxies = {"grpc_proxy": tunnel.url, "no_proxy": "localhost,127.0.0.1", "NO_PROXY": ""}
        shell.env.pop("https_proxy", None)
        done = run(shell, PROGRAMS[heading], **proxies)
        assert done.returncode == 0, done.stderr
        assert "WARNING" not in done.stderr.replace(CLEAR_TEXT, "")
        named = "arc.computer" in PROGRAMS[heading]
        assert [line.split()[:2] for line in tunnel.asked][:1] == (
            [["CONNECT", "arc.computer:50051"]] if named else []
        )
    assert [each["json"]["temperature"] for each in space.requests()] == [0.7]
    assert len(receiver.spans) == 1
    if "api_key" in PROGRAMS[heading]:
        assert receiver.requests[0].metadata["authorization"] == "Bearer arc_key_xxx"
        assert "arc DEBUG: " in done.stderr
        assert "arc_key_xxx" not in done.stderr


CLEAR_TEXT = "arc WARNING: The API key travels to grpc://arc.computer:50051 in clear text"


def run(shell: Any, program: str, **env: str) -> Any:
    (shell.folder / "program.py").write_text(program, "utf-8")
    return subprocess.run(
        [sys.executable, "program.py"],
        cwd=shell.folder,
        env={**shell.env, **env},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_debug_logging_says_what_happens_to_each_call(shell: Any) -> None:
    """`export ARC_LOG_LEVEL=DEBUG` is the advice to who sees no interception."""
    quiet = run(shell, ZERO_CONFIGURATION)
    assert "arc DEBUG" not in quiet.stderr
    told = run(shell, ZERO_CONFIGURATION, ARC_LOG_LEVEL="DEBUG").stderr
    assert re.search(r"arc DEBUG: Calls of the SDK openai \d\S* are intercepted", told)
    assert (
        "arc DEBUG: chat gpt-4.1 was intercepted: gpt-4.1-high-temperature changed temperature"
        in told
    )
    assert "poem" not in told


def test_metrics_have_the_names_and_the_address_of_the_specification(shell: Any) -> None:
    """At http://localhost:9090/metrics; another port only where somebody else has that one."""
    del shell.env["ARC_METRICS_PORT"]
    program = f"""{ZERO_CONFIGURATION}
import time, urllib.request
arc, deadline = Arc(), time.monotonic() + 20
while arc.metrics_url is None and time.monotonic() < deadline:
    time.sleep(0.01)
print(arc.metrics_url)
print(urllib.request.urlopen(arc.metrics_url).read().decode())
"""
    done = run(shell, program)
    assert done.returncode == 0, done.stderr
    url, _, scraped = done.stdout.partition("\n")
    if url != "http://localhost:9090/metrics":
        assert "Port 9090 is taken" in done.stderr
    exported = dict(re.findall(r"^# TYPE (\S+) (\S+)$", scraped, re.MULTILINE))
    assert {name: exported.get(name) for name in METRICS} == METRICS
    for name in ("requests_intercepted", "fixes_applied", "pattern_matches"):
        assert f"arc_{name}_total 1.0" in scraped
    assert "arc_interception_latency_ms_count 1.0" in scraped


def test_variables_and_defaults_are_those_of_the_specification() -> None:
    """And Core listens where a program that sets nothing sends to."""
    named = {each.env: each.default for each in _config.SETTINGS}
    assert named["ARC_DISABLE"] is False
    assert named["ARC_ENDPOINT"] == "grpc://localhost:50051"
    assert named["ARC_API_KEY"] is None
    assert named["ARC_LOG_LEVEL"] == "INFO"
    assert {each.name: each.default for each in CORE_SETTINGS}["port"] == 50051


def test_default_pattern_is_that_of_the_specification() -> None:
    """Its row of the table, with the reason that it gives."""
    [pattern] = BUILT_IN
    assert pattern.to_json()["fix"] == {"temperature": 0.7}
    assert pattern.rationale == "Reduces hallucination risk while maintaining creativity."


def test_core_and_a_program_that_set_nothing_find_each_other(shell: Any, tmp_path: Path) -> None:
    """The default endpoint can be reached by telnet, takes the call, and pushes patterns."""
    with socket.socket() as probe:
        if probe.connect_ex(("localhost", 50051)) == 0:
            pytest.skip("somebody listens at the default port of Arc Core on this machine")
    del shell.env["ARC_ENDPOINT"]
    with core(tmp_path, ports=(50051, 0)) as process:
        with socket.create_connection(("localhost", 50051), 10):  # what telnet does
            pass
        program = f"""{ZERO_CONFIGURATION}
import time
arc, deadline = Arc(), time.monotonic() + 20
assert arc.flush(20)
while arc.link.state != "connected" and time.monotonic() < deadline:
    time.sleep(0.01)
print(arc.link.state)
"""
        done = run(shell, program, ARC_SERVICE_NAME="specified")
        assert done.stdout == "connected\n", done.stderr
        told: List[Any] = [each for each in calls(process) if each["service"] == "specified"]
        assert [each["fix_outcome"] for each in told] == ["applied"]


def test_real_api_program_says_what_it_needs() -> None:
    """`python tests/test_real_api.py` without a key ends with one sentence, and no traceback."""
    root = Path(__file__).parents[2]
    environment = {k: v for k, v in os.environ.items() if k != "OPENAI_API_KEY"}
    done = subprocess.run(
        [sys.executable, "tests/test_real_api.py"],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.strip() == "Set OPENAI_API_KEY to a key of yours first."


def test_grpc_is_installed_with_arc() -> None:
    """The text tells who misses it to `pip install grpcio`: nobody has to."""
    tomllib = pytest.importorskip("tomllib")
    root = Path(__file__).parents[2]
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["name"] == "arc-runtime"
    assert project["license"] in ("MIT", {"text": "MIT"}, {"file": "LICENSE"})
    assert any(each.startswith("grpcio") for each in project["dependencies"])
    assert (root / "LICENSE").is_file()
    assert (root / "docs" / "performance_report.md").is_file()
