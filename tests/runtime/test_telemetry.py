"""Telemetry reaches a real receiver, the application's tracer and Prometheus, and never hurts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
from typing import Any

import openai
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import sdk_features
from runtime import Arc
from runtime_shapes import RISKY
from telemetry.receiver import Receiver, free_port, hang, slow
from waiting import wait_until


def attributes(span: Any) -> Any:
    """Return a span's attributes as a mapping."""
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes
    }


def test_span_has_tokens_messages_and_the_fix(
    arc: Arc, receiver: Receiver, client: openai.OpenAI
) -> None:
    """What was asked, answered and changed is all in the span of a call."""
    with arc.session("run-1"):
        client.chat.completions.create(**RISKY)
    assert arc.flush(10)
    span = attributes(receiver.spans[0])
    assert span["gen_ai.usage.input_tokens"] > 0
    assert span["gen_ai.usage.output_tokens"] > 0
    assert "poem about Python" in span["gen_ai.input.messages"]
    assert span["gen_ai.output.messages"]
    assert span["arc.session"] == "run-1"
    assert '"/temperature"' in span["arc.fix.diff"]
    assert span["arc.patterns.revision"]


@pytest.mark.skipif(not sdk_features.RETRY_COUNT, reason="this SDK does not tell")
def test_span_of_a_failure_tells_of_the_retries_of_the_sdk(
    arc: Arc, receiver: Receiver, client: openai.OpenAI, space: Any
) -> None:
    """One call that the provider refused three times, and one that it refused once."""
    rule = {"id": "busy", "outcome": {"kind": "error", "http_status": 429}, "retry_after_s": 0.01}
    space.rules([rule])
    with pytest.raises(openai.RateLimitError):
        client.with_options(max_retries=2).chat.completions.create(**RISKY)
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(**RISKY)
    assert arc.flush(10)
    counts = [attributes(span).get("arc.retry.count") for span in receiver.spans]
    assert counts == [2, None]
    assert len(space.requests()) == 4


@pytest.mark.skipif(not sdk_features.RETRY_COUNT, reason="this SDK does not tell")
def test_span_of_a_success_tells_of_the_retries_where_the_sdk_does(
    arc: Arc, receiver: Receiver, client: openai.OpenAI, space: Any
) -> None:
    """A stream and a raw response that came at the second attempt, and one at the first."""
    busy = {"kind": "error", "http_status": 429}
    rule = {"id": "busy", "outcome": busy, "retry_after_s": 0.01, "times": 1}
    patient = client.with_options(max_retries=2).chat.completions
    space.rules([rule])
    with patient.create(**RISKY, stream=True) as stream:
        assert list(stream)
    space.rules([rule])
    assert patient.with_raw_response.create(**RISKY).parse()
    assert patient.with_raw_response.create(**RISKY).parse()
    assert arc.flush(10)
    counts = [attributes(span).get("arc.retry.count") for span in receiver.spans]
    assert counts == [1, 1, None]
    assert len(space.requests()) == 5


def test_content_stays_at_home_when_told_so(
    start: Any, receiver: Receiver, client: openai.OpenAI
) -> None:
    """With capture_content=False no message text leaves the process."""
    arc = start(capture_content=False)
    client.chat.completions.create(**RISKY)
    assert arc.flush(10)
    assert b"poem about Python" not in receiver.requests[0].message.SerializeToString()
    start(capture_content=True)


def test_a_failure_that_is_no_error_is_seen_where_content_stays_at_home(
    start: Any, receiver: Receiver, client: openai.OpenAI
) -> None:
    """The worker looks at the reply, whatever is sent of it."""
    arc = start(capture_content=False)
    asked = {**RISKY, "max_tokens": 3}
    client.chat.completions.create(**asked)
    for _ in client.chat.completions.create(**asked, stream=True):
        pass
    client.chat.completions.create(**RISKY)
    assert arc.flush(10)
    kinds = [attributes(span).get("arc.failure.kinds") for span in receiver.spans]
    assert [each and [one.string_value for one in each.values] for each in kinds] == [
        ["truncated"],
        ["truncated"],
        None,
    ]
    start(capture_content=True)


def test_span_joins_the_applications_trace(
    arc: Arc, receiver: Receiver, client: openai.OpenAI
) -> None:
    """The parent is the span that was current when the call was made."""
    tracer = TracerProvider().get_tracer("app")
    with tracer.start_as_current_span("work") as work:
        client.chat.completions.create(**RISKY)
    assert arc.flush(10)
    [span] = receiver.spans
    assert span.trace_id == work.get_span_context().trace_id.to_bytes(16, "big")
    assert span.parent_span_id == work.get_span_context().span_id.to_bytes(8, "big")
    assert not isinstance(trace.get_tracer_provider(), TracerProvider)


def test_absent_receiver_is_not_noticed_and_delivery_resumes(
    client: openai.OpenAI, caplog: pytest.LogCaptureFixture
) -> None:
    """Calls go on without a receiver; what they left is delivered once there is one."""
    port = free_port()
    arc = Arc(endpoint=f"grpc://localhost:{port}", metrics_port=0)
    try:
        for _ in range(5):
            client.chat.completions.create(**RISKY)
        assert not arc.flush(5)
        with Receiver(port=port) as receiver:
            assert arc.flush(10)
            assert len(receiver.spans) == 5
    finally:
        arc.shutdown()


def test_hanging_receiver_does_not_hold_up_flush(
    arc: Arc, receiver: Receiver, client: openai.OpenAI
) -> None:
    """A receiver that never answers costs the time that was allowed, no more."""
    receiver.answer = hang
    client.chat.completions.create(**RISKY)
    assert not arc.flush(0.2)


def test_slow_receiver_gets_everything(arc: Arc, receiver: Receiver, client: openai.OpenAI) -> None:
    """Calls are made while it thinks; each comes once."""
    receiver.answer = slow(0.2)
    for _ in range(3):
        client.chat.completions.create(**RISKY)
        receiver.wait_for_requests(1)  # from now on one is always under way
    assert arc.flush(20)
    assert len({span.span_id for span in receiver.spans}) == len(receiver.spans) == 3


SERVING = """
import sys, threading
import openai
from runtime import Arc

Arc()
client = openai.OpenAI(base_url=sys.argv[1], api_key="k")
create = client.chat.completions.create  # imports what Python 3.9 refuses to when it ends

def serve():
    threading.main_thread().join()
    create(model="gpt-4.1", messages=[{"role": "user", "content": "x"}])
    sys.stdin.read()
    client.close()

threading.Thread(target=serve).start()
"""


def test_calls_are_delivered_while_the_program_ends(receiver: Receiver, space: Any) -> None:
    """A thread that goes on after the main one has its calls delivered at the first attempt."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVING, space.base_url],
        env={**os.environ, "ARC_ENDPOINT": receiver.endpoint, "ARC_METRICS_PORT": "0"},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            receiver.wait_for_spans(1, 30)
            told = process.communicate(timeout=30)[1].decode()
        finally:
            process.kill()
    assert process.returncode == 0, told
    assert "not reachable" not in told


def scrape(arc: Arc) -> str:
    wait_until(lambda: arc.metrics_url is not None)
    with urllib.request.urlopen(str(arc.metrics_url)) as answer:
        return str(answer.read().decode())


def test_metrics_have_the_specified_names_and_count_at_once(
    start: Any, client: openai.OpenAI
) -> None:
    """A call made just before a scrape is in it, under the documented names."""
    arc = start(metrics_port=free_port())
    assert "arc_requests_intercepted_total 0.0" in scrape(arc)
    client.chat.completions.create(**RISKY)
    text = scrape(arc)
    for name in ("requests_intercepted", "pattern_matches", "fixes_applied"):
        assert f"arc_{name}_total 1.0" in text
    assert "# TYPE arc_interception_latency_ms histogram" in text
    assert "arc_interception_latency_ms_count 1.0" in text
    assert re.search(r'arc_tokens_total\{direction="input"\} \d', text)


def test_taken_metrics_port_gives_the_next_one_and_a_warning(
    start: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The application goes on, and is told once where its metrics are."""
    from http.server import BaseHTTPRequestHandler, HTTPServer

    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as taken:
        arc = start(metrics_port=taken.server_port)
        assert "arc_requests_intercepted_total" in scrape(arc)
        assert f":{taken.server_port}/" not in str(arc.metrics_url)
    told = [r for r in caplog.records if "ARC_METRICS_PORT" in r.getMessage()]
    assert len(told) == 1
    assert str(taken.server_port) in told[0].getMessage()


FORKING = """
import os, sys
import openai
from runtime import Arc
from runtime._telemetry import forks

if sys.argv[2] == "forbidden":
    forks._BY_SUBPROCESS = True  # as before Python 3.10
arc = Arc()

def call():
    with openai.OpenAI(base_url=sys.argv[1], api_key="k") as client:
        client.chat.completions.create(
            model="gpt-4.1", messages=[{"role": "user", "content": "x"}]
        )
    assert arc.flush(10)

call()
child = os.fork()
if child == 0:
    code = 1
    try:
        call()
        code = 0
    finally:
        os._exit(code)
assert os.waitpid(child, 0)[1] == 0
call()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
@pytest.mark.parametrize("grpc", ["as it is", "forbidden"])
def test_forked_child_delivers_its_own_calls(grpc: str, receiver: Receiver, space: Any) -> None:
    """A child made in the middle of everything works, and neither process hangs.

    In a process without a receiver: gRPC 1.70, the last for Python 3.8, cannot be used in a child
    that was forked from under a server.
    """
    done = forking(FORKING, receiver, space.base_url, grpc)
    assert done.returncode == 0, done.stderr
    assert len(receiver.wait_for_spans(3)) == 3


POOL = """
import multiprocessing, sys
import openai
from runtime import Arc
from runtime._telemetry import forks

forks._BY_SUBPROCESS = True  # as before Python 3.10
arc = Arc()

def call(_):
    with openai.OpenAI(base_url=sys.argv[1], api_key="k") as client:
        client.chat.completions.create(
            model="gpt-4.1", messages=[{"role": "user", "content": "x"}]
        )
    return arc.flush(10)

assert call(0)
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert all(pool.map(call, range(6), 1))
if sys.argv[2] == "stay":
    sys.stdin.read()
print(arc.faults())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
def test_parent_delivers_what_its_children_leave(receiver: Receiver, space: Any) -> None:
    """Where gRPC is forbidden to children: at its end, and soon while it waits without a call."""
    done = forking(POOL, receiver, space.base_url, "end")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "{}"
    assert len(receiver.wait_for_spans(7)) == 7
    with subprocess.Popen(
        [sys.executable, "-c", POOL, space.base_url, "stay"],
        env={**os.environ, "ARC_ENDPOINT": receiver.endpoint, "ARC_METRICS_PORT": "0"},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    ) as staying:
        assert len(receiver.wait_for_spans(14)) == 14
        staying.communicate(timeout=30)
    assert staying.returncode == 0
    assert len({span.span_id for span in receiver.spans}) == len(receiver.spans) == 14


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
def test_child_that_may_leave_nothing_says_what_is_lost(receiver: Receiver, space: Any) -> None:
    """Without gRPC and without a place on disk the loss is told, and the calls go on."""
    done = forking(FORKING, receiver, space.base_url, "forbidden", ARC_SPOOL="0")
    assert done.returncode == 0, done.stderr
    assert "Telemetry of this process is lost: it was forked" in done.stderr
    assert len(receiver.wait_for_spans(2)) == 2


def forking(program: str, receiver: Receiver, *arguments: str, **env: str) -> Any:
    settings = {"ARC_ENDPOINT": receiver.endpoint, "ARC_METRICS_PORT": "0", **env}
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=60,
    )


STARTING = """
import subprocess, sys
from runtime._telemetry import forks

if sys.argv[1] == "own":
    import grpc
forks.load()
import grpc
with grpc.insecure_channel("localhost:1") as channel:
    channel.unary_unary("/a/b").future(b"", timeout=5).exception()
    subprocess.run(["printenv", "GRPC_ENABLE_FORK_SUPPORT"])
"""


@pytest.mark.skipif(sys.version_info >= (3, 10), reason="subprocess does not fork")
@pytest.mark.parametrize("imported", ["by Arc", "own"])
def test_programs_start_without_handlers_of_grpc(imported: str) -> None:
    """They end or hang one program in a thousand; who imports gRPC first has it as it wants."""
    env = {"GRPC_TRACE": "fork", "GRPC_VERBOSITY": "DEBUG"}
    done = subprocess.run(
        [sys.executable, "-c", STARTING, imported],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    if imported == "by Arc":
        assert "PrepareFork" not in done.stderr
