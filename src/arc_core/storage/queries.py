"""The questions that the call store answers, as SQL for both engines."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Union

from arc_core.model.calls import HEALED, LARGE
from arc_core.model.columns import Column, Kind
from arc_core.model.operations import RESPONSES, stored
from arc_core.storage.call_store import microseconds, position
from arc_core.storage.schema import CALLS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from arc_core.storage.call_store import CallQuery

Question = tuple[str, dict[str, Union[str, int]]]
"""SQL and the values of its parameters."""

_NEAR_US = 12 * 3600 * 1_000_000
_MANY = 1000
_SAID = (
    *("failed", "failure_kinds", "status_code", "error_code", "error_param", "error_type"),
    *("error_template", "error_message", "heal_outcome", "api"),
)
"""What a group of failures shows of its latest call; see `latest_failures`."""
_ALIKE = """if(
  calls.failure_signature != '', toString(calls.failure_signature),
  hex(sipHash64(ifNull(status_code, 0), error_code, error_param, error_type))
 )"""
"""What failures of a group share; calls from before there were signatures have none."""

BY_SERVICE = "sumMap(map(toString(calls.service), toUInt64(1))) AS by_service"
"""Counts calls by the application that made them."""

SETTINGS = """
SETTINGS output_format_json_quote_64bit_integers = 0, output_format_json_quote_denormals = 0"""


def field(column: Column) -> str:
    """Return what selects a column of `calls`."""
    # the qualified name: otherwise a condition below would mean what is selected here
    if column.kind is Kind.TIME:
        return f"toUnixTimestamp64Micro(calls.{column.name}) AS {column.name}"
    return f"calls.{column.name} AS {column.name}"


FIELDS = ",\n ".join(map(field, CALLS))
_LARGE = ", ".join(f"calls.{name} AS {name}" for name in LARGE)


class Conditions:
    """What must hold, joined by AND, with the values of parameters."""

    def __init__(self, project: str) -> None:
        self._texts = ["calls.project = {project:String}"]
        self.parameters: dict[str, str | int] = {"project": project}

    def add(self, text: str, **parameters: str | int) -> None:
        """Add one, with the values of its parameters."""
        self._texts.append(text)
        self.parameters.update(parameters)

    def between(self, since: int | None, until: int | None) -> None:
        """Limit the start time, in microseconds."""
        if since is not None:
            self.add("calls.start_time >= fromUnixTimestamp64Micro({since:Int64})", since=since)
        if until is not None:
            self.add("calls.start_time < fromUnixTimestamp64Micro({until:Int64})", until=until)

    def at(self, times: Iterable[int]) -> None:
        """Limit the start time to these, in microseconds."""
        moments = ", ".join(f"fromUnixTimestamp64Micro({time})" for time in times)
        self.add(f"calls.start_time IN ({moments})")

    def made_by(self, *, model: str | None, service: str | None) -> None:
        """Limit to calls of a model, and of an application, where they are given."""
        for column, value in (("request_model", model), ("service", service)):
            if value is not None:
                self.add(f"calls.{column} = {{{column}:String}}", **{column: value})

    def called(self, operation: str) -> None:
        """Limit what was called to that which a pattern's word is about."""
        recorded, is_responses = stored(operation)
        self.add("calls.operation = {operation:String}", operation=recorded)
        if is_responses is not None:
            self.add(f"calls.api {'=' if is_responses else '!='} '{RESPONSES}'")

    def near(self, moment: datetime | None) -> None:
        """Limit the start time to about a day around a moment, if there is one."""
        if moment is not None:
            middle = microseconds(moment)
            self.between(middle - _NEAR_US, middle + _NEAR_US)

    def __str__(self) -> str:
        return "WHERE " + " AND ".join(self._texts)


class Among(NamedTuple):
    """Calls of a period: all of them, or those of a model or of an application."""

    since: datetime
    until: datetime
    model: str | None = None
    service: str | None = None

    def conditions(self, project: str) -> Conditions:
        """Return what must hold of them."""
        where = Conditions(project)
        where.between(microseconds(self.since), microseconds(self.until))
        where.made_by(model=self.model, service=self.service)
        return where


def call_conditions(project: str, query: CallQuery, *, by_signature: bool = True) -> Conditions:
    """Return what must hold of calls; without `by_signature`, all but how they failed."""
    where = Conditions(project)
    where.between(
        None if query.since is None else microseconds(query.since),
        None if query.until is None else microseconds(query.until),
    )
    where.made_by(model=query.model, service=query.service)
    for column, value in (
        ("error_code", query.error_code),
        ("failure_signature", query.signature if by_signature else None),
        ("session", query.session),
    ):
        if value is not None:
            where.add(f"calls.{column} = {{{column}:String}}", **{column: value})
    if query.failed is not None:
        where.add("calls.failed" if query.failed else "NOT calls.failed")
    if query.pattern is not None:
        where.add("has(calls.pattern_ids, {pattern:String})", pattern=query.pattern)
    if query.before is not None:
        time, span_id = position(query.before)
        where.add(
            "calls.start_time <= fromUnixTimestamp64Micro({time:Int64})"
            " AND (calls.start_time, calls.span_id)"
            " < (fromUnixTimestamp64Micro({time:Int64}), {span_id:String})",
            time=time,
            span_id=span_id,
        )
    return where


def calls(database: str, project: str, query: CallQuery) -> Question:
    """Ask for calls without bodies, newest first."""
    where = call_conditions(project, query)
    return (
        f"""
SELECT {FIELDS}
FROM {database}.calls AS calls {where}
ORDER BY calls.start_time DESC, calls.span_id DESC
LIMIT {query.limit}{SETTINGS},
 -- of ten million calls, all start times are read in a fifth of what it takes to merge their parts
 optimize_read_in_order = 0,
 query_plan_max_limit_for_lazy_materialization = {query.limit}""",
        where.parameters,
    )


def call(database: str, project: str, span_id: str, near: datetime | None) -> Question:
    """Ask for one call, without its body."""
    where = Conditions(project)
    where.add("calls.span_id = {span_id:String}", span_id=span_id)
    where.near(near)
    return (
        f"SELECT {FIELDS} FROM {database}.calls AS calls {where} LIMIT 1{SETTINGS}",
        where.parameters,
    )


def trace(database: str, project: str, trace_id: str, near: datetime | None) -> Question:
    """Ask for the calls of a trace, without their bodies."""
    where = Conditions(project)
    where.add("calls.trace_id = {trace_id:String}", trace_id=trace_id)
    where.near(near)
    return (
        f"""
SELECT {FIELDS}
FROM {database}.calls AS calls {where}
ORDER BY calls.start_time, calls.span_id
LIMIT 1 BY calls.span_id{SETTINGS}""",
        where.parameters,
    )


def bodies(database: str, project: str, trace_id: str, times: set[int]) -> Question:
    """Ask for the bodies of the calls of a trace that started at `times`."""
    where = Conditions(project)
    if len(times) > _MANY:
        where.between(min(times), max(times) + 1)
    else:
        where.at(times)
    where.add("calls.trace_id = {trace_id:String}", trace_id=trace_id)
    return (
        f"""
SELECT calls.span_id AS span_id, {_LARGE}
FROM {database}.bodies AS calls {where}
LIMIT 1 BY calls.span_id{SETTINGS}""",
        where.parameters,
    )


def failure_groups(database: str, project: str, among: Among, limit: int) -> Question:
    """Ask for failures by what they share, the largest group first."""
    where = among.conditions(project)
    return (
        f"""
SELECT provider, operation, signature, groups.count AS count, healed, totals.calls AS calls,
 count / calls AS rate, first_seen, last_seen, models, services, by_service
FROM (
 SELECT provider, operation, {_ALIKE} AS signature, count() AS count,
  countIf(heal_outcome = '{HEALED}') AS healed,
  toUnixTimestamp64Micro(min(calls.start_time)) AS first_seen,
  toUnixTimestamp64Micro(max(calls.start_time)) AS last_seen,
  arraySort(groupUniqArray(20)(request_model)) AS models,
  arraySort(groupUniqArray(20)(service)) AS services, {BY_SERVICE}
 FROM {database}.calls AS calls FINAL
 -- before FINAL: doubles are equal, so that it need not read them all
 PREWHERE calls.failed OR calls.failure_signature != ''
 {where}
 GROUP BY provider, operation, signature
 ORDER BY count DESC, last_seen DESC
 LIMIT {limit}
) AS groups
INNER JOIN (
 SELECT provider, operation, count() AS calls
 FROM {database}.calls AS calls FINAL {where}
 GROUP BY provider, operation
) AS totals USING (provider, operation)
ORDER BY count DESC, last_seen DESC{SETTINGS}""",
        where.parameters,
    )


def latest_failures(database: str, project: str, among: Among, times: Iterable[int]) -> Question:
    """Ask what the failures said that started at `times`, those of a group by what they share.

    To carry the words of the latest call along while groups are counted takes twice as long as to
    count them.
    """
    where = among.conditions(project)
    where.at(times)
    said = ", ".join(f"calls.{name} AS {name}" for name in _SAID)
    return (
        f"""
SELECT provider, operation, {_ALIKE} AS signature,
 toUnixTimestamp64Micro(calls.start_time) AS last_seen, {said}
FROM {database}.calls AS calls {where} AND (calls.failed OR calls.failure_signature != '')
LIMIT 1 BY provider, operation, signature, calls.start_time{SETTINGS}""",
        where.parameters,
    )


def statistics(
    database: str, project: str, since: datetime, until: datetime, step_s: int
) -> Question:
    """Ask for sums per step."""
    where = Conditions(project)
    where.between(microseconds(since), microseconds(until))
    where.parameters["step"] = step_s * 1_000_000
    return (
        f"""
SELECT intDiv(toUnixTimestamp64Micro(calls.start_time), {{step:Int64}}) * {{step:Int64}} AS time,
 count() AS calls, countIf(failed) AS failures, countIf(fix_outcome = 'applied') AS fixed,
 countIf(heal_outcome = '{HEALED}') AS healed,
 sum(ifNull(calls.input_tokens, 0)) AS input_tokens,
 sum(ifNull(calls.output_tokens, 0)) AS output_tokens
FROM {database}.calls AS calls FINAL {where}
GROUP BY time ORDER BY time{SETTINGS}""",
        where.parameters,
    )
