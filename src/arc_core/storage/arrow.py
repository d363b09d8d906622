"""Batches of calls as Arrow streams, one per table."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from arc_core.model import feedback
from arc_core.model.calls import COLUMNS, LARGE, CallBatch
from arc_core.model.columns import Column, Kind
from arc_core.storage.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator

_TYPES: dict[Kind, pa.DataType] = {
    Kind.NAME: pa.string(),
    Kind.TEXT: pa.string(),
    Kind.TIME: pa.timestamp("us", "UTC"),
    Kind.FLAG: pa.bool_(),
    Kind.INTEGER: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.NAMES: pa.list_(pa.string()),
    Kind.INTEGERS: pa.list_(pa.int64()),
}
_POSITIONS = {column.name: position for position, column in enumerate(COLUMNS)}


@lru_cache(maxsize=None)
def _schema(table: str) -> pa.Schema:
    return pa.schema([(column.name, _TYPES[column.kind]) for column in TABLES[table]])


def blocks(batch: CallBatch) -> Iterator[tuple[str, memoryview]]:
    """Return tables and what to insert into them, in the order of `TABLES`.

    Raises `ValueError` when a value does not fit its column.
    """
    large = [*zip(*(batch.columns[_POSITIONS[name]] for name in LARGE))]
    for table in ("bodies", "calls"):
        columns = TABLES[table]
        values = [batch.columns[_POSITIONS[column.name]] for column in columns]
        there = [position for position, texts in enumerate(large) if any(texts)]
        if table == "bodies" and len(there) < len(large):
            values = [[each[position] for position in there] for each in values]
        if values[0]:
            yield table, _stream(table, values)
    if batch.feedback:
        names = [column.name for column in feedback.COLUMNS]
        yield (
            "feedback",
            _stream(
                "feedback", [[getattr(each, name) for each in batch.feedback] for name in names]
            ),
        )


def _stream(table: str, values: list[list[Any]]) -> memoryview:
    schema = _schema(table)
    arrays = [_array(*each) for each in zip(TABLES[table], values)]
    return to_stream([pa.RecordBatch.from_arrays(arrays, schema=schema)], schema)


def _array(column: Column, values: list[Any]) -> pa.Array:
    try:
        array = pa.array(values, _TYPES[column.kind])
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"{column.name} has a value that is no {column.kind.value}: {error}"
        ) from error
    if array.null_count and not column.nullable:
        raise ValueError(f"{column.name} has None, and every call must have one")
    return array


def to_stream(batches: list[pa.RecordBatch], schema: pa.Schema) -> memoryview:
    """Return record batches as one Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return memoryview(sink.getvalue())
