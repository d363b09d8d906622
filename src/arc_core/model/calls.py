"""The record of one finished call: its columns, and batches of such records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from arc_core.model.columns import Column, Kind
from arc_core.model.feedback import Feedback

COLUMNS: tuple[Column, ...] = (
    Column("project", Kind.NAME, "project of the key with which the call was reported"),
    Column("start_time", Kind.TIME, "when the call was made, by the application's clock"),
    Column("received_at", Kind.TIME, "when Core got it, by Core's clock"),
    Column("trace_id", Kind.TEXT, "32 hexadecimal digits"),
    Column("span_id", Kind.TEXT, "16 hexadecimal digits"),
    Column("parent_span_id", Kind.TEXT, "16 hexadecimal digits, empty for a root"),
    Column("session", Kind.TEXT, "agent run or conversation"),
    Column("service", Kind.NAME, "service.name of the application"),
    Column("runtime_id", Kind.NAME, "one per process of the application"),
    Column("runtime_version", Kind.NAME, "version of Arc Runtime"),
    Column("patterns_revision", Kind.NAME, "pattern set that decided"),
    Column("provider", Kind.NAME, "who answers"),
    Column("operation", Kind.NAME, "chat, embeddings, ..."),
    Column("api", Kind.NAME, "which of the provider's APIs"),
    Column("request_model", Kind.NAME, "model asked for"),
    Column("response_model", Kind.NAME, "model that answered"),
    Column("response_id", Kind.TEXT, "the provider's id of the reply"),
    Column("stream", Kind.FLAG, "whether the reply was streamed"),
    Column("temperature", Kind.NUMBER, "as sent", nullable=True),
    Column("top_p", Kind.NUMBER, "as sent", nullable=True),
    Column("max_tokens", Kind.INTEGER, "as sent", nullable=True),
    Column("frequency_penalty", Kind.NUMBER, "as sent", nullable=True),
    Column("presence_penalty", Kind.NUMBER, "as sent", nullable=True),
    Column("seed", Kind.INTEGER, "as sent", nullable=True),
    Column("choice_count", Kind.INTEGER, "as sent", nullable=True),
    Column("failed", Kind.FLAG, "whether the call ended with an error"),
    Column("error_type", Kind.NAME, "class of the exception, or code of a failed reply"),
    Column("status_code", Kind.INTEGER, "HTTP status of an error", nullable=True),
    Column("error_code", Kind.NAME, "the provider's code"),
    Column("error_param", Kind.NAME, "parameter that the provider complains of"),
    Column("error_message", Kind.TEXT, "the provider's words"),
    Column("finish_reasons", Kind.NAMES, "one per choice"),
    Column("input_tokens", Kind.INTEGER, "cached ones included", nullable=True),
    Column("output_tokens", Kind.INTEGER, "reasoning included", nullable=True),
    Column("cached_tokens", Kind.INTEGER, "of the input", nullable=True),
    Column("reasoning_tokens", Kind.INTEGER, "of the output", nullable=True),
    Column("duration_ms", Kind.NUMBER, "from the call to its end"),
    Column("first_chunk_ms", Kind.NUMBER, "from the call to the first chunk", nullable=True),
    Column("overhead_us", Kind.NUMBER, "what Arc took of the caller's time", nullable=True),
    Column("pattern_ids", Kind.NAMES, "patterns that matched, in order"),
    Column("pattern_revisions", Kind.INTEGERS, "revision of each of them"),
    Column("fix_outcome", Kind.NAME, "applied, shadow, skipped_control, rejected, error or none"),
    Column("fix_fields", Kind.NAMES, "parameters that the fix changed"),
    Column("fix_diff", Kind.TEXT, "the change as a JSON Patch"),
    Column("failure_kinds", Kind.NAMES, "what is wrong beside errors: truncated, ..."),
    Column("failure_signature", Kind.NAME, "the same for all that failed alike; empty: healthy"),
    Column("error_template", Kind.NAME, "the provider's words without what differs between calls"),
    Column("rollout_id", Kind.NAME, "trial that drew lots for the call, NAME@REVISION"),
    Column("rollout_stage", Kind.NAME, "shadow, rescue, canary or active"),
    Column("rollout_arm", Kind.NAME, "treated, control or shadow"),
    Column("rollout_probability", Kind.NUMBER, "of being treated, from 0 to 1", nullable=True),
    Column("rollout_unit", Kind.TEXT, "run that was assigned as a whole, a hash; empty: the call"),
    Column("heal_outcome", Kind.NAME, "healed: its error was that of a first attempt; failed; ..."),
    Column("turn", Kind.TEXT, "what it added to its agent run, in hashes; a JSON object, or empty"),
    Column("attributes", Kind.TEXT, "everything else, a JSON object"),
    Column("request", Kind.TEXT, "the request without its words, a JSON object; empty: unknown"),
    Column("body", Kind.TEXT, "what was said, a JSON object; empty when not captured"),
)
"""The fields of a call record, in the order of a row."""

FIXED = "applied"
"""`fix_outcome` of a call that was sent otherwise than it was asked for."""
HEALED = "healed"
"""`heal_outcome` of a call that succeeded, after what its error fields say has been cured."""

LARGE = ("request", "body")
"""Fields that are large and needed for few of the calls."""


class CallBatch:
    """Call records on their way to the store, one list per column of `COLUMNS`."""

    __slots__ = ("columns", "feedback")

    def __init__(self) -> None:
        self.columns: list[list[Any]] = [[] for _ in COLUMNS]
        self.feedback: list[Feedback] = []
        """What is said of replies, of these calls or of others."""

    def __len__(self) -> int:
        return len(self.columns[0])

    def append(self, row: Sequence[Any]) -> None:
        """Add a record; `row` has one value per column, in their order."""
        if len(row) != len(COLUMNS):
            raise ValueError(f"a call record has {len(COLUMNS)} values, not {len(row)}")
        for column, value in zip(self.columns, row):
            column.append(value)

    def extend(self, other: CallBatch) -> None:
        """Add all records of another batch."""
        for column, values in zip(self.columns, other.columns):
            column.extend(values)
        self.feedback.extend(other.feedback)
