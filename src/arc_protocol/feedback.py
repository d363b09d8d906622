"""The words of feedback that both sides share."""

from __future__ import annotations

EVENT = "gen_ai.evaluation.result"
"""Name of the event that the conventions have for evaluations."""
NAME = "user_feedback"
"""`gen_ai.evaluation.name` of feedback, and the name of its span."""

GOOD, BAD = "good", "bad"
OUTCOMES = (GOOD, BAD)
SOURCES = ("end_user", "builder", "code", "llm")
"""Who says it."""
