"""With a trusted key, nobody but its holder brings patterns into an application."""

from __future__ import annotations

import logging
from typing import Any, Callable, List, Optional

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from arc_protocol.wire import signatures
from arc_protocol.wire.sync_pb2 import PatternSet, Signature
from core_stand_in import Connection, StandIn, cool, pattern_set
from runtime import Arc
from waiting import wait_until


class Signer:
    """Who holds a key."""

    def __init__(self) -> None:
        self._private = Ed25519PrivateKey.generate()
        public = self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key = signatures.write_key(public)

    def sign(self, offered: PatternSet, *, at_ms: int = 1000) -> PatternSet:
        of = offered.set
        statement = signatures.statement(of.epoch, of.version, of.digest, at_ms)
        offered.signature.CopyFrom(
            Signature(key=self.key, ed25519=self._private.sign(statement), signed_at_unix_ms=at_ms)
        )
        return offered


@pytest.fixture
def signer() -> Signer:
    return Signer()


def pushed(arc: Arc) -> List[str]:
    return [pattern.name for pattern in arc.patterns() if pattern.origin.label == "pushed"]


def connected(core: StandIn) -> Connection:
    connection = core.connection()
    connection.hello()
    return connection


def other_epoch(offered: PatternSet) -> PatternSet:
    offered.set.epoch = "e2"
    return offered


def test_a_signed_set_is_taken_and_kept_for_the_next_start(
    start: Callable[..., Arc], core: StandIn, signer: Signer
) -> None:
    """Without Core, the next process has it from the disk."""
    arc = start(endpoint=core.endpoint, trusted_key=signer.key)
    assert not connected(core).push(signer.sign(pattern_set(1, cool()))).refused
    assert pushed(arc) == ["cool"]
    arc.shutdown()
    core.stop()
    again = start(endpoint=core.endpoint, trusted_key=signer.key)
    wait_until(lambda: pushed(again) == ["cool"])


@pytest.mark.parametrize("fault", ["unsigned", "other key", "changed", "claimed"])
def test_what_the_key_has_not_signed_is_refused(
    start: Callable[..., Arc],
    core: StandIn,
    signer: Signer,
    fault: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nothing of it is in force, and the log and Core are told why."""
    arc = start(endpoint=core.endpoint, trusted_key=signer.key)
    connection = connected(core)
    if fault == "unsigned":
        offered = pattern_set(1, cool("evil"))
    elif fault == "changed":
        offered = pattern_set(1, cool("evil"))
        offered.signature.CopyFrom(signer.sign(pattern_set(1, cool("good"))).signature)
    else:
        offered = Signer().sign(pattern_set(1, cool("evil")))
        if fault == "claimed":
            offered.signature.key = signer.key
    refused = connection.push(offered).refused
    expected = {
        "unsigned": "it is not signed",
        "other key": "it is signed by ed25519:",
    }.get(fault, "its signature does not fit")
    assert refused.startswith(expected)
    assert pushed(arc) == []
    assert [r for r in caplog.records if expected in r.getMessage()]
    assert not connection.push(signer.sign(pattern_set(2, cool("good")))).refused
    assert pushed(arc) == ["good"]


def test_an_older_set_is_refused_also_after_a_restart(
    start: Callable[..., Arc], core: StandIn, signer: Signer
) -> None:
    """Who replays what was signed once cannot bring back what was withdrawn."""
    old = signer.sign(pattern_set(1, cool("withdrawn")))
    foreign = signer.sign(other_epoch(pattern_set(9, cool("withdrawn"))), at_ms=999)
    arc = start(endpoint=core.endpoint, trusted_key=signer.key)
    connection = connected(core)
    connection.push(signer.sign(pattern_set(2, cool("newer"))))
    assert "older than version 2" in connection.push(old).refused
    arc.shutdown()
    again = start(endpoint=core.endpoint, trusted_key=signer.key)
    connection = connected(core)
    for replayed in (old, foreign):
        assert "older than version 2" in connection.push(replayed).refused
    assert pushed(again) == ["newer"]
    moved = signer.sign(other_epoch(pattern_set(1, cool("moved"))), at_ms=1001)
    assert not connection.push(moved).refused
    assert pushed(again) == ["moved"]


def test_patterns_from_before_the_key_are_not_used(
    start: Callable[..., Arc], core: StandIn, signer: Signer
) -> None:
    """What is in force, or on disk, without a signature goes when a key is to be trusted."""
    arc = start(endpoint=core.endpoint)
    connected(core).push(pattern_set(1, cool()))
    assert pushed(arc) == ["cool"]
    Arc(trusted_key=signer.key)
    hello = core.connection().hello()
    assert not hello.HasField("have")
    assert pushed(arc) == []


@pytest.mark.parametrize("value", ["ed25519:short", "rsa:AAAA", "ed25519:%%%"])
def test_a_key_that_is_none_is_named(
    start: Callable[..., Arc], value: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "arc"):
        arc = start(trusted_key=value)
    assert arc.settings.trusted_key is None
    [said] = [r.getMessage() for r in caplog.records if "trusted_key" in r.getMessage()]
    assert "write ed25519: and 32 bytes in base64" in said


def test_signatures_are_what_the_protocol_says() -> None:
    """Literal bytes: another language must come to the same."""
    assert signatures.statement("e1", 3, "ab", 1700) == b'arc.v1.PatternSet\n["e1",3,"ab",1700]'
    key: Optional[Any] = signatures.write_key(bytes(32))
    assert key == "ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    assert signatures.read_key(str(key)) == bytes(32)
