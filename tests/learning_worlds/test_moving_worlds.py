"""Providers that change their minds, contradict each other, and say the wrong thing."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from benchmarks.learning.laboratory import HEALTHY, Ending, Laboratory, Provider, Seen, opened_store

from arc_core.registry.lifecycle import State
from arc_core.storage import CallStore

Chooses = Callable[[random.Random], tuple[str, dict[str, Any]]]
_RATE = 40.0
"""Calls per second."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallStore]:
    with opened_store(tmp_path_factory.mktemp("store")) as opened:
        yield opened


def request(**asked: Any) -> dict[str, Any]:
    """Return a request; what is None is left out."""
    given = {name: value for name, value in asked.items() if value is not None}
    return {"model": "kestrel-4", "messages": [{"role": "user", "content": "?"}], **given}


def refusal(message: str, param: str = "") -> Ending:
    return Ending(status=400, message=message, code="invalid", param=param, duration_ms=30)


def in_force(lab: Laboratory) -> list[tuple[Any, Any]]:
    return [(each.document["pattern"], each.document["fix"]) for each in lab.patterns(State.ACTIVE)]


def until(lab: Laboratory, choose: Chooses, provider: Provider, holds: Callable[[], bool]) -> None:
    """Make calls until something holds."""
    lab.run(4000, choose, provider, until=holds)
    assert holds(), lab.states()


def failed(seen: list[Seen]) -> int:
    return sum(call.ending.failed for call in seen)


class Limited:
    """Takes so many tokens at most, and says so."""

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def __call__(self, sent: Mapping[str, Any], draw: random.Random) -> Ending:
        asked = sent.get("max_tokens", 0)
        if asked <= self.limit:
            return HEALTHY
        return refusal(
            f"max_tokens is too large: {asked}. This model supports at most {self.limit} "
            "completion tokens.",
            "max_tokens",
        )


def test_a_limit_that_falls_is_learned_anew(store: CallStore, tmp_path: Path) -> None:
    """The old fix ceases to help and goes, the new one takes over, and nobody has done a thing."""

    def choose(draw: random.Random) -> tuple[str, dict[str, Any]]:
        tokens = draw.choices((1000, 3000, 6000, None), (3, 2, 2, 3))[0]
        return "app", request(max_tokens=tokens, temperature=draw.choice((0, 0.7, None)))

    provider = Limited(4096)
    with closing(Laboratory(store, tmp_path, "falls", seed=1, rate=_RATE)) as lab:
        until(lab, choose, provider, lambda: len(in_force(lab)) == 1)
        [(asked, fix)] = in_force(lab)
        assert (asked["max_tokens"], fix) == (
            {">": 4096},
            {"max_tokens": {"clamp": {"high": 4096}}},
        )
        provider.limit = 2048
        until(lab, choose, provider, lambda: any(f != fix for _, f in in_force(lab)))
        assert [fix for _, fix in in_force(lab)] == [{"max_tokens": {"clamp": {"high": 2048}}}]
        ways = lab.states()
        assert sorted(way[-1] for way in ways.values()) == ["active", "rolled_back"]
        seen = lab.run(400, choose, provider)
        held_back = sum(call.matched and not call.treated for call in seen)
        assert failed(seen) <= held_back <= 20


def test_an_error_that_names_the_wrong_parameter_misleads_nobody(
    store: CallStore, tmp_path: Path
) -> None:
    """The text is tried first, as it mostly is right; the trial says no, and the next one is it."""

    def choose(draw: random.Random) -> tuple[str, dict[str, Any]]:
        return "app", request(
            temperature=draw.choice((0.2, 0.7, 1.5, 1.9)), top_p=draw.choice((0.9, 0.95))
        )

    def provider(sent: Mapping[str, Any], draw: random.Random) -> Ending:
        if sent.get("temperature", 0) > 1:
            return refusal(
                "Unsupported parameter: 'top_p' is not supported with this model.", "top_p"
            )
        return HEALTHY

    with closing(Laboratory(store, tmp_path, "misleads", seed=1, rate=_RATE)) as lab:
        until(lab, choose, provider, lambda: bool(in_force(lab)))
        [(asked, fix)] = in_force(lab)
        assert "temperature" in asked
        assert list(fix) == ["temperature"]
        assert failed(lab.run(400, choose, provider)) <= 20


@pytest.mark.parametrize("share", [0.5, 0.85])
def test_a_fix_stays_with_the_server_that_needs_it(
    store: CallStore, tmp_path: Path, share: float
) -> None:
    """One refuses what the other demands; also where the other one has few calls."""
    servers = {"strict": ("one.example", 443), "exacting": ("two.example", 8000)}

    def choose(draw: random.Random) -> tuple[str, dict[str, Any]]:
        if draw.random() < share:
            return "strict", request(user="a", temperature=draw.choice((0, 1, None)))
        return "exacting", request(user="b", temperature=draw.choice((0, 1)))

    def provider(sent: Mapping[str, Any], draw: random.Random) -> Ending:
        if sent["user"] == "a" and "temperature" in sent:
            return refusal("'temperature' is not supported with this model.", "temperature")
        if sent["user"] == "b" and "temperature" not in sent:
            return refusal("Missing required parameter: 'temperature'.", "temperature")
        return HEALTHY

    project = f"servers-{share}"
    with closing(Laboratory(store, tmp_path, project, seed=1, rate=_RATE, servers=servers)) as lab:
        until(lab, choose, provider, lambda: bool(in_force(lab)))
        [record] = lab.patterns()
        assert record.document["server"] == "one.example:443"
        seen = lab.run(400, choose, provider)
        assert not any(call.changed for call in seen if call.request["user"] == "b")
        assert failed(seen) <= 20


def test_each_kind_of_bad_reply_gets_the_fix_that_cures_it_where_it_happens(
    store: CallStore, tmp_path: Path
) -> None:
    """Two kinds come by chance, at two models, by two settings, among replies that are just bad."""

    def choose(draw: random.Random) -> tuple[str, dict[str, Any]]:
        asked = request(
            max_tokens=draw.choice((300, 3000)), reasoning_effort=draw.choice(("low", "high"))
        )
        return "app", {**asked, "model": draw.choice(("kestrel-4", "zephyr-1", "plain-3"))}

    def provider(sent: Mapping[str, Any], draw: random.Random) -> Ending:
        at = draw.random()
        if sent["model"] == "kestrel-4" and sent["max_tokens"] < 1000 and at < 0.6:
            return Ending(kind="truncated")
        if sent["model"] == "zephyr-1" and sent["reasoning_effort"] == "high" and at < 0.6:
            return Ending(kind="empty_output")
        return Ending(kind=draw.choice(("truncated", "empty_output"))) if at < 0.02 else HEALTHY

    with closing(Laboratory(store, tmp_path, "kinds", seed=1, rate=100.0)) as lab:
        until(lab, choose, provider, lambda: len(in_force(lab)) == 2)
        found = {each.evidence["kind"]: each.document for each in lab.patterns(State.ACTIVE)}
    assert {kind: each["pattern"] for kind, each in found.items()} == {
        "truncated": {"model": "kestrel-4", "max_tokens": {"<": 3000}},
        "empty_output": {"model": "zephyr-1", "reasoning_effort": "high"},
    }
    assert {kind: each["fix"] for kind, each in found.items()} == {
        "truncated": {"max_tokens": {"clamp": {"low": 3000}}},
        "empty_output": {"reasoning_effort": "low"},
    }
