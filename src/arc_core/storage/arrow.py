"""Batches of calls as Arrow streams, one per table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from arc_core.model import feedback
from arc_core.model.calls import COLUMNS, LARGE, CallBatch
from arc_core.model.columns import Column, Kind
from arc_core.storage.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
_NOTHING: dict[Kind, Any] = {
    Kind.NAME: "",
    Kind.TEXT: "",
    Kind.FLAG: False,
    Kind.NAMES: [],
    Kind.INTEGERS: [],
}
"""What the engine has in a column that an insert does not mention."""
_POSITIONS = {column.name: position for position, column in enumerate(COLUMNS)}


class Block(NamedTuple):
    """What to insert into a table."""

    table: str
    columns: Sequence[str]
    """Those of the table that have a value in any record."""
    stream: memoryview


def blocks(batch: CallBatch) -> Iterator[Block]:
    """Return what to insert, in the order of `TABLES`.

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
            yield _block(table, values)
    if batch.feedback:
        names = [column.name for column in feedback.COLUMNS]
        yield _block(
            "feedback", [[getattr(each, name) for each in batch.feedback] for name in names]
        )


def _block(table: str, values: list[list[Any]]) -> Block:
    told = [each for each in zip(TABLES[table], values) if not _says_nothing(*each)]
    names = [column.name for column, _ in told]
    batch = pa.RecordBatch.from_arrays([_array(*each) for each in told], names=names)
    return Block(table, names, to_stream(batch))


def _says_nothing(column: Column, values: list[Any]) -> bool:
    """Tell whether all records have what a column has of itself: most have most columns empty."""
    if not column.nullable and column.kind not in _NOTHING:
        return False
    nothing = None if column.nullable else _NOTHING[column.kind]
    return bool(values[0] == nothing and values.count(nothing) == len(values))


def _array(column: Column, values: list[Any]) -> pa.Array:
    kind = _TYPES[column.kind]
    try:
        if values[0] == values[-1] and values.count(values[0]) == len(values):
            array = pa.repeat(pa.scalar(values[0], kind), len(values))
        else:
            array = pa.array(values, kind)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"{column.name} has a value that is no {column.kind.value}: {error}"
        ) from error
    if array.null_count and not column.nullable:
        raise ValueError(f"{column.name} has None, and every call must have one")
    return array


def to_stream(batch: pa.RecordBatch) -> memoryview:
    """Return a record batch as an Arrow stream."""
    counted = pa.MockOutputStream()
    _write(batch, counted)
    buffer = pa.allocate_buffer(counted.size())  # one that grows is copied each time
    _write(batch, pa.FixedSizeBufferWriter(buffer))
    return memoryview(buffer)


def _write(batch: pa.RecordBatch, sink: pa.NativeFile) -> None:
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
