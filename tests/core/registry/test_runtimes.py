from __future__ import annotations

from typing import Any

from arc_core.registry.registry import Registry
from arc_core.registry.runtimes import Verdict

REFUSED = Verdict(revision=2, digest="d" * 64, state="refused", reason="unknown operator")


def _seen(registry: Registry, runtime_id: str = "r1", project: str = "p", **other: Any) -> None:
    report: dict[str, Any] = {
        "service": "shop",
        "host": "box",
        "pid": 7,
        "runtime_version": "1.0",
        "python": "3.12.1",
        "sdks": {"openai": "3.1"},
        "policy": "safe",
        "heals": False,
        "connected": True,
        "set_version": 4,
        "set_digest": "a" * 64,
        "verdicts": {},
    }
    registry.runtime_seen(project, runtime_id, **{**report, **other})


def test_a_report_is_readable(registry: Registry, clock) -> None:  # type: ignore[no-untyped-def]
    _seen(registry, verdicts={"cool": REFUSED}, dropped={"queue_full": 3})
    (found,) = registry.runtimes("p")
    assert (found.project, found.runtime_id, found.service, found.host) == (
        "p",
        "r1",
        "shop",
        "box",
    )
    assert (found.pid, found.runtime_version, found.python) == (7, "1.0", "3.12.1")
    assert (found.sdks, found.connected) == ({"openai": "3.1"}, True)
    assert (found.set_version, found.set_digest) == (4, "a" * 64)
    assert found.verdicts == {"cool": REFUSED}
    assert found.dropped == {"queue_full": 3}
    assert found.first_seen == found.last_seen == clock.now


def test_a_later_report_takes_the_place_of_the_first(registry: Registry, clock) -> None:  # type: ignore[no-untyped-def]
    begun = clock.now
    _seen(registry, verdicts={"cool": REFUSED})
    clock.advance(seconds=30)
    _seen(registry, connected=False, set_version=5)
    (found,) = registry.runtimes("p")
    assert (found.connected, found.set_version, found.verdicts) == (False, 5, {})
    assert (found.first_seen, found.last_seen) == (begun, clock.now)


def test_the_last_seen_come_first_and_older_ones_can_be_left_out(  # type: ignore[no-untyped-def]
    registry: Registry, clock
) -> None:
    _seen(registry, "old")
    clock.advance(minutes=5)
    since = clock.now
    _seen(registry, "middle")
    clock.advance(minutes=5)
    _seen(registry, "new")
    _seen(registry, "new", project="q")
    assert [each.runtime_id for each in registry.runtimes("p")] == ["new", "middle", "old"]
    recent = registry.runtimes("p", since=since)
    assert [each.runtime_id for each in recent] == ["new", "middle"]
    assert len(registry.runtimes("q")) == 1


def test_runtimes_not_seen_for_long_are_forgotten(registry: Registry, clock) -> None:  # type: ignore[no-untyped-def]
    _seen(registry, "gone")
    clock.advance(days=6)
    _seen(registry, "alive")
    assert len(registry.runtimes("p")) == 2
    clock.advance(days=2)
    _seen(registry, "alive")
    assert [each.runtime_id for each in registry.runtimes("p")] == ["alive"]


def test_odd_reports_are_kept_as_far_as_possible(registry: Registry) -> None:
    """What a Runtime sends must never stop the server."""
    _seen(
        registry,
        runtime_id="\x00" + "x" * 100_000,
        service="\ud800shop",
        pid=2**63,
        set_version=2**64 - 1,
        set_digest="",
        sdks={"\x00": "\udfff"},
        verdicts={"\x00": REFUSED},
    )
    (found,) = registry.runtimes("p")
    assert found.runtime_id == "\N{REPLACEMENT CHARACTER}" + "x" * 199
    assert found.service == "\N{REPLACEMENT CHARACTER}shop"
    assert found.pid == found.set_version == 2**63 - 1
    assert found.verdicts == {"\x00": REFUSED}
