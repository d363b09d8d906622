"""The share of calls that gets a fix, as Runtimes are told."""

from __future__ import annotations

from datetime import datetime, timedelta

from arc_core.registry.lifecycle import State
from arc_core.rollout.settings import RolloutSettings
from arc_protocol.patterns.allocation import ACTIVE, CANARY, SHADOW, WHOLE, Allocation

_STAGES = {
    State.SHADOW: SHADOW,
    State.CANARY: CANARY,
    State.ACTIVE: ACTIVE,
    State.DORMANT: SHADOW,
}


def allocation(
    to: State, share: float, now: datetime, settings: RolloutSettings
) -> Allocation | None:
    """Return what Runtimes are told of a pattern in a state; None if they do not get it.

    A canary ends by itself unless it is renewed.
    """
    stage = _STAGES.get(to)
    if stage is None:
        return None
    lease = None
    if to is State.CANARY:
        lease = int((now + timedelta(seconds=settings.lease_s)).timestamp() * 1000)
    return Allocation(stage, round(share * WHOLE), lease)
