"""Arc beside other instrumentations of the same SDK, whichever came first."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from telemetry.receiver import Receiver

# what an application does: start both, make calls, end one, then the other
PUT_BACK = """
import logging, sys, time
import openai
from openinference.instrumentation.openai import OpenAIInstrumentor
from runtime import Arc

order, base_url = sys.argv[1:]
logging.basicConfig(format="%(message)s", level="INFO")
logging.getLogger("httpx").setLevel("WARNING")
for first in order.split():
    arc = Arc() if first == "arc" else OpenAIInstrumentor().instrument()
client = openai.OpenAI(base_url=base_url, api_key="k")
request = dict(model="gpt-4.1", temperature=0.95, messages=[{"role": "user", "content": "x"}])
for _ in range(2):
    OpenAIInstrumentor().uninstrument()
    deadline = time.monotonic() + 20
    while Arc().wrap(client) is not client and time.monotonic() < deadline:
        time.sleep(0.01)
    client.chat.completions.create(**request)
    OpenAIInstrumentor().instrument()
    client.chat.completions.create(**request)
OpenAIInstrumentor().uninstrument()
print(dict(Arc().faults()), Arc().flush(10))
Arc().shutdown()
client.chat.completions.create(**request)
"""

PROGRAM = """
import asyncio, importlib, json, sys
import openai
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from runtime import Arc

order, module, base_url = sys.argv[1:]
spans = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(spans))
trace.set_tracer_provider(provider)
other = importlib.import_module(module).OpenAIInstrumentor()
for first in order.split():
    arc = Arc() if first == "arc" else other.instrument(tracer_provider=provider)
request = dict(model="gpt-4.1", temperature=0.95, messages=[{"role": "user", "content": "x"}])
client = openai.OpenAI(base_url=base_url, api_key="k")
told = {}

def scopes(name, running=True):
    running and Arc().flush(10)
    told[name] = [span.instrumentation_scope.name.split(".")[0] for span in
                  spans.get_finished_spans()]
    spans.clear()

reply = client.chat.completions.create(**request)
told["reply"] = type(reply) is openai.types.chat.ChatCompletion
scopes("plain")
with client.chat.completions.create(**request, stream=True) as stream:
    told["text"] = "".join(c.choices[0].delta.content or "" for c in stream if c.choices)
scopes("stream")
raw = client.chat.completions.with_raw_response.create(**request)
told["raw"] = raw.parse().id == json.loads(raw.http_response.content)["id"]
scopes("raw call")

async def ask():
    async with openai.AsyncOpenAI(base_url=base_url, api_key="k") as own:
        return (await own.chat.completions.create(**request)).choices[0].message.content

told["async"] = asyncio.run(ask())
scopes("async call")
told["faults"] = dict(Arc().faults())
Arc().shutdown()
client.chat.completions.create(**request)
scopes("after shutdown", running=False)
Arc()
client.chat.completions.create(**request)
scopes("again")
other.uninstrument()
# openinference puts back the method that it found, which may be the SDK's own
Arc().wrap(client).chat.completions.create(**request)
scopes("alone")
Arc().shutdown()
client.chat.completions.create(**request)
scopes("neither", running=False)
print(json.dumps(told))
"""


@pytest.mark.parametrize("order", ["arc other", "other arc"])
@pytest.mark.parametrize(
    "module",
    [
        "openinference.instrumentation.openai",
        "opentelemetry.instrumentation.genai.openai",
        # needs httpx, which openai 3 no longer brings
        "opentelemetry.instrumentation.openai_v2",
    ],
)
def test_each_does_its_work_once(order: str, module: str, receiver: Receiver, space: Any) -> None:
    """One fix and one Arc span per call; the tracer of the application gets no span twice."""
    pytest.importorskip(module, exc_type=ImportError)
    environment = {**os.environ, "ARC_ENDPOINT": receiver.endpoint, "ARC_METRICS_PORT": "0"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, order, module, space.base_url],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    theirs = [module.split(".")[0]]
    assert told == {
        "reply": True,
        "text": "Hello! How can I help you today?",
        "raw": True,
        "async": "Hello! How can I help you today?",
        "plain": theirs,
        "stream": theirs,
        "raw call": theirs,
        "async call": theirs,
        "faults": {},
        "after shutdown": theirs,
        "again": theirs,
        "alone": ["arc"],
        "neither": [],
    }
    sent = [request["json"]["temperature"] for request in space.requests()]
    assert sent == [0.7, 0.7, 0.7, 0.7, 0.95, 0.7, 0.7, 0.95]
    assert len(receiver.spans) == 6


@pytest.mark.parametrize("order", ["arc other", "other arc"])
def test_arc_comes_back_when_another_puts_back_the_sdks_methods(
    order: str, receiver: Receiver, space: Any
) -> None:
    """By itself, in front of each call once, said once; and it goes when it is shut down."""
    pytest.importorskip("openinference.instrumentation.openai", exc_type=ImportError)
    environment = {**os.environ, "ARC_ENDPOINT": receiver.endpoint, "ARC_METRICS_PORT": "0"}
    done = subprocess.run(
        [sys.executable, "-c", PUT_BACK, order, space.base_url],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "{} True\n"
    sent = [request["json"]["temperature"] for request in space.requests()]
    assert sent == [0.7, 0.7, 0.7, 0.7, 0.95]
    assert len(receiver.spans) == 4
    said = done.stderr.count("Arc is in front of them again")
    assert said == (1 if order == "other arc" else 0)
