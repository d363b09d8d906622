"""The tables of the call store, and the steps by which they came to be."""

from __future__ import annotations

from arc_core.model import feedback
from arc_core.model.calls import COLUMNS, LARGE
from arc_core.model.columns import Column, Kind

KEY = ("project", "start_time", "received_at", "trace_id", "span_id")
"""What a record shares with its large fields, which have a table of their own: they are nine tenths
of the bytes."""

_BY_NAME = {column.name: column for column in COLUMNS}
CALLS = tuple(column for column in COLUMNS if column.name not in LARGE)
BODIES = tuple(_BY_NAME[name] for name in (*KEY, *LARGE))

TABLES: dict[str, tuple[Column, ...]] = {
    "bodies": BODIES,
    "calls": CALLS,
    "feedback": feedback.COLUMNS,
}
"""In the order of writing: a record is never there without its body, nor feedback on a call of the
same batch without the record."""

_TYPES = {
    Kind.NAME: "LowCardinality(String)",
    Kind.TEXT: "String",
    Kind.TIME: "DateTime64(6, 'UTC')",
    Kind.FLAG: "Bool",
    Kind.INTEGER: "Int64",
    Kind.NUMBER: "Float64",
    Kind.NAMES: "Array(LowCardinality(String))",
    Kind.INTEGERS: "Array(Int64)",
}
_CODECS = {Kind.TIME: " CODEC(Delta, ZSTD(1))", Kind.NAME: ""}


def _column(column: Column) -> str:
    kind = f"Nullable({_TYPES[column.kind]})" if column.nullable else _TYPES[column.kind]
    return f"{column.name} {kind}{_CODECS.get(column.kind, ' CODEC(ZSTD(1))')}"


def _columns(columns: tuple[Column, ...]) -> str:
    return ",\n ".join(map(_column, columns))


# Records that arrive again in another batch, as after a crash, have the same sorting key and
# collapse when the engine merges; until then, questions leave out what is double. That is cheap
# because parts sorted by time alone hardly overlap: with provider and model before the time, FINAL
# was more than twice as slow. Partitions are days of arrival: by start time, late records would
# open many.
_SETTINGS = "non_replicated_deduplication_window = 1000"

# one for each: who looks for a trace need not read what tells spans
_BY_ID = tuple(
    f"INDEX by_{name} {name} TYPE bloom_filter(0.01) GRANULARITY 1"
    for name in ("trace_id", "span_id")
)

_CREATE = f"""
CREATE TABLE IF NOT EXISTS {{database}}.bodies (
 {_columns(BODIES)}
) ENGINE = ReplacingMergeTree
PARTITION BY toDate(received_at)
ORDER BY (project, start_time, trace_id, span_id)
SETTINGS index_granularity = 512, {_SETTINGS}{{settings}};

CREATE TABLE IF NOT EXISTS {{database}}.calls (
 {_columns(CALLS)},
 {_BY_ID[0]},
 {_BY_ID[1]},
 INDEX by_arrival received_at TYPE minmax GRANULARITY 1,
 INDEX by_session session TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = ReplacingMergeTree
PARTITION BY toDate(received_at)
ORDER BY (project, start_time, trace_id, span_id)
SETTINGS {_SETTINGS}{{settings}}
"""


def _added(*names: str, after: str) -> str:
    """Return the clauses that add columns in the order of the model."""
    places = zip(names, (after, *names))
    return ",\n ".join(
        f"ADD COLUMN IF NOT EXISTS {_column(_BY_NAME[name])} AFTER {before}"
        for name, before in places
    )


_LEARNING = (
    *("failure_kinds", "failure_signature", "error_template"),
    *("rollout_id", "rollout_stage", "rollout_arm", "rollout_probability"),
)
_ADD_LEARNING = f"""
ALTER TABLE {{database}}.bodies {_added("request", after="span_id")};

ALTER TABLE {{database}}.calls {_added(*_LEARNING, after="fix_diff")},
 ADD INDEX IF NOT EXISTS by_arrival received_at TYPE minmax GRANULARITY 1
"""

_ADD_HEALING = f"""
ALTER TABLE {{database}}.calls {_added("heal_outcome", after="rollout_probability")}
"""

_SET = f"""
ALTER TABLE {{database}}.bodies MODIFY SETTING {_SETTINGS}{{settings}};

ALTER TABLE {{database}}.calls MODIFY SETTING {_SETTINGS}{{settings}}
"""

_ADD_UNITS = f"""
ALTER TABLE {{database}}.calls {_added("rollout_unit", after="rollout_probability")}
"""

# Feedback joins its call when somebody asks, by the id of the reply: records of calls never change,
# and it may come days after them, or before. What arrives twice is there twice, as every question
# takes the first or the last; an engine that replaced rows would keep the later time of arrival,
# and trials would count it again.
_ADD_FEEDBACK = f"""
CREATE TABLE IF NOT EXISTS {{database}}.feedback (
 {_columns(feedback.COLUMNS)},
 INDEX by_arrival received_at TYPE minmax GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toDate(received_at)
ORDER BY (project, response_id, span_id)
SETTINGS {_SETTINGS}{{settings}};

ALTER TABLE {{database}}.calls
 ADD INDEX IF NOT EXISTS by_reply response_id TYPE bloom_filter(0.01) GRANULARITY 1
"""

_ADD_TURNS = f"""
ALTER TABLE {{database}}.calls {_added("turn", after="heal_outcome")},
 ADD INDEX IF NOT EXISTS by_session session TYPE bloom_filter(0.01) GRANULARITY 1
"""

# calls that are there get the new indexes in the background
_SPLIT_INDEX = f"""
ALTER TABLE {{database}}.calls
 {", ".join(f"ADD INDEX IF NOT EXISTS {each.removeprefix('INDEX ')}" for each in _BY_ID)},
 DROP INDEX IF EXISTS by_id;

ALTER TABLE {{database}}.calls MATERIALIZE INDEX by_trace_id, MATERIALIZE INDEX by_span_id
"""

MIGRATIONS: tuple[str, ...] = (
    *(_CREATE, _ADD_LEARNING, _ADD_HEALING, _SET, _ADD_UNITS),
    *(_ADD_FEEDBACK, _ADD_TURNS, _SPLIT_INDEX, _SET, _SET),
)
"""Statements for each version of the schema. Each can be repeated, and the first makes tables with
all of today's columns, so later ones add theirs with IF NOT EXISTS. `{database}` and `{settings}`
are the engine's."""
