"""What learning asks the call store, as SQL for both engines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from arc_core.storage.call_store import microseconds, position
from arc_core.storage.queries import SETTINGS, Conditions, Question, field
from arc_core.storage.schema import CALLS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

_SEARCHED = 1_000_000
"""Healthy calls among which those of many applications and models are looked for, the newest."""
TWICE_US = 600 * 1_000_000
"""So long after a call was received it is recognised when it is received again."""
_RECORDED = "calls.runtime_id != ''"
"""Requests come from Arc Runtime alone; this finds it out without reading them."""


def fields(*names: str) -> str:
    """Return what selects these columns of `calls`."""
    return ",\n ".join(field(column) for column in CALLS if column.name in names)


_EXAMPLE = fields(
    *("start_time", "trace_id", "span_id", "session", "service", "provider", "operation"),
    *("api", "response_id"),
    *("request_model", "stream", "failed", "error_type", "status_code", "error_code"),
    *("error_param", "error_message", "pattern_ids", "fix_outcome", "failure_kinds"),
    *("failure_signature", "error_template", "rollout_id", "rollout_arm", "heal_outcome"),
)
_SERVER = """if(
  JSONHas(calls.attributes, 'server.address') AND JSONHas(calls.attributes, 'server.port'),
  concat(
   JSONExtractString(calls.attributes, 'server.address'), ':',
   toString(JSONExtractInt(calls.attributes, 'server.port'))
  ), '') AS server"""
"""Where a call went, as patterns name it; empty where that is not known."""
OUTCOME = (
    *("start_time", "received_at", "trace_id", "span_id", "session", "service", "request_model"),
    *("provider", "operation", "api", "failed", "failure_kinds", "failure_signature"),
    *("error_type", "status_code", "error_code", "error_param", "error_message"),
    *("rollout_stage", "rollout_arm", "rollout_probability", "rollout_unit"),
    *("duration_ms", "first_chunk_ms", "input_tokens", "output_tokens", "cached_tokens"),
)
PLACE = fields("start_time", "trace_id", "span_id")
TURN = fields("received_at", "trace_id", "span_id", "session", "turn", "failure_kinds")


def failing(database: str, project: str, signature: str, since: datetime, limit: int) -> Question:
    """Ask where calls are that failed alike, newest first."""
    where = Conditions(project)
    where.between(microseconds(since), None)
    where.add("calls.failure_signature = {signature:String}", signature=signature)
    where.add(_RECORDED)
    return (
        f"""
SELECT {PLACE}
FROM {database}.calls AS calls {where}
ORDER BY calls.start_time DESC, calls.span_id DESC
LIMIT 1 BY calls.trace_id, calls.span_id
LIMIT {limit}{SETTINGS}""",
        where.parameters,
    )


def healthy(
    database: str,
    project: str,
    provider: str,
    operation: str,
    since: datetime,
    limit: int,
    fixed_by: Collection[str],
) -> Question:
    """Ask where calls without failure are: the newest of each application and model in turn."""
    where = Conditions(project)
    where.between(microseconds(since), None)
    where.add("calls.provider = {provider:String}", provider=provider)
    where.called(operation)
    where.add("NOT calls.failed AND calls.failure_signature = ''")
    # recorded is what was asked for, not what was sent
    where.add(
        "(calls.fix_outcome != 'applied' OR"
        " hasAny(calls.pattern_ids, JSONExtract({fixed_by:String}, 'Array(String)')))",
        fixed_by=json.dumps(sorted(fixed_by)),
    )
    where.add(_RECORDED)
    return (
        f"""
SELECT start_time, trace_id, span_id
FROM (
 SELECT *, row_number() OVER (PARTITION BY service, model ORDER BY start_time DESC) AS turn
 FROM (
  SELECT {PLACE}, calls.service AS service, calls.request_model AS model
  FROM (
   SELECT start_time, trace_id, span_id, service, request_model
   FROM {database}.calls AS calls {where}
   ORDER BY calls.start_time DESC
   LIMIT {_SEARCHED}
  ) AS calls
  ORDER BY calls.start_time DESC
  LIMIT {limit} BY service, model
 )
)
ORDER BY turn, start_time DESC
LIMIT 1 BY trace_id, span_id
LIMIT {limit}{SETTINGS}""",
        where.parameters,
    )


def left_alone(database: str, project: str, rollout_id: str, limit: int) -> Question:
    """Ask where calls of a rollout are that did not get the fix, those received last first."""
    where = Conditions(project)
    where.add("calls.rollout_id = {rollout_id:String}", rollout_id=rollout_id)
    # what is sent again in a rescue has failed without the fix, whatever its arm was then
    where.add("(calls.rollout_arm != 'treated' OR calls.rollout_stage = 'rescue')")
    where.add("calls.fix_outcome != 'applied'")  # what another pattern has changed
    where.add(_RECORDED)
    return (
        f"""
SELECT {PLACE}
FROM {database}.calls AS calls {where}
ORDER BY calls.received_at DESC, calls.span_id DESC
LIMIT 1 BY calls.trace_id, calls.span_id
LIMIT {limit}{SETTINGS}""",
        where.parameters,
    )


def examples(database: str, project: str, times: Iterable[int]) -> Question:
    """Ask for what learning looks at in calls that started at `times`."""
    where = Conditions(project)
    where.at(times)
    return (
        f"SELECT {_EXAMPLE}, {_SERVER} FROM {database}.calls AS calls {where}{SETTINGS}",
        where.parameters,
    )


def requests(database: str, project: str, times: Iterable[int]) -> Question:
    """Ask for the requests of calls that started at `times`."""
    where = Conditions(project)
    where.at(times)
    return (
        "SELECT calls.trace_id AS trace_id, calls.span_id AS span_id, calls.request AS request"
        f" FROM {database}.bodies AS calls {where} AND calls.request != ''{SETTINGS}",
        where.parameters,
    )


def outcomes(
    database: str, project: str, rollout_id: str, after: str | None, limit: int
) -> Question:
    """Ask how the calls of a rollout ended, in the order in which they were received."""
    where = Conditions(project)
    where.add("calls.rollout_id = {rollout_id:String}", rollout_id=rollout_id)
    beyond = ""
    if after is not None:
        time, span_id = position(after)
        where.add(
            "calls.received_at >= fromUnixTimestamp64Micro({early:Int64})",
            early=max(0, time - TWICE_US),
        )
        where.parameters.update(time=time, span_id=span_id)
        beyond = "WHERE (received_at, span_id) > ({time:Int64}, {span_id:String})"
    return (
        f"""
SELECT * FROM (
 SELECT {fields(*OUTCOME)}
 FROM {database}.calls AS calls {where}
 ORDER BY calls.received_at, calls.span_id
 LIMIT 1 BY calls.trace_id, calls.span_id
)
{beyond}
ORDER BY received_at, span_id
LIMIT {limit}{SETTINGS}""",
        where.parameters,
    )


def turns(
    database: str, project: str, by: str, runs: Sequence[str], since_s: float, limit: int
) -> Question:
    """Ask what the latest calls of agent runs added to them, in the order of their arrival.

    `by` is the column that says which run it is: session, or trace_id where there is no session.
    """
    where = Conditions(project)
    where.add("calls.turn != ''")
    where.add(
        "calls.received_at >= fromUnixTimestamp64Micro({since:Int64})",
        since=max(0, int(since_s * 1e6)),
    )
    if by == "trace_id":
        where.add("calls.session = ''")
    # one parameter, as servers take few hundred
    listed = "SELECT arrayJoin(JSONExtract({runs:String}, 'Array(String)'))"
    where.add(f"calls.{by} IN ({listed})", runs=json.dumps(list(runs)))
    return (
        f"""
SELECT trace_id, span_id, session, turn, failure_kinds
FROM (
 SELECT {TURN}
 FROM {database}.calls AS calls {where}
 ORDER BY calls.received_at DESC, calls.span_id DESC
 LIMIT {limit} BY calls.{by}
)
ORDER BY received_at, span_id{SETTINGS}""",
        where.parameters,
    )
