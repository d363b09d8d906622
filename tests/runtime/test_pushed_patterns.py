"""The registry with pushed patterns: who goes first, and that calls never wait for them."""

from __future__ import annotations

import threading
from typing import Any, Dict, List

import pytest

from arc_protocol.patterns import Origin, Pattern, PatternSet
from runtime import _patterns
from runtime._patterns import BUILT_IN, PatternRegistry


def pattern(name: str, origin: Origin, seed: int = 1) -> Pattern:
    return Pattern.parse(
        {"name": name, "pattern": {"model": "m"}, "fix": {"seed": seed}}, origin=origin
    )


def fixed(registry: PatternRegistry) -> Any:
    decision = registry.current().decide("openai", "chat", {"model": "m"})
    return decision.body["seed"] if decision else None


def test_local_goes_before_pushed_before_built_in() -> None:
    """Of one name there is one; taking it away brings back what it stood in front of."""
    registry = PatternRegistry()
    name = BUILT_IN[0].name
    registry.push([pattern(name, Origin.PUSHED, 1), pattern("other", Origin.PUSHED, 2)])
    assert [each.origin.label for each in registry.current().patterns] == ["pushed", "pushed"]
    assert registry.overridden() == []
    registry.add(pattern(name, Origin.LOCAL, 3))
    assert fixed(registry) == 3
    assert registry.overridden() == [name]
    assert [each.name for each in registry.current().patterns] == [name, "other"]
    registry.remove(name)
    assert fixed(registry) == 2  # of the pushed ones the last goes first
    registry.push([])
    assert registry.current().patterns == BUILT_IN


def test_the_application_may_allow_what_costs_its_prompt_cache() -> None:
    """The setting is asked at each call, also for patterns that are in force already."""
    document = {"name": "p", "pattern": {"model": "m"}, "fix": {"system": "other"}}
    marked = {"type": "text", "text": "kept", "cache_control": {"type": "ephemeral"}}
    registry = PatternRegistry()
    registry.push([Pattern.parse(document, origin=Origin.PUSHED)])
    for allowed in (False, True, False):
        registry.let_rewrite_cached(allowed)
        body = {"model": "m", "system": [marked], "messages": []}
        decision = registry.current().decide("anthropic", "messages", body)
        assert decision is not None
        assert [each.name for each in decision.applied] == ["p"] * allowed
        assert len(decision.skipped) == (not allowed)


def test_calls_go_on_with_the_patterns_before_while_new_ones_are_compiled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing waits for a push, and what is registered meanwhile is not lost."""
    registry = PatternRegistry()
    registry.push([pattern("a", Origin.PUSHED, 1)])
    assert fixed(registry) == 1
    compiling, proceed = threading.Event(), threading.Event()
    made: List[PatternSet] = []

    def slow(patterns: Any, **settings: bool) -> PatternSet:
        if threading.current_thread() is pusher:
            compiling.set()
            proceed.wait(10)
        made.append(PatternSet(patterns, **settings))
        return made[-1]

    pusher = threading.Thread(target=registry.push, args=([pattern("a", Origin.PUSHED, 2)],))
    monkeypatch.setattr(_patterns, "PatternSet", slow)
    pusher.start()
    assert compiling.wait(10)
    assert fixed(registry) == 1
    registry.add(pattern("mine", Origin.LOCAL, 7))
    assert fixed(registry) == 7
    proceed.set()
    pusher.join(10)
    assert fixed(registry) == 7
    assert [each.name for each in registry.current().patterns][:2] == ["mine", "a"]
    assert registry.current() is made[-1]


def test_the_first_call_after_a_push_finds_its_candidates_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What depends on the model is worked out for the models in use by the thread that pushes."""
    registry = PatternRegistry()
    fixed(registry)
    gathered: Dict[int, int] = {}
    gather = PatternSet._gather

    def counted(self: PatternSet, *arguments: Any) -> Any:
        thread = threading.get_ident()
        gathered[thread] = gathered.get(thread, 0) + 1
        return gather(self, *arguments)

    monkeypatch.setattr(PatternSet, "_gather", counted)
    pusher = threading.Thread(target=registry.push, args=([pattern("a", Origin.PUSHED, 2)],))
    pusher.start()
    pusher.join(10)
    assert list(gathered.values()) == [1]
    assert fixed(registry) == 2
    assert list(gathered.values()) == [1]
