"""What a scrape of Arc's metrics says, and how the port that serves them behaves."""

from __future__ import annotations

import logging
import os
import socket
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List

import openai
import prometheus_client
import pytest
from prometheus_client.parser import text_string_to_metric_families

from runtime import Arc
from runtime_shapes import RISKY
from telemetry.receiver import Receiver, free_port
from waiting import wait_until

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Scrape:
    """One answer of the metrics server, parsed by Prometheus' own client."""

    def __init__(self, arc: Arc) -> None:
        wait_until(lambda: arc.metrics_url is not None)
        with _OPENER.open(str(arc.metrics_url), timeout=10) as answer:
            self.text = answer.read().decode()
        self._families = list(text_string_to_metric_families(self.text))

    def value(self, name: str, **labels: str) -> float:
        """Return a sample; 0 where it is missing, as a rate of it would be."""
        found = [s.value for s in self._samples(name) if s.labels == labels]
        return found[0] if found else 0.0

    def labels(self, name: str) -> List[Dict[str, str]]:
        """Return the labels under which there are samples of a name."""
        return [sample.labels for sample in self._samples(name)]

    def _samples(self, name: str) -> Any:
        return [s for family in self._families for s in family.samples if s.name == name]


def threads() -> List[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "arc-metrics"]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("arc_requests_intercepted_total", "counter"),
        ("arc_fixes_applied_total", "counter"),
        ("arc_pattern_matches_total", "counter"),
        ("arc_interception_latency_ms", "histogram"),
    ],
)
def test_specified_metrics_are_there_before_the_first_call(
    start: Any, port: int, name: str, kind: str
) -> None:
    """Dashboards can be made from the four names and types alone."""
    assert f"# TYPE {name} {kind}\n" in Scrape(start(metrics_port=port)).text


def test_latency_is_in_milliseconds(
    start: Any, port: int, receiver: Receiver, client: openai.OpenAI
) -> None:
    """The histogram has what the span says in seconds."""
    arc = start(metrics_port=port)
    client.chat.completions.create(**RISKY)
    scrape = Scrape(arc)
    assert arc.flush(10)
    [span] = receiver.spans
    [seconds] = [
        each.value.double_value
        for each in span.attributes
        if each.key == "arc.interception.duration"
    ]
    assert scrape.value("arc_interception_latency_ms_count") == 1
    assert scrape.value("arc_interception_latency_ms_sum") == pytest.approx(seconds * 1000)


def test_buckets_show_the_promises(start: Any, port: int) -> None:
    """0.011 ms and 5 ms are bounds, so that a quantile need not be guessed between others."""
    labels = Scrape(start(metrics_port=port)).labels("arc_interception_latency_ms_bucket")
    bounds = [float(each["le"]) for each in labels]
    assert bounds == sorted(bounds)
    assert {0.011, 5.0, float("inf")} <= set(bounds)
    assert len([bound for bound in bounds if bound < 0.011]) >= 3


def test_what_patterns_did_is_told_by_name_and_outcome(
    start: Any, port: int, client: openai.OpenAI
) -> None:
    """Applied, skipped and failing patterns are counted apart."""
    arc = start(metrics_port=port)
    arc.register_pattern({"temperature": {">": 0.9}}, {"temperature": 0.5}, name="mine")
    arc.register_pattern({"model": {">": 1}}, {"temperature": 0.1}, name="unanswerable")
    client.chat.completions.create(**RISKY)
    scrape = Scrape(arc)
    outcomes = {
        each["pattern"]: each["outcome"] for each in scrape.labels("arc_pattern_outcomes_total")
    }
    assert outcomes == {
        "mine": "applied",
        "gpt-4.1-high-temperature": "skipped",
        "unanswerable": "error",
    }
    assert scrape.value("arc_pattern_matches_total") == 2
    assert scrape.value("arc_fixes_applied_total") == 1


def test_observing_is_no_fix(start: Any, port: int, client: openai.OpenAI) -> None:
    """In observe mode a match counts as such, and nothing as applied."""
    arc = start(metrics_port=port, mode="observe")
    client.chat.completions.create(**RISKY)
    scrape = Scrape(arc)
    assert scrape.value("arc_pattern_matches_total") == 1
    assert scrape.value("arc_fixes_applied_total") == 0
    shadow = {"pattern": "gpt-4.1-high-temperature", "outcome": "shadow"}
    assert scrape.value("arc_pattern_outcomes_total", **shadow) == 1


def test_tokens_and_errors_have_labels(
    start: Any, port: int, space: Any, client: openai.OpenAI
) -> None:
    """Tokens are told by direction, failed calls by the exception that the caller got."""
    arc = start(metrics_port=port)
    usage = client.chat.completions.create(**RISKY).usage
    space.rules([{"id": "no", "outcome": {"kind": "error", "http_status": 429}}])
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(**RISKY)
    scrape = Scrape(arc)
    assert usage is not None
    assert scrape.value("arc_tokens_total", direction="input") == usage.prompt_tokens
    assert scrape.value("arc_tokens_total", direction="output") == usage.completion_tokens
    assert scrape.value("arc_call_errors_total", error_type="openai.RateLimitError") == 1
    assert scrape.value("arc_requests_intercepted_total") == 2


def test_threads_do_not_lose_counts(start: Any, port: int, client: openai.OpenAI) -> None:
    """Each call is counted once, however many are made at the same time."""
    arc = start(metrics_port=port)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: client.chat.completions.create(**RISKY), range(80)))
    scrape = Scrape(arc)
    assert scrape.value("arc_requests_intercepted_total") == 80
    assert scrape.value("arc_fixes_applied_total") == 80


def test_registry_of_the_application_is_left_alone(start: Any, port: int) -> None:
    """What the application itself exports has nothing of Arc in it."""
    assert Scrape(start(metrics_port=port)).text
    assert b"arc_" not in prometheus_client.generate_latest()


def test_taken_port_gives_the_next_free_one(
    start: Any, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """One warning names both ports and the way out."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        arc = start(metrics_port=port)
        scrape = Scrape(arc)
        start(metrics_port=port)
    assert scrape.value("arc_requests_intercepted_total") == 0
    used = int(str(arc.metrics_url).split(":")[2].split("/")[0])
    assert port < used <= port + 20
    [warning] = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert f"Port {port} is taken" in warning
    assert f"http://localhost:{used}/metrics" in warning
    assert "ARC_METRICS_PORT" in warning


def test_port_0_means_no_server(arc: Arc, client: openai.OpenAI) -> None:
    """No port is opened and no thread started for it."""
    client.chat.completions.create(**RISKY)
    assert arc.flush(10)
    assert arc.metrics_url is None
    assert threads() == []


def test_arc_twice_is_one_server(start: Any, port: int, client: openai.OpenAI) -> None:
    """Arc() again, also with the same settings, opens nothing."""
    first = start(metrics_port=port)
    url = Scrape(first) and first.metrics_url
    second = start(metrics_port=port)
    client.chat.completions.create(**RISKY)
    assert Scrape(second).value("arc_requests_intercepted_total") == 1
    assert second.metrics_url == url
    assert threads() == ["arc-metrics"]


def test_another_port_moves_the_server_and_keeps_the_counts(
    start: Any, port: int, client: openai.OpenAI
) -> None:
    """`Arc(metrics_port=...)` later closes the old port."""
    arc = start(metrics_port=port)
    client.chat.completions.create(**RISKY)
    assert Scrape(arc)
    start(metrics_port=free_port())
    wait_until(lambda: arc.metrics_url != f"http://localhost:{port}/metrics")
    assert Scrape(arc).value("arc_requests_intercepted_total") == 1
    assert not listens(port)
    assert threads() == ["arc-metrics"]


def test_shutdown_closes_the_port(start: Any, port: int, caplog: Any) -> None:
    """Afterwards the port is free, and a new Arc takes it without a word."""
    arc = start(metrics_port=port)
    assert Scrape(arc)
    arc.shutdown()
    assert not listens(port)
    assert threads() == []
    again = start(metrics_port=port)
    assert Scrape(again).value("arc_requests_intercepted_total") == 0
    assert again.metrics_url == f"http://localhost:{port}/metrics"
    assert "ARC_METRICS_PORT" not in caplog.text


def test_silent_client_holds_up_nobody(start: Any, port: int) -> None:
    """A connection on which nothing comes delays neither other scrapes for good nor the end."""
    arc = start(metrics_port=port)
    assert Scrape(arc)
    with socket.create_connection(("127.0.0.1", port)) as first:
        first.send(b"GET /met")
        assert Scrape(arc).value("arc_requests_intercepted_total") == 0
    with socket.create_connection(("127.0.0.1", port)):
        arc.shutdown()
    assert threads() == []


def test_client_that_hangs_up_leaves_stderr_alone(
    start: Any, port: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """A scrape that is broken off is no news for the application's terminal."""
    arc = start(metrics_port=port)
    assert Scrape(arc)
    for words in (b"", b"GET /metrics HTTP/1.1\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.send(words)
    assert Scrape(arc)
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
def test_forked_child_has_metrics_of_its_own(
    start: Any, port: int, space: Any, client: openai.OpenAI
) -> None:
    """Parent and child each serve what they did themselves, on different ports."""
    arc = start(endpoint="", metrics_port=port, log_level="ERROR")
    client.chat.completions.create(**RISKY)
    assert Scrape(arc).value("arc_requests_intercepted_total") == 1
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(writer)
            os.read(reader, 1)  # the parent has its port again
            with openai.OpenAI(base_url=space.base_url, api_key="k") as own:
                own.chat.completions.create(**RISKY)
            counted = Scrape(arc).value("arc_requests_intercepted_total")
            code = (
                0 if counted == 1 and arc.metrics_url != f"http://localhost:{port}/metrics" else 2
            )
        finally:
            os._exit(code)
    os.close(reader)
    client.chat.completions.create(**RISKY)
    assert Scrape(arc).value("arc_requests_intercepted_total") == 2
    assert arc.metrics_url == f"http://localhost:{port}/metrics"
    os.close(writer)
    assert os.waitpid(child, 0)[1] == 0


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
