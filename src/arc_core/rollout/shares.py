"""The share of calls that gets a fix, as Runtimes are told."""

from __future__ import annotations

from datetime import datetime, timedelta

from arc_core.registry.lifecycle import State
from arc_core.rollout.settings import RolloutSettings
from arc_protocol.patterns.allocation import ACTIVE, CANARY, RESCUE, RUN, SHADOW, WHOLE, Allocation

_STAGES = {
    State.SHADOW: SHADOW,
    State.RESCUE: RESCUE,
    State.CANARY: CANARY,
    State.ACTIVE: ACTIVE,
    State.DORMANT: SHADOW,
}


LEASED = frozenset({State.RESCUE, State.CANARY})
"""States that Runtimes leave by themselves when nobody renews them."""


def allocation(
    to: State,
    share: float,
    now: datetime,
    settings: RolloutSettings,
    *,
    runs_of: str | None = None,
) -> Allocation | None:
    """Return what Runtimes are told of a pattern in a state; None if they do not get it.

    A rescue or a canary ends by itself unless it is renewed. `runs_of` is the trial, NAME@REVISION,
    whose units are whole runs; None where calls are assigned singly. Arms are drawn anew for each
    stage.
    """
    stage = _STAGES.get(to)
    if stage is None:
        return None
    lease = None
    if to in LEASED:
        lease = int((now + timedelta(seconds=settings.lease_s)).timestamp() * 1000)
    treat = round(share * WHOLE)
    if runs_of is None:
        return Allocation(stage, treat, lease)
    return Allocation(stage, treat, lease, RUN, f"{runs_of}/{stage}")
