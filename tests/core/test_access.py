"""One gate for both ports: what it lets pass, what it says, and that it holds up nobody."""

from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path

import pytest

from arc_core.access import NO_BEARER, NO_KEY, NO_VALID_KEY, AccessError, Gate
from arc_core.registry.keys import Key
from arc_core.registry.registry import Registry


class Slow:
    """A registry that answers when it is told to, and knows what it has answered."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.asked = 0
        self.go_on = threading.Event()

    def authenticate(self, secret: str) -> Key | None:
        self.asked += 1
        assert self.go_on.wait(20)
        return self._registry.authenticate(secret)

    def remembered_key(self, secret: str) -> Key | None:
        return self._registry.remembered_key(secret)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry.open(f"sqlite:///{tmp_path / 'registry.db'}")


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        (None, NO_KEY),
        ("Basic abc", NO_BEARER),
        ("Bearer ", NO_BEARER),
        ("Bearer nonsense", NO_VALID_KEY),
        ("Bearer arc_0123456789ab_" + "x" * 43, NO_VALID_KEY),
    ],
)
def test_it_is_told_on_both_sides_and_the_log_has_no_secret(
    registry: Registry, header: str | None, sentence: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller and the log get the sentence; the log names the caller, once."""

    async def ask() -> None:
        gate = Gate(registry, demand_key=True)
        for _ in range(2):
            with pytest.raises(AccessError) as refusal:
                await gate.key(header, "10.1.2.3")
            assert str(refusal.value) == sentence
        gate.close()

    with caplog.at_level(logging.WARNING, "arc.core"):
        asyncio.run(ask())
    (line,) = [record.getMessage() for record in caplog.records]
    assert "10.1.2.3" in line
    assert sentence in line
    assert "xxx" not in line
    assert "nonsense" not in line
    registry.close()


def test_a_look_up_holds_up_nobody_and_is_remembered(registry: Registry) -> None:
    """The loop goes on while the registry is slow, and does not ask it for each request."""
    made, secret = registry.create_key("shop", "ci")

    async def ask() -> None:
        slow = Slow(registry)
        gate = Gate(slow, demand_key=True)
        first = asyncio.create_task(gate.project(f"Bearer {secret}", "here"))
        await asyncio.sleep(0)
        assert not first.done()
        slow.go_on.set()  # only a loop that is not blocked comes here
        assert await first == "shop"
        assert await gate.project(f"bearer  {secret} ", "here") == "shop"
        assert slow.asked == 1
        registry.revoke_key(made.id)
        with pytest.raises(AccessError, match="revoked"):
            await gate.project(f"Bearer {secret}", "here")
        gate.close()

    asyncio.run(ask())
    registry.close()


def test_without_a_key_it_is_the_default_project_where_none_is_needed(registry: Registry) -> None:
    """A header that is there counts all the same."""

    async def ask() -> None:
        gate = Gate(registry, demand_key=False)
        assert await gate.project(None, "here") == "default"
        with pytest.raises(AccessError):
            await gate.project("Bearer nonsense", "here")
        gate.close()

    asyncio.run(ask())
    registry.close()
