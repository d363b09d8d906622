"""Reads what Runtimes say, trusting nothing of it, and writes what Core says."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import grpc
from google.protobuf.message import DecodeError

from arc_core.registry.runtimes import Verdict
from arc_core.sync.recorder import Sighting
from arc_protocol.patterns.policy import MAX_TEXT
from arc_protocol.version import __version__
from arc_protocol.wire import pattern_sync
from arc_protocol.wire.sync_pb2 import (
    FromCore,
    FromRuntime,
    Goodbye,
    Heartbeat,
    Hello,
    SetId,
    Welcome,
)
from arc_protocol.wire.sync_pb2 import Verdict as VerdictMessage

_TEXT = 200
"""Characters that are kept of what a Runtime says about itself."""
_SDKS = 50
_REASONS = 50
_STATES: dict[int, Literal["refused", "overridden", "disabled"]] = {
    VerdictMessage.REFUSED: "refused",
    VerdictMessage.OVERRIDDEN: "overridden",
    VerdictMessage.DISABLED: "disabled",
}


class RefusedError(Exception):
    """The stream ends because of what the Runtime did; a status and one sentence for it."""

    def __init__(self, code: grpc.StatusCode, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


async def read(context: Any) -> FromRuntime | None:
    """Return the next message; None at the end. Raises `RefusedError`."""
    raw = await context.read()
    if raw is grpc.aio.EOF:
        return None
    if len(raw) > pattern_sync.MAX_REPORT_BYTES:
        raise RefusedError(
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            f"A message of {len(raw)} bytes is too long; at most "
            f"{pattern_sync.MAX_REPORT_BYTES} are taken.",
        )
    try:
        return FromRuntime.FromString(raw)
    except DecodeError:
        raise RefusedError(
            grpc.StatusCode.INVALID_ARGUMENT, "The message is no FromRuntime of arc.v1."
        ) from None


def first_sighting(project: str, hello: Hello) -> Sighting:
    """Return what a Runtime says about itself, shortened to what a person would read."""
    sdks = sorted(hello.sdks.items())[:_SDKS]
    return Sighting(
        project=project,
        runtime_id=hello.runtime_id,
        service=hello.service[:_TEXT],
        host=hello.host[:_TEXT],
        pid=hello.pid,
        runtime_version=hello.runtime_version[:_TEXT],
        python=hello.python[:_TEXT],
        sdks={name[:_TEXT]: version[:_TEXT] for name, version in sdks},
        policy=hello.policy[:MAX_TEXT],
        heals=hello.heals,
        connected=True,
        set_version=_version(hello.have),
        set_digest=hello.have.digest[:_TEXT],
        verdicts=verdicts(hello.rejected),
        dropped={},
    )


def answered(before: Sighting, answer: Any) -> Sighting:
    """Return what is known after an `Applied`."""
    if answer.refused:  # what was in force before stays
        whole = Verdict(0, answer.set.digest[:_TEXT], "refused", _reason(answer.refused))
        return before._replace(verdicts={"*": whole})
    return before._replace(
        set_version=_version(answer.set),
        set_digest=answer.set.digest[:_TEXT],
        verdicts=verdicts(answer.verdicts),
        dropped=_dropped(answer.dropped),
    )


def verdicts(messages: Iterable[VerdictMessage]) -> dict[str, Verdict]:
    """Return what is not in force, by the name of the pattern."""
    return {
        message.name: Verdict(
            message.revision,
            message.digest[:_TEXT],
            _STATES[message.state],
            _reason(message.reason),
        )
        for message in messages
        if message.state in _STATES
    }


def welcome(project: str, heartbeat_s: float) -> bytes:
    """Encode the first message of a stream."""
    message = Welcome(
        project=project,
        heartbeat_s=max(1, round(heartbeat_s)),
        core_version=__version__,
        server_time_unix_ms=_now_ms(),
    )
    return FromCore(welcome=message).SerializeToString()


def heartbeat(of: SetId | None) -> bytes:
    """Encode a heartbeat, with the set that the stream was sent last."""
    message = Heartbeat(set=of, server_time_unix_ms=_now_ms())
    return FromCore(heartbeat=message).SerializeToString()


def goodbye(reason: str, retry_after_s: float) -> bytes:
    """Encode the last message of a stream."""
    message = Goodbye(reason=reason, retry_after_ms=int(retry_after_s * 1000))
    return FromCore(goodbye=message).SerializeToString()


def _dropped(counts: Mapping[str, int]) -> dict[str, int]:
    told = sorted(counts.items())[:_REASONS]
    return {reason[:_TEXT]: min(count, 2**63 - 1) for reason, count in told}


def _version(of: SetId) -> int:
    return min(of.version, 2**63 - 1)  # what databases can keep


def _reason(text: str) -> str:
    return text[: pattern_sync.MAX_REASON]


def _now_ms() -> int:
    return int(time.time() * 1000)
