"""What goes wrong over the calls of one agent run, seen in the hashes that each call leaves."""

from __future__ import annotations

from collections.abc import Sequence

from arc_core.detection.runs import detectors
from arc_protocol.detection.discovery import discover
from arc_protocol.turns import Turn

_DETECTORS = discover(detectors)
"""Each is given the calls of a run up to the one that it is asked about."""

RUN_KINDS = frozenset(each.kind for each in _DETECTORS)
"""Kinds of failures that concern a whole agent run rather than one of its calls."""


def run_kinds(turns: Sequence[Turn]) -> list[str]:
    """Return what became evident with the last of these calls: the first explains the others."""
    return [each.kind for each in _DETECTORS if each.detect(turns)]
