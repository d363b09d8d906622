"""From an error and the request that it answered to changes that may cure it."""

from __future__ import annotations

import json
from typing import Any, List, Mapping, Tuple

from arc_protocol.cures import conversations, limits, naming, refusals, roles, tools, values
from arc_protocol.cures.facts import ErrorFacts, opened
from arc_protocol.cures.view import Cure, Reader, View
from arc_protocol.patterns.fixes import compile_fix
from arc_protocol.patterns.limits import plain_json

_READERS: Tuple[Reader, ...] = (
    naming.names,
    naming.call_ids,
    tools.schema_repairs,
    tools.keywords,
    tools.duplicates,
    tools.shapes,
    tools.json_with_tools,
    conversations.repairs,
    roles.roles,
    conversations.empty_contents,
    conversations.extra_keys,
    conversations.words_asked_for,
    conversations.cache_marks,
    conversations.bedrock_tools,
    roles.instructions_to_user,
    conversations.thoughts,
    limits.context_room,
    limits.room_asked_for,
    limits.conditional,
    refusals.replacement,
    refusals.relations,
    refusals.emptied,
    refusals.blank_stops,
    values.assigned,
    limits.limits,
    values.only_default,
    values.allowed_values,
    values.types,
    values.missing,
    refusals.advised,
    refusals.switched_off,
    refusals.schema_formats,
    refusals.refused,
    refusals.blamed,
)
"""What reads errors, the most particular first: their order is that of the proposals."""

_TRANSIENT = frozenset([401, 402, 403, 408, 409, 425, 429])
_MOST = 8
"""Proposals for one error."""


def propose(
    error: ErrorFacts, request: Mapping[str, Any], provider: str, operation: str
) -> List[Cure]:
    """Return the changes that an error's words suggest for the request, the likeliest first.

    Every one compiles and changes the request; none is proven, as texts can mislead. An error of
    the server, of a quota or of the key gets none: it says nothing of the request. The error's
    message may be that of an SDK's exception; the request may be one that was recorded. Whose API
    it is makes no difference so far: the words do.
    """
    facts = opened(error)
    if facts.status is not None and (facts.status in _TRANSIENT or not 400 <= facts.status < 500):
        return []
    view = View(facts, request)
    cures: List[Cure] = []
    seen = set()
    for reader in _READERS:
        for cure in _read(reader, view):
            key = json.dumps(cure.fix, sort_keys=True)
            if key not in seen and _changes(cure, request):
                seen.add(key)
                cures.append(cure)
    cures.sort(key=lambda cure: cure.confidence != "strong")
    return cures[:_MOST]


def _read(reader: Reader, view: View) -> List[Cure]:
    try:
        return list(reader(view))
    except Exception:
        # a request that failed may hold anything anywhere; what the other readers find still counts
        return []


def _changes(cure: Cure, request: Mapping[str, Any]) -> bool:
    try:
        fixed, _ = compile_fix(plain_json(cure.fix, "fix"), "fix").apply(request, {})
    except Exception:  # it cannot be carried out on this request
        return False
    return fixed is not request and fixed != request
