from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from arc_core.registry.errors import RegistryError
from arc_core.registry.registry import Registry


def test_the_secret_opens_the_project_of_its_key(registry: Registry, clock) -> None:  # type: ignore[no-untyped-def]
    key, secret = registry.create_key("p", "laptop")
    clock.advance(seconds=1)
    other, _ = registry.create_key("q", "server")
    assert re.fullmatch(rf"arc_{key.id}_[A-Za-z0-9_-]{{43}}", secret)
    found = registry.authenticate(secret)
    assert found is not None
    assert (found.id, found.project, found.name) == (key.id, "p", "laptop")
    assert {each.id for each in registry.keys("p")} == {key.id}
    assert [each.id for each in registry.keys(None)] == [key.id, other.id]


def test_every_secret_is_another(registry: Registry) -> None:
    secrets = {registry.create_key("p", "same")[1] for _ in range(5)}
    assert len(secrets) == 5


def test_no_other_secret_opens_it(registry: Registry) -> None:
    _, secret = registry.create_key("p", "laptop")
    begin, random = secret[:17], secret[17:]
    others = [
        "",
        "arc_",
        secret[:-1],
        secret + "x",
        secret + "\n",
        secret.upper(),
        begin + "A" * 43,
        "arc_000000000000_" + random,
        secret + "\N{SNOWMAN}",
        "arc_\x00_" + secret,
        "\ud800" + secret,
    ]
    assert [other for other in others if registry.authenticate(other) is not None] == []
    assert registry.authenticate(secret) is not None


def test_a_revoked_key_opens_nothing_at_once(registry: Registry) -> None:
    key, secret = registry.create_key("p", "laptop")
    assert registry.authenticate(secret) is not None
    assert registry.revoke_key(key.id) is True
    assert registry.authenticate(secret) is None
    assert registry.revoke_key(key.id) is False
    assert registry.revoke_key("nosuchkey") is False
    (listed,) = registry.keys("p")
    assert listed.revoked_at is not None


def test_a_key_that_another_process_revoked_ends_soon(  # type: ignore[no-untyped-def]
    url: str, clock, opened: Callable[..., Registry]
) -> None:
    one, other = opened(url, clock=clock), opened(url, clock=clock)
    key, secret = one.create_key("p", "laptop")
    assert one.authenticate(secret) is not None
    other.revoke_key(key.id)
    clock.advance(seconds=2)
    assert one.authenticate(secret) is None


def test_the_last_use_is_known_to_the_minute(registry: Registry, clock) -> None:  # type: ignore[no-untyped-def]
    _, secret = registry.create_key("p", "laptop")
    assert registry.keys()[0].last_used_at is None
    used = clock.now
    registry.authenticate(secret)
    clock.advance(seconds=59)
    registry.authenticate(secret)
    assert registry.keys()[0].last_used_at == used
    clock.advance(seconds=2)
    registry.authenticate(secret)
    assert registry.keys()[0].last_used_at == clock.now


def test_keys_survive_a_restart(url: str, opened: Callable[[str], Registry]) -> None:
    first = opened(url)
    _, secret = first.create_key("p", "laptop")
    first.close()
    found = opened(url).authenticate(secret)
    assert found is not None
    assert found.project == "p"


def test_the_secret_is_nowhere_in_the_file(
    tmp_path: Path, opened: Callable[[str], Registry]
) -> None:
    registry = opened(f"sqlite:///{tmp_path / 'registry.db'}")
    _, secret = registry.create_key("p", "laptop")
    registry.authenticate(secret)
    registry.close()
    random = secret.split("_", 2)[2].encode()
    assert all(random not in path.read_bytes() for path in tmp_path.iterdir())


def test_keys_need_a_name_and_a_project(registry: Registry) -> None:
    with pytest.raises(RegistryError, match="key's name"):
        registry.create_key("p", "")
    with pytest.raises(RegistryError, match="project is called"):
        registry.create_key("no such/project", "laptop")
