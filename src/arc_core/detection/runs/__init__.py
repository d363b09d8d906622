"""What goes wrong over the calls of one agent run, seen in the hashes that each call leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from arc_core.detection.runs.conversation_reset import conversation_reset
from arc_core.detection.runs.no_progress import no_progress
from arc_core.detection.runs.repeated_tool_call import repeated_tool_call
from arc_protocol.turns import Turn

DETECTORS: tuple[Callable[[Sequence[Turn]], bool], ...] = (
    repeated_tool_call,
    no_progress,
    conversation_reset,
)
"""In the order of what explains the others: the first that applies names the failure. Each is given
the calls of a run up to the one that it is asked about; its name is the kind that it finds."""

RUN_KINDS = frozenset(detect.__name__ for detect in DETECTORS)
"""Kinds of failures that concern a whole agent run rather than one of its calls."""


def run_kinds(turns: Sequence[Turn]) -> list[str]:
    """Return what became evident with the last of these calls."""
    return [detect.__name__ for detect in DETECTORS if detect(turns)]
