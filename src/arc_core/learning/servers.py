"""Keeps a pattern to the servers that fail, where others take what it would change.

Servers that speak one API, and have models of one name, may differ: one refuses a parameter that
another demands. No request tells them apart, only where it goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from arc_core.learning.candidates import Candidate, learn
from arc_core.learning.examples import Cures, Example
from arc_core.learning.trial import trial

_BY_CHANCE = 0.05
"""So unlikely must it be that all calls to the other servers are healthy if these fail alike."""
_MOST = 32
"""Servers that a pattern may name."""


def learn_by_server(
    failing: Sequence[Example],
    healthy: Sequence[Example],
    *,
    provider: str,
    operation: str,
    cures: Cures,
) -> list[Candidate]:
    """Return what `learn` does, for the failing servers alone if the others are spared."""
    where: dict[str, Any] = {"provider": provider, "operation": operation, "cures": cures}
    found = learn(failing, healthy, **where)
    servers = {example.server for example in failing}
    elsewhere = [one for one in healthy if one.server and one.server not in servers]
    if "" in servers or len(servers) > _MOST or not elsewhere:
        return found
    here = [one for one in healthy if one.server in servers]
    if found and not _are_spared(found[0], failing, here, elsewhere):
        return found
    named = sorted(servers)
    server = named[0] if len(named) == 1 else named
    bound = [
        replace(each, document={**each.document, "server": server})
        for each in learn(failing, here, **where)
    ]
    return bound or found


def _are_spared(
    candidate: Candidate,
    failing: Sequence[Example],
    here: Sequence[Example],
    elsewhere: Sequence[Example],
) -> bool:
    """Tell whether matching calls to other servers are healthy, and not just by chance."""
    tried = trial(candidate.document, failing, here)
    matched = tried.matched_failing + tried.matched_healthy
    rate = tried.matched_failing / (matched + 1)
    others = trial(candidate.document, [], elsewhere).matched_healthy
    return others > 0 and (1 - rate) ** others < _BY_CHANCE
