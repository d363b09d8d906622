"""The table at the end of part three, and what has to be so in it."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence, Tuple

from arc_cli.demo.applications import Application, Call, failed
from arc_cli.demo.cases import RISKY
from arc_cli.demo.loop import SETTLED_S, Seen
from arc_cli.demo.terminal import Claims, say
from arc_cli.layout import moment, table

_PUSHED_WITHIN_S = 10.0
"""After the tenth failure, until a fix is on trial; on a quiet machine it takes two seconds."""


def show(applications: Sequence[Application], seen: Seen, claims: Claims) -> None:
    """Print what came out, an application per column, and check it."""
    columns = [_column(each, seen, claims) for each in applications]
    titles = [title for title, _ in columns[0]]
    rows = [(title, *(column[at][1] for column in columns)) for at, title in enumerate(titles)]
    say("", *table(("", *(each.name for each in applications)), rows), "", *_whole(seen, claims))
    for each in applications:
        _check_tenth_failure(each, seen, claims)


def _column(application: Application, seen: Seen, claims: Claims) -> List[Tuple[str, Any]]:
    name, acts = application.name, seen.acts
    calls = list(application.calls)
    records = {r["span_id"]: r for r in seen.delivered if r["service"] == name}
    by_reply = {r["response_id"]: r for r in records.values() if r["response_id"]}
    risky = [call for call in calls if call.kind == RISKY]
    needless = [c for c in calls if c.kind != RISKY and _changed(by_reply, c)]
    before = _between(risky, acts.rule_made, acts.protected)
    after = _between(risky, acts.protected + SETTLED_S, acts.rule_gone)
    again = _between(risky, acts.protected_again + SETTLED_S, float("inf"))
    unprotected = [
        record
        for record in records.values()
        if record["failed"]
        and record["rollout_arm"] != "control"
        and _protected(moment(record["start_time"]).timestamp(), seen)
    ]

    claims.check(failed(before) > 0, f"{name}: calls fail when the rule is new")
    claims.check(len(after) > failed(after), f"{name}: calls succeed with what Core has learned")
    claims.check(not unprotected, f"{name}: once protected, only calls that are held back fail")
    claims.check(not needless, f"{name}: no call was changed that the rule does not concern")
    claims.check(
        failed([call for call in calls if call.kind != RISKY]) == 0,
        f"{name}: no other call failed",
    )
    claims.check(len(records) == len(calls), f"{name}: Core has every call exactly once")
    return [
        ("Calls made in all", len(calls)),
        ("  that the rule concerns", len(risky)),
        ("  others that were changed", len(needless)),
        ("Rule new: calls it concerns", len(before)),
        ("  of these failed", failed(before)),
        ("Fix in force: calls it concerns", len(after)),
        ("  of these failed (held back)", failed(after)),
        ("Rule made again: failed until protected", failed(_relapse(risky, seen))),
        ("  calls after that", len(again)),
        ("  of these failed (held back)", failed(again)),
    ]


def _relapse(risky: List[Call], seen: Seen) -> List[Call]:
    return _between(risky, seen.acts.rule_again, seen.acts.protected_again + SETTLED_S)


def _protected(at: float, seen: Seen) -> bool:
    acts = seen.acts
    return acts.protected + SETTLED_S < at < acts.rule_gone or (
        acts.protected_again + SETTLED_S < at
    )


def _between(calls: Sequence[Call], since: float, until: float) -> List[Call]:
    return [call for call in calls if since <= call.ended < until]


def _changed(records: Dict[str, Any], call: Call) -> bool:
    return call.reply in records and records[call.reply]["fix_outcome"] == "applied"


def _check_tenth_failure(application: Application, seen: Seen, claims: Claims) -> None:
    refused = [call.ended for call in application.calls if call.error]
    if len(refused) >= 10:
        took_s = seen.published_at - refused[9]
        claims.check(
            took_s <= _PUSHED_WITHIN_S,
            f"{application.name}: a fix is on trial {_PUSHED_WITHIN_S:g} s after its tenth "
            f"failure, it took {took_s:.1f} s",
        )


def _whole(seen: Seen, claims: Claims) -> List[str]:
    acts = seen.acts
    overhead_us = sorted(record["overhead_us"] for record in seen.delivered)
    claims.check(bool(overhead_us), "Core has calls")
    return [
        f"The rule was made: protected after {acts.protected - acts.rule_made:.1f} s.",
        f"It was taken back: left alone after {acts.let_go - acts.rule_gone:.1f} s.",
        f"It was made again: protected after {acts.protected_again - acts.rule_again:.1f} s.",
        f"Arc took {_at(overhead_us, 0.5):.0f} us of half of the calls, and of 99 % up to "
        f"{_at(overhead_us, 0.99):.0f} us.",
    ]


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[int(len(ordered) * share)] if ordered else float("nan")
