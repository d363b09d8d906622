"""What is asked of feedback, as SQL for both engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arc_core.model.columns import Column, Kind
from arc_core.model.feedback import COLUMNS, FAILURE
from arc_core.storage.call_store import microseconds, position
from arc_core.storage.learning_queries import OUTCOME, PLACE, TWICE_US, fields
from arc_core.storage.queries import (
    BY_SERVICE,
    FIELDS,
    SETTINGS,
    Among,
    Conditions,
    Question,
    call_conditions,
)
from arc_protocol.feedback import BAD, GOOD

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from arc_core.storage.call_store import CallQuery

_LONGEST_EARLY_US = 600 * 1_000_000
"""So long before its call feedback may arrive and still be told of as news."""
_MEANT = "(said.call_span_id = '' OR said.call_span_id = calls.span_id)"
"""Servers that give many replies one id are told apart by the span that the sender knew."""
_SIGNATURE = (
    "substring(lower(hex(SHA256(concat("
    f"calls.provider, '\\0', calls.operation, '\\0{FAILURE}\\0', said.label)))), 1, 16)"
)
"""As `arc_core.model.feedback.signature`; a test compares them."""

_IN_PERIOD = """WHERE said.project = {project:String}
  AND said.given_at >= fromUnixTimestamp64Micro({since:Int64})
  AND said.given_at < fromUnixTimestamp64Micro({until:Int64})"""


def _field(column: Column) -> str:
    if column.kind is Kind.TIME:
        return f"toUnixTimestamp64Micro(said.{column.name}) AS {column.name}"
    return f"said.{column.name} AS {column.name}"


_ITS_OWN = ("received_at", "span_id", "failed", "failure_signature")
"""What an outcome has of the feedback; all else is of its call."""
_OF_CALL = fields(*(name for name in OUTCOME if name not in _ITS_OWN))
_SAID = ", ".join(map(_field, COLUMNS))


def _last(database: str) -> str:
    """Return the last judgement of each reply by each source, and of these the last bad one.

    People change their minds; but one who is content does not outvote one who is not.
    """
    return f"""
 SELECT response_id, max(known_span_id) AS call_span_id, argMax(last_label, last_at) AS label
 FROM (
  SELECT said.response_id AS response_id, max(said.call_span_id) AS known_span_id,
   argMax(said.outcome, (said.given_at, said.span_id)) AS last_outcome,
   argMax(said.label, (said.given_at, said.span_id)) AS last_label,
   max(said.given_at) AS last_at
  FROM {database}.feedback AS said
  WHERE said.project = {{project:String}} AND said.outcome != ''
  GROUP BY said.response_id, said.source
 )
 WHERE last_outcome = '{BAD}'
 GROUP BY response_id"""


def _displeasing(database: str, where: Conditions) -> str:
    """Return the calls with bad feedback that did not fail by themselves, as FROM and WHERE."""
    where.add("NOT calls.failed AND calls.failure_signature = ''")
    where.add(
        f"calls.response_id IN (SELECT response_id FROM {database}.feedback"
        f" WHERE project = {{project:String}} AND outcome = '{BAD}')"
    )
    return f"""
FROM (
 SELECT * FROM {database}.calls AS calls {where}
 LIMIT 1 BY calls.trace_id, calls.span_id
) AS calls
INNER JOIN ({_last(database)}
) AS said ON said.response_id = calls.response_id
WHERE {_MEANT}"""


def some(database: str, project: str) -> Question:
    """Ask for a line if there is any feedback in a project."""
    question = (
        f"SELECT 1 AS some FROM {database}.feedback WHERE project = {{project:String}} LIMIT 1"
    )
    return f"{question}{SETTINGS}", {"project": project}


def of_calls(database: str, project: str, times: Iterable[int]) -> Question:
    """Ask what is said of the replies of calls that started at `times`, the earliest first."""
    where = Conditions(project)
    where.at(times)
    return (
        f"""
SELECT {_SAID} FROM {database}.feedback AS said
WHERE said.project = {{project:String}} AND said.response_id IN (
 SELECT calls.response_id FROM {database}.calls AS calls {where} AND calls.response_id != ''
)
ORDER BY said.given_at, said.span_id
LIMIT 1 BY said.response_id, said.span_id{SETTINGS}""",
        where.parameters,
    )


def calls(database: str, project: str, query: CallQuery) -> Question:
    """Ask for calls with bad feedback whose signature is that of the query, newest first."""
    where = call_conditions(project, query, by_signature=False)
    where.parameters["signature"] = query.signature or ""
    return (
        f"""
SELECT {FIELDS} {_displeasing(database, where)} AND {_SIGNATURE} = {{signature:String}}
ORDER BY calls.start_time DESC, calls.span_id DESC
LIMIT {query.limit}{SETTINGS}""",
        where.parameters,
    )


def groups(database: str, project: str, among: Among) -> Question:
    """Ask for the failures that people saw, by provider, operation and label."""
    where = among.conditions(project)
    return (
        f"""
SELECT calls.provider AS provider, calls.operation AS operation, {_SIGNATURE} AS signature,
 said.label AS error_code, count() AS count,
 toUnixTimestamp64Micro(min(calls.start_time)) AS first_seen,
 toUnixTimestamp64Micro(max(calls.start_time)) AS last_seen,
 arraySort(groupUniqArray(20)(calls.request_model)) AS models,
 arraySort(groupUniqArray(20)(calls.service)) AS services, {BY_SERVICE}
{_displeasing(database, where)}
GROUP BY provider, operation, signature, error_code{SETTINGS}""",
        where.parameters,
    )


def totals(database: str, project: str, among: Among) -> Question:
    """Ask for the number of calls by provider and operation."""
    where = among.conditions(project)
    return (
        "SELECT calls.provider AS provider, calls.operation AS operation, count() AS calls"
        f" FROM {database}.calls AS calls FINAL {where} GROUP BY provider, operation{SETTINGS}",
        where.parameters,
    )


def failing(database: str, project: str, signature: str, since: datetime, limit: int) -> Question:
    """Ask where calls are of whose replies people say the same, newest first."""
    where = Conditions(project)
    where.between(microseconds(since), None)
    where.add("calls.runtime_id != ''")
    where.parameters["signature"] = signature
    return (
        f"""
SELECT {PLACE} {_displeasing(database, where)} AND {_SIGNATURE} = {{signature:String}}
ORDER BY calls.start_time DESC, calls.span_id DESC
LIMIT {limit}{SETTINGS}""",
        where.parameters,
    )


def outcomes(
    database: str, project: str, rollout_id: str, after: str | None, limit: int
) -> Question:
    """Ask what was said first of the replies of a rollout's calls, in the order of arrival.

    Arrived it has when both, it and its call, have.
    """
    where = Conditions(project)
    where.add("calls.rollout_id = {rollout_id:String}", rollout_id=rollout_id)
    news = beyond = ""
    if after is not None:
        time, span_id = position(after)
        where.parameters.update(time=time, after_span_id=span_id, early=max(0, time - TWICE_US))
        early = "fromUnixTimestamp64Micro({early:Int64})"
        news = f""" AND (
  calls.received_at >= {early} OR calls.response_id IN (
   SELECT response_id FROM {database}.feedback
   WHERE project = {{project:String}} AND received_at >= {early}
  )
 )"""
        beyond = "WHERE (received_at, span_id) > ({time:Int64}, {after_span_id:String})"
    return (
        f"""
SELECT * FROM (
 SELECT {_OF_CALL},
  toUnixTimestamp64Micro(greatest(said.received_at, calls.received_at)) AS received_at,
  said.span_id AS span_id, said.outcome = '{BAD}' AS failed,
  if(failed, {_SIGNATURE}, '') AS failure_signature
 FROM (
  SELECT * FROM {database}.calls AS calls {where}{news}
  ORDER BY calls.received_at
  LIMIT 1 BY calls.trace_id, calls.span_id
 ) AS calls
 INNER JOIN (
  SELECT * FROM {database}.feedback AS said
  WHERE said.project = {{project:String}} AND said.outcome != ''
 ) AS said ON said.response_id = calls.response_id
 WHERE {_MEANT}
 ORDER BY received_at, span_id
 LIMIT 1 BY calls.trace_id, calls.span_id
)
{beyond}
ORDER BY received_at, span_id
LIMIT {limit}{SETTINGS}""",
        where.parameters,
    )


def given(database: str, project: str, since: datetime, until: datetime, limit: int) -> Question:
    """Ask for feedback, the newest first, with its call."""
    where = _period(project, since, until)
    return (
        f"""
SELECT {_SAID.replace("said.call_span_id", "calls.span_id")} FROM (
 SELECT * FROM {database}.feedback AS said {_IN_PERIOD}
 ORDER BY said.given_at DESC, said.span_id DESC
 LIMIT 1 BY said.response_id, said.span_id
 LIMIT {limit}
) AS said
LEFT JOIN (
 SELECT calls.response_id AS response_id, calls.span_id AS span_id
 FROM {database}.calls AS calls
 WHERE calls.project = {{project:String}} AND calls.response_id IN (
  SELECT response_id FROM {database}.feedback AS said {_IN_PERIOD}
 )
 LIMIT 1 BY calls.trace_id, calls.span_id
) AS calls ON calls.response_id = said.response_id
WHERE {_MEANT} OR calls.span_id = ''
ORDER BY said.given_at DESC, said.span_id DESC
LIMIT 1 BY said.response_id, said.span_id{SETTINGS}""",
        where,
    )


def counts(database: str, project: str, since: datetime, until: datetime) -> Question:
    """Ask how much feedback there is, and how much of it has no call."""
    where = _period(project, since, until)
    return (
        f"""
SELECT countIf(outcome = '{GOOD}') AS good, countIf(outcome = '{BAD}') AS bad,
 countIf(outcome = '') AS neither,
 countIf(response_id NOT IN (
  SELECT calls.response_id FROM {database}.calls AS calls
  WHERE calls.project = {{project:String}} AND calls.response_id IN (
   SELECT response_id FROM {database}.feedback AS said {_IN_PERIOD}
  )
 )) AS unknown
FROM (
 SELECT said.response_id AS response_id, said.outcome AS outcome
 FROM {database}.feedback AS said {_IN_PERIOD}
 LIMIT 1 BY said.response_id, said.span_id
){SETTINGS}""",
        where,
    )


def _period(project: str, since: datetime, until: datetime) -> dict[str, str | int]:
    return {"project": project, "since": microseconds(since), "until": microseconds(until)}


def news(database: str, project: str, since: int) -> Question:
    """Ask for failures and trials of which feedback has come since then, in microseconds."""
    where = Conditions(project)
    where.parameters["early"] = max(0, since - _LONGEST_EARLY_US)
    where.add(
        f"calls.response_id IN (SELECT response_id FROM {database}.feedback"
        " WHERE project = {project:String} AND outcome != ''"
        " AND received_at >= fromUnixTimestamp64Micro({early:Int64}))"
    )
    return (
        f"""
SELECT calls.rollout_id AS rollout_id, uniqExact(calls.trace_id, calls.span_id) AS calls,
 if(said.outcome = '{BAD}' AND NOT calls.failed AND calls.failure_signature = '',
  {_SIGNATURE}, '') AS signature
FROM (SELECT * FROM {database}.calls AS calls {where}) AS calls
INNER JOIN (
 SELECT * FROM {database}.feedback AS said
 WHERE said.project = {{project:String}} AND said.outcome != ''
) AS said ON said.response_id = calls.response_id
WHERE {_MEANT}
GROUP BY rollout_id, signature{SETTINGS}""",
        where.parameters,
    )
