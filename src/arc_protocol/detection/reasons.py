"""Why replies end, in the words of the providers."""

from __future__ import annotations

TRUNCATED = frozenset(
    ["length", "max_tokens", "max_output_tokens", "model_context_window_exceeded"]
)
FILTERED = frozenset(
    [
        "blocklist",
        "content_filter",
        "content_filtered",
        "guardrail_intervened",
        "prohibited_content",
        "recitation",
        "safety",
        "spii",
    ]
)
REFUSED = frozenset(["refusal"])
MALFORMED = frozenset(["malformed_function_call", "malformed_tool_use"])
WHOLE = frozenset(["stop", "end_turn", "stop_sequence", "tool_calls", "tool_use", "function_call"])
"""The model thought that it had said everything."""
