"""What is wrong with a reply, or with how a model uses it, although the call did not fail."""

from __future__ import annotations

from typing import Callable, List, Tuple

from arc_protocol.detection.content_filter import content_filter
from arc_protocol.detection.empty_output import empty_output
from arc_protocol.detection.exchange import Exchange
from arc_protocol.detection.invalid_json import invalid_json
from arc_protocol.detection.invalid_tool_arguments import invalid_tool_arguments
from arc_protocol.detection.refused import refused
from arc_protocol.detection.repeated_tool_call import repeated_tool_call
from arc_protocol.detection.truncated import truncated
from arc_protocol.detection.unknown_tool import unknown_tool

DETECTORS: Tuple[Callable[[Exchange], bool], ...] = (
    content_filter,
    refused,
    empty_output,
    truncated,
    unknown_tool,
    invalid_tool_arguments,
    invalid_json,
    repeated_tool_call,
)
"""In the order of what explains the others: the first that applies names the failure. A detector's
name is the kind that it finds."""


def kinds(exchange: Exchange) -> List[str]:
    """Return what is wrong with a finished call."""
    return [detect.__name__ for detect in DETECTORS if detect(exchange)]
