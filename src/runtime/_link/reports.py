"""What the link says to Core, and what it understands of Core's words."""

from __future__ import annotations

import platform
import sys
from typing import Dict, Iterable, List, Mapping, Optional, Union

from arc_protocol import semconv
from arc_protocol.version import __version__
from arc_protocol.wire import sync_pb2
from arc_protocol.wire.pattern_sync import LANGUAGE_VERSION
from runtime._link.holding import Entry, Holding, SetId
from runtime._link.trust import Signature

Identity = Mapping[str, Union[str, int]]
"""The attributes of this process, as its telemetry has them."""


def hello(
    identity: Identity,
    sdks: Iterable[str],
    holding: Holding,
    overridden: Iterable[str],
    *,
    heals: bool,
) -> sync_pb2.FromRuntime:
    """Say who this is and what it has."""
    message = sync_pb2.Hello(
        runtime_id=str(identity[semconv.ARC_RUNTIME_ID]),
        runtime_version=__version__,
        language_version=LANGUAGE_VERSION,
        service=str(identity[semconv.SERVICE_NAME]),
        host=str(identity[semconv.HOST_NAME]),
        pid=int(identity[semconv.PROCESS_PID]),
        python=platform.python_version(),
        sdks=_versions(sdks),
        policy=holding.policy,
        rejected=_verdicts(holding, overridden),
        heals=heals,
    )
    if holding.id is not None:
        message.have.CopyFrom(_encoded(holding.id))
    return sync_pb2.FromRuntime(hello=message)


def applied(
    holding: Holding, overridden: Iterable[str], losses: Mapping[str, int]
) -> sync_pb2.FromRuntime:
    """Say what became of the set that is in force, and of telemetry."""
    message = sync_pb2.Applied(verdicts=_verdicts(holding, overridden), dropped=losses)
    if holding.id is not None:
        message.set.CopyFrom(_encoded(holding.id))
    return sync_pb2.FromRuntime(applied=message)


def refused(offered: SetId, reason: str) -> sync_pb2.FromRuntime:
    """Say that a whole set is refused."""
    return sync_pb2.FromRuntime(applied=sync_pb2.Applied(set=_encoded(offered), refused=reason))


def set_id(message: sync_pb2.SetId) -> SetId:
    """Read which set is meant."""
    return SetId(message.epoch, message.version, message.digest)


def entries(message: sync_pb2.PatternSet) -> List[Entry]:
    """Read what a set holds."""
    return [
        Entry(entry.name, entry.revision, entry.digest, entry.document_json)
        for entry in message.entries
    ]


def signature(message: sync_pb2.PatternSet) -> Optional[Signature]:
    """Read what a set was signed with, if it was."""
    if not message.HasField("signature"):
        return None
    given = message.signature
    return Signature(given.key, given.ed25519, given.signed_at_unix_ms)


def _encoded(of: SetId) -> sync_pb2.SetId:
    return sync_pb2.SetId(epoch=of.epoch, version=of.version, digest=of.digest)


def _verdicts(holding: Holding, overridden: Iterable[str]) -> List[sync_pb2.Verdict]:
    verdicts = [
        sync_pb2.Verdict(
            name=name,
            revision=refused.revision,
            digest=refused.digest,
            state=sync_pb2.Verdict.REFUSED,
            reason=refused.reason,
        )
        for name, refused in holding.refused.items()
    ]
    verdicts += [
        sync_pb2.Verdict(
            name=name,
            revision=disabled.revision,
            digest=disabled.digest,
            state=sync_pb2.Verdict.DISABLED,
            reason=disabled.reason,
        )
        for name, disabled in holding.disabled.items()
        if name not in holding.refused
    ]
    for name in overridden:
        held = holding.held.get(name)
        if held is not None and name not in {**holding.refused, **holding.disabled}:
            verdicts.append(
                sync_pb2.Verdict(
                    name=name,
                    revision=held.entry.revision,
                    digest=held.entry.digest,
                    state=sync_pb2.Verdict.OVERRIDDEN,
                    reason="The application has registered a pattern of this name.",
                )
            )
    return verdicts


def _versions(sdks: Iterable[str]) -> Dict[str, str]:
    # not by importlib.metadata, which reads and parses all that a package says of itself
    loaded = {sdk: sys.modules.get(sdk) for sdk in sdks}
    return {
        sdk: str(getattr(module, "__version__", "")) for sdk, module in loaded.items() if module
    }
