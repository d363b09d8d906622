"""The pattern language: conditions on requests to LLM APIs, and fixes for those that would fail."""

from arc_protocol.patterns.decision import Decision
from arc_protocol.patterns.pattern import Origin, Pattern
from arc_protocol.patterns.pattern_set import PatternSet

__all__ = ["Decision", "Origin", "Pattern", "PatternSet"]
