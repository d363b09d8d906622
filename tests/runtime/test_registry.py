"""The registry of patterns when many threads use it, and when a process forks meanwhile."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest

from arc_protocol.patterns import PatternSet
from runtime import Arc, _patterns
from runtime_shapes import RISKY


def names(arc: Arc) -> Any:
    return [pattern.name for pattern in arc.patterns()]


def test_registered_pattern_is_in_force_at_once(arc: Arc) -> None:
    """Whatever other threads do, a thread's next call is decided with what it registered."""

    def register(number: int) -> bool:
        name = arc.register_pattern({"seed": number}, {"temperature": 0}, name=f"own-{number}")
        return name in names(arc)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(register, range(64)))
    assert set(names(arc)) == {f"own-{n}" for n in range(64)} | {"gpt-4.1-high-temperature"}


def test_same_name_replaces_and_goes_first(arc: Arc) -> None:
    """What is registered last goes first, also under a name that was there."""
    for name in ("a", "b", "a"):
        arc.register_pattern({"seed": 1}, {"seed": 2}, name=name)
    assert names(arc) == ["a", "b", "gpt-4.1-high-temperature"]


def test_what_was_registered_is_compiled_before_the_next_call(
    arc: Arc, space: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand patterns take 10 ms, which no call of the application should wait for."""
    done = threading.Event()
    made_by = []

    class Watched(PatternSet):
        def __init__(self, patterns: Any, **settings: bool) -> None:
            made_by.append(threading.current_thread().name)
            super().__init__(patterns, **settings)

        def prepare(self, used: Any = None) -> None:
            super().prepare(used)
            done.set()

    monkeypatch.setattr(_patterns, "PatternSet", Watched)
    arc.register_pattern({"model": "gpt-4.1", "seed": 1}, {"temperature": 0})
    assert done.wait(10)
    with openai.OpenAI(base_url=space.base_url, api_key="k") as client:
        client.chat.completions.create(**RISKY)
    assert made_by == ["arc-worker"]


def test_change_is_compiled_once(arc: Arc, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that need the new set at the same time do not each make one."""
    made = []
    together = threading.Barrier(8)

    def slow(patterns: Any, **settings: bool) -> PatternSet:
        made.append(PatternSet(patterns, **settings))
        threading.Event().wait(0.2)  # as many patterns take
        return made[-1]

    def look(_: int) -> Any:
        together.wait(10)
        return arc.patterns()

    monkeypatch.setattr(_patterns, "PatternSet", slow)
    arc.register_pattern({"seed": 1}, {"temperature": 0})
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(look, range(8)))) == 1
    assert len(made) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
def test_fork_while_patterns_are_compiled(
    arc: Arc, space: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child neither waits for a thread that it has not, nor loses a pattern."""
    compiling, go_on = threading.Event(), threading.Event()

    def slow(patterns: Any, **settings: bool) -> PatternSet:
        compiling.set()
        go_on.wait(30)
        return PatternSet(patterns, **settings)

    monkeypatch.setattr(_patterns, "PatternSet", slow)
    arc.register_pattern({"temperature": {">": 0.9}}, {"temperature": 0.5}, name="mine")
    other = threading.Thread(target=arc.patterns)
    other.start()
    assert compiling.wait(10)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(20)
            monkeypatch.undo()
            with openai.OpenAI(base_url=space.base_url, api_key="k") as client:
                client.chat.completions.create(**RISKY)
            arc.register_pattern({"seed": 1}, {"seed": 2}, name="own")
            code = 0 if names(arc)[:2] == ["own", "mine"] else 2
        finally:
            os._exit(code)
    go_on.set()
    other.join(10)
    assert os.waitpid(child, 0)[1] == 0
    assert [request["json"]["temperature"] for request in space.requests()] == [0.5]
