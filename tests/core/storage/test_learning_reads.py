"""What learning asks the call store, whatever its engine."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from arc_core.storage import CallStore, arrival_cursor
from core.call_records import DAY, HOUR, NOW, PROJECT, SECOND, batch, record, unjudged

SINCE = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=NOW - DAY)
ROLLOUT = "learned-1@2"


def spans(rows: list[dict[str, Any]]) -> list[str]:
    return [row["span_id"] for row in rows]


def recorded(**values: Any) -> dict[str, Any]:
    """Return a call of a Runtime, with its request."""
    return record(
        **{"runtime_id": "r", "request": "{}", "provider": "openai", "operation": "chat", **values}
    )


def failing(**values: Any) -> dict[str, Any]:
    return recorded(**{"failed": True, "failure_signature": "abc", **values})


def test_failing_calls_come_newest_first_with_what_learning_needs(store: CallStore) -> None:
    old, new, older = (
        failing(start_time=NOW - age * HOUR, request=f'{{"n": {age}}}', service=f"s{age}")
        for age in (1, 0, 2)
    )
    store.insert(batch(old, new, older), token="a")
    store.insert(batch(new), token="again")
    found = store.failing(PROJECT, "abc", SINCE, 10)
    assert spans(found) == spans([new, old, older])
    assert [row["request"] for row in found] == ['{"n": 0}', '{"n": 1}', '{"n": 2}']
    shown = {**unjudged(new), "server": ""}
    assert found[0] == {name: shown[name] for name in found[0]}
    assert "body" not in found[0]
    assert spans(store.failing(PROJECT, "abc", SINCE, 2)) == spans([new, old])


def test_calls_tell_where_they_went(store: CallStore) -> None:
    """As patterns name it; the address alone is none."""
    known = failing(attributes='{"server.address": "llm.example", "server.port": 8443}')
    half = failing(attributes='{"server.address": "llm.example"}', start_time=NOW - HOUR)
    store.insert(batch(known, half), token="t")
    found = store.failing(PROJECT, "abc", SINCE, 10)
    assert [row["server"] for row in found] == ["llm.example:8443", ""]


@pytest.mark.parametrize(
    "other",
    [
        {"failure_signature": "other"},
        {"start_time": NOW - 2 * DAY},
        {"project": "other"},
        {"request": "", "body": "said"},
        {"runtime_id": ""},
    ],
    ids=str,
)
def test_other_failing_calls_are_left_out(store: CallStore, other: dict[str, Any]) -> None:
    store.insert(batch(failing(**other)), token="t")
    assert store.failing(PROJECT, "abc", SINCE, 10) == []


@pytest.mark.parametrize(
    "other",
    [
        {"failed": True},
        {"failure_signature": "abc"},
        {"start_time": NOW - 2 * DAY},
        {"project": "other"},
        {"provider": "anthropic"},
        {"operation": "embeddings"},
        {"api": "responses"},
        {"request": ""},
        {"fix_outcome": "applied"},
    ],
    ids=str,
)
def test_other_than_healthy_calls_are_left_out(store: CallStore, other: dict[str, Any]) -> None:
    well = recorded()
    store.insert(batch(well, recorded(**other)), token="t")
    assert spans(store.healthy(PROJECT, "openai", "chat", SINCE, 10)) == spans([well])


def test_calls_are_found_by_the_words_of_patterns(store: CallStore) -> None:
    """Both of OpenAI's APIs for conversations are stored as `chat`, and completions otherwise."""
    made = {
        "chat": recorded(api="chat_completions"),
        "responses": recorded(api="responses"),
        "completions": recorded(operation="text_completion"),
        "embeddings": recorded(operation="embeddings"),
    }
    store.insert(batch(*made.values()), token="t")
    for word, call in made.items():
        assert spans(store.healthy(PROJECT, "openai", word, SINCE, 10)) == spans([call])


def test_calls_that_a_trial_left_alone_are_there_as_they_ended(store: CallStore) -> None:
    """What had the fix says nothing of calls without it, and what was changed is not recorded."""
    ends = {"rollout_id": ROLLOUT, "rollout_stage": "canary"}
    fine, bad = recorded(rollout_arm="control", **ends), failing(rollout_arm="control", **ends)
    watched = recorded(rollout_arm="shadow", **{**ends, "rollout_stage": "shadow"})
    again = failing(rollout_arm="treated", **{**ends, "rollout_stage": "rescue"})
    others = [
        recorded(rollout_arm="treated", fix_outcome="applied", **ends),
        recorded(rollout_arm="control", fix_outcome="applied", **ends),
        recorded(rollout_arm="control", **{**ends, "rollout_id": "learned-1@1"}),
        recorded(rollout_arm="control", project="other", **ends),
        recorded(rollout_arm="control", request="", **ends),
    ]
    wanted = [fine, bad, watched, again]
    for place, call in enumerate([*wanted, *others]):
        call["received_at"] = NOW - place * SECOND
    store.insert(batch(*wanted, *others), token="a")
    store.insert(batch(fine), token="again")
    found = store.left_alone(PROJECT, ROLLOUT, 10)
    assert spans(found) == spans(wanted)
    assert [row["failure_signature"] for row in found] == ["", "abc", "", "abc"]
    assert spans(store.left_alone(PROJECT, ROLLOUT, 1)) == spans([fine])


def test_healthy_calls_that_a_named_pattern_fixed_are_there_if_wanted(store: CallStore) -> None:
    """Beside failing calls that it changed too, they are like those."""
    by_it, by_another = (
        recorded(fix_outcome="applied", pattern_ids=names)
        for names in (["short", "it's"], ["another"])
    )
    store.insert(batch(by_it, by_another), token="t")
    found = store.healthy(PROJECT, "openai", "chat", SINCE, 10, fixed_by={"it's", "gone"})
    assert spans(found) == spans([by_it])


def test_healthy_calls_are_of_every_application_and_model(store: CallStore) -> None:
    """One that calls a thousand times as often must not hide the others."""
    busy = [recorded(start_time=NOW - n, service="busy", request_model="m") for n in range(50)]
    rare = [
        recorded(start_time=NOW - HOUR, service="rare", request_model="m"),
        recorded(start_time=NOW - 2 * HOUR, service="busy", request_model="n"),
        recorded(start_time=NOW - 3 * HOUR, service="busy", request_model="n"),
    ]
    store.insert(batch(*busy, *rare), token="t")
    store.insert(batch(rare[0]), token="again")
    found = store.healthy(PROJECT, "openai", "chat", SINCE, 6)
    assert spans(found) == spans([busy[0], rare[0], rare[1], busy[1], rare[2], busy[2]])
    assert len(store.healthy(PROJECT, "openai", "chat", SINCE, 1000)) == 53


def test_outcomes_come_as_they_were_received_and_can_be_taken_up_again(store: CallStore) -> None:
    calls = [
        recorded(
            rollout_id=ROLLOUT,
            rollout_stage="canary",
            rollout_arm="treated" if n % 2 else "control",
            rollout_probability=0.5,
            failure_signature="abc" if n == 3 else "",
            received_at=NOW + n // 2 * SECOND,
            start_time=NOW - n * SECOND,
            duration_ms=n,
            input_tokens=n,
        )
        for n in range(7)
    ]
    store.insert(batch(*calls, recorded(rollout_id="learned-1@3"), recorded()), token="t")
    seen: list[dict[str, Any]] = []
    after = None
    while page := store.outcomes(PROJECT, ROLLOUT, after, limit=2):
        seen += page
        after = arrival_cursor(page[-1])
    assert [{**call, **row} for call, row in zip(calls, seen)] == [
        {**call, "rated": False} for call in calls
    ]
    assert len(seen) == 7
    for name in ("rollout_arm", "rollout_probability", "failure_signature", "output_tokens"):
        assert name in seen[0]

    later = recorded(rollout_id=ROLLOUT, received_at=NOW + 10 * SECOND)
    again = {**calls[6], "received_at": NOW + 11 * SECOND}
    store.insert(batch(later, again), token="more")
    assert spans(store.outcomes(PROJECT, ROLLOUT, after)) == spans([later])
    assert store.outcomes("other", ROLLOUT) == []


def test_the_latest_turns_of_runs_come_in_the_order_of_arrival(store: CallStore) -> None:
    """By session where there is one, otherwise by trace; each run on its own."""
    trace = f"{7:032x}"
    calls = [
        record(received_at=NOW + number * SECOND, turn=f'{{"n": {number}}}', **run)
        for number, run in enumerate([{"session": "s"}, {"trace_id": trace}] * 3)
    ]
    others = [
        record(session="s", trace_id=trace, project="other", turn="{}"),
        record(session="s", trace_id=trace),
        record(session="t", trace_id=trace, turn="{}"),
        record(session="s", trace_id=trace, turn="{}", received_at=NOW - DAY),
    ]
    store.insert(batch(*calls, *others), token="a")
    found = store.turns(PROJECT, ["s", trace], NOW / 1e6 - 3600, 2)
    assert spans(found) == spans(calls[2::2] + calls[3::2])
    assert found[0] == {
        name: calls[2][name] for name in ("trace_id", "span_id", "session", "turn", "failure_kinds")
    }
    assert spans(store.turns(PROJECT, [trace], NOW / 1e6 - 3600, 9)) == spans(calls[1::2])
    assert store.turns(PROJECT, [f"run {number}" for number in range(2500)], 0, 9) == []
    assert store.turns(PROJECT, [], 0, 9) == []
