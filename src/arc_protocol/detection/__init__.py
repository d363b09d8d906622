"""What is wrong with a reply, or with how a model uses it, although the call did not fail."""

from __future__ import annotations

from functools import lru_cache
from typing import List, Tuple

from arc_protocol.detection import detectors
from arc_protocol.detection.discovery import Detector, discover
from arc_protocol.detection.exchange import Exchange


def kinds(exchange: Exchange) -> List[str]:
    """Return what is wrong with a finished call: the first explains the others."""
    return [each.kind for each in _known() if each.detect(exchange)]


@lru_cache(maxsize=None)
def _known() -> Tuple[Detector, ...]:
    """Return all detectors; they are looked for when the first call has finished."""
    return discover(detectors, "arc.detectors")
