"""The table at the end of part two, and what has to be so in it."""

from __future__ import annotations

from typing import Any, List, Tuple

from arc_cli.demo.applications import Application, failed, median_ms
from arc_cli.demo.fleet import Seen
from arc_cli.demo.terminal import Claims, headline, say
from arc_cli.layout import table

_FIXED_WITHIN_S = 5.0
"""On a busy machine; on a quiet one it is less than one, of which the call itself is a part."""

_QUICK_MS = 1000
"""What is promised of a push."""


def show(applications: List[Application], seen: Seen, claims: Claims) -> None:
    """Print what came out, an application per column, and check it."""
    columns = [_column(each, seen, claims) for each in applications]
    titles = [title for title, _ in columns[0]]
    rows = [(title, *(column[at][1] for column in columns)) for at, title in enumerate(titles)]
    headline("Summary")
    say(*table(("", *(each.name for each in applications)), rows), "", _spread(applications, seen))


def _spread(applications: List[Application], seen: Seen) -> str:
    """Say how long the push took, and that it was quick where it was."""
    took_ms = max(_took_ms(each, seen) for each in applications)
    how = "within a second" if took_ms <= _QUICK_MS else "more than a second"
    return f"The push was in force in all applications after {took_ms} ms: {how}."


def _took_ms(application: Application, seen: Seen) -> int:
    good = next(call for call in application.calls if call.error is None)
    return round(1000 * (good.ended - seen.pushed_at))


def _column(application: Application, seen: Seen, claims: Claims) -> List[Tuple[str, Any]]:
    name, calls = application.name, application.calls
    good = next(call for call in calls if call.error is None)
    before = [call for call in calls if call.ended < seen.pushed_at]
    after = calls[calls.index(good) :]
    between = len(calls) - len(before) - len(after)
    alone = application.between(*seen.outage)
    holding = [call.set_version for call in calls if call.ended < seen.outage.began][-1]
    held = next((r["set_version"] for r in seen.runtimes if r["service"] == name), 0)
    stored = [call for call in seen.delivered if call["service"] == name]
    replies = {call["response_id"] for call in stored}
    late = [call for call in alone if call.reply in replies]

    took_s = good.ended - seen.pushed_at
    claims.check(failed(before) == len(before) > 0, f"{name}: every call failed before the push")
    claims.check(
        took_s <= _FIXED_WITHIN_S,
        f"{name}: fixed within {_FIXED_WITHIN_S:g} s of the push, it took {took_s:.1f} s",
    )
    claims.check(failed(after) == 0, f"{name}: no call failed after the first that went through")
    claims.check(held == seen.set_version, f"{name}: Core says that it holds the set in force")
    claims.check(
        {call.set_version for call in alone} == {holding},
        f"{name}: goes on with set version {holding} while Core is away",
    )
    claims.check(len(late) == len(alone) > 0, f"{name}: calls without Core are delivered later")
    claims.check(len(stored) == len(calls), f"{name}: Core has every call exactly once")
    return [
        ("Fixed after the push (ms)", _took_ms(application, seen)),
        ("Calls before the push", len(before)),
        ("  of these failed", failed(before)),
        ("Failed between the push and the fix", between),
        ("Calls from the fix on", len(after)),
        ("  of these failed", failed(after)),
        ("Pattern set held (version)", held),
        ("Calls while Core was away", len(alone)),
        ("  of these failed", failed(alone)),
        ("  of these delivered afterwards", len(late)),
        ("  time per call (ms, median)", f"{median_ms(alone):.1f}"),
        ("  time per call with Core", f"{_with_core(after, seen):.1f}"),
        ("Calls made in all", len(calls)),
        ("Calls in Core's store", len(stored)),
    ]


def _with_core(after: List[Any], seen: Seen) -> float:
    away = seen.outage
    return median_ms([call for call in after if call.ended < away.began])
