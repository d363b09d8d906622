"""Faults of Arc itself: counted, told once in calm words, and never the application's."""

from __future__ import annotations

import logging
import urllib.request
from typing import Any, Iterator

import openai
import pytest

from arc_protocol.patterns import PatternSet
from runtime import Arc
from runtime._guard import Guard
from runtime_shapes import RISKY
from telemetry.receiver import free_port
from waiting import wait_until


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> Iterator[Arc]:
    """An Arc in which every match fails."""

    def boom(*_: Any) -> Any:
        raise RuntimeError("a secret of the request")

    monkeypatch.setattr(PatternSet, "decide", boom)
    with caplog.at_level(logging.DEBUG, logger="arc"):
        arc = Arc(endpoint="", metrics_port=free_port(), log_level="DEBUG")
        yield arc
        arc.shutdown()
    logging.getLogger("arc").handlers.clear()


def test_fault_is_told_once_and_counted_always(
    faulty: Arc, client: openai.OpenAI, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has one sentence, and the traceback for those who ask for it."""
    for _ in range(3):
        assert client.chat.completions.create(**RISKY).choices
    assert faulty.faults() == {"intercept": 3}
    [warning] = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert "stepped aside in 'intercept'" in warning
    assert "RuntimeError" in warning
    assert "secret" not in warning
    [debug] = [r for r in caplog.records if r.exc_info]
    assert debug.levelno == logging.DEBUG


def test_fault_is_in_the_metrics(faulty: Arc, client: openai.OpenAI) -> None:
    """A scrape shows that Arc steps aside, and where."""
    client.chat.completions.create(**RISKY)
    wait_until(lambda: faulty.metrics_url is not None)
    with urllib.request.urlopen(str(faulty.metrics_url), timeout=10) as answer:
        assert b'arc_faults_total{step="intercept"} 1.0' in answer.read()


def test_log_handler_that_fails_is_no_failure_of_the_call(
    faulty: Arc, space: Any, client: openai.OpenAI
) -> None:
    """The application's own handler may raise when Arc speaks; the call goes on."""

    class Raising(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError("disk full")

    handler = Raising()
    logging.getLogger("arc").addHandler(handler)
    try:
        assert client.chat.completions.create(**RISKY).choices
    finally:
        logging.getLogger("arc").removeHandler(handler)
    assert len(space.requests()) == 1
    assert faulty.faults() == {"intercept": 1, "log": 1}


def test_each_kind_of_fault_is_told() -> None:
    """Another step or another exception is news; the same again is not."""
    guard = Guard()
    told = []

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(record.getMessage())

    handler = Listening(logging.WARNING)
    logging.getLogger("arc").addHandler(handler)
    try:
        for step, fault in [
            ("a", KeyError()),
            ("a", KeyError()),
            ("a", OSError()),
            ("b", KeyError()),
        ]:
            guard.caught(step, fault)
    finally:
        logging.getLogger("arc").removeHandler(handler)
    assert len(told) == 3
    assert guard.counts == {"a": 3, "b": 1}


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_interruptions_are_not_swallowed(
    interruption: Any, arc: Arc, client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ends a program on purpose passes through Arc."""

    def interrupt(*_: Any) -> Any:
        raise interruption

    monkeypatch.setattr(PatternSet, "decide", interrupt)
    with pytest.raises(interruption):
        client.chat.completions.create(**RISKY)
    monkeypatch.undo()
