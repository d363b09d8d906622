"""Calls with what is said of their replies: a bad word makes a failure of a healthy call."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from arc_core.model.feedback import FAILURE, signature
from arc_protocol.feedback import BAD

if TYPE_CHECKING:
    from collections.abc import Iterable

    from arc_core.storage.call_store import Row

SHOWN = ("given_at", "source", "outcome", "score", "label", "explanation")
"""What a call shows of feedback."""
_NOTHING_ELSE: Row = {
    "healed": 0,
    "failed": False,
    "failure_kinds": [FAILURE],
    "status_code": None,
    **dict.fromkeys(("api", "error_param", "error_type", "error_template", "error_message"), ""),
    "heal_outcome": "",
}


def judge(calls: list[Row], feedback: Iterable[Row]) -> list[Row]:
    """Add to each call what is said of it, the earliest first, as `feedback`.

    A call that did not fail by itself is then one with the failure `feedback`, and its label as the
    code.
    """
    said = defaultdict(list)
    for each in feedback:
        said[each["response_id"]].append(each)
    for call in calls:
        meant = [
            each
            for each in said.get(call["response_id"], ())
            if each["call_span_id"] in ("", call["span_id"])
        ]
        call["feedback"] = [{name: each[name] for name in SHOWN} for each in meant]
        label = _complaint(meant)
        if label is not None and not (call["failed"] or call["failure_signature"]):
            call["failure_kinds"] = [FAILURE]
            call["error_code"] = label
            call["failure_signature"] = signature(call["provider"], call["operation"], label)
    return calls


def _complaint(feedback: Iterable[Row]) -> str | None:
    """Return the label of the last bad word among the last ones of each source."""
    last = {each["source"]: each for each in feedback if each["outcome"]}
    bad = [each for each in last.values() if each["outcome"] == BAD]
    return max(bad, key=lambda each: each["given_at"])["label"] if bad else None


def uncounted(failures: list[Row], complaints: list[Row]) -> bool:
    """Tell whether there are complaints where no other failure says how many calls there were."""
    return not {_place(each) for each in complaints} <= {_place(each) for each in failures}


def joined(failures: list[Row], complaints: list[Row], totals: list[Row], limit: int) -> list[Row]:
    """Return groups of failures with those that people saw, the largest first."""
    calls = {_place(each): each["calls"] for each in (*failures, *totals)}
    for group in complaints:
        count = calls[_place(group)]
        failures.append({**_NOTHING_ELSE, **group, "calls": count, "rate": group["count"] / count})
    failures.sort(key=lambda each: (each["count"], each["last_seen"]), reverse=True)
    return failures[:limit]


def _place(group: Row) -> tuple[str, str]:
    return group["provider"], group["operation"]
