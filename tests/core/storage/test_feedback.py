"""What is said of replies, whatever the engine of the store."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from arc_core.detection.failures import Failed, identify, kind_of
from arc_core.model.feedback import Feedback
from arc_core.storage import CallQuery, CallStore, arrival_cursor
from core.call_records import DAY, HOUR, NOW, PROJECT, SECOND, batch, record, said
from core.storage.places import Place

ROLLOUT = "learned-1@2"
UGLY = 'it\'s \\ "no"\n{project:String}\0'


def moment(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=microseconds)


SINCE, UNTIL = moment(NOW - DAY), moment(NOW + DAY)


def call(**values: Any) -> dict[str, Any]:
    """Return a call of a Runtime with a reply."""
    stated = {
        "runtime_id": "r",
        "request": "{}",
        "provider": "openai",
        "operation": "chat",
        "response_id": f"chatcmpl-{uuid.uuid4().hex}",
    }
    return record(**{**stated, **values})


def insert(store: CallStore, *calls: dict[str, Any], feedback: Any = ()) -> None:
    store.insert(batch(*calls, feedback=feedback), token=uuid.uuid4().hex)


def spans(rows: list[dict[str, Any]]) -> list[str]:
    return [row["span_id"] for row in rows]


def shown(each: Feedback) -> dict[str, Any]:
    names = ("given_at", "source", "outcome", "score", "label", "explanation")
    return {name: getattr(each, name) for name in names}


def signature(label: str) -> str:
    failed = Failed("openai", "chat", False, ["feedback"], None, label, "", "", "")
    return identify(failed)[0]


@pytest.mark.parametrize("order", ["together", "after", "before"])
def test_a_bad_word_makes_a_failure_of_a_healthy_call(store: CallStore, order: str) -> None:
    """Whenever it comes: with its call, days later, or before it from another process."""
    talked_of, other = call(), call()
    word = said(talked_of, label=UGLY, score=0.25, explanation=UGLY)
    if order == "together":
        insert(store, talked_of, other, feedback=[word])
    elif order == "after":
        insert(store, talked_of, other)
        insert(store, feedback=[word])
    else:
        insert(store, feedback=[word])
        insert(store, talked_of, other)

    expected = {
        **talked_of,
        "feedback": [shown(word)],
        "failure_kinds": ["feedback"],
        "error_code": UGLY,
        "failure_signature": signature(UGLY),
    }
    assert store.call(PROJECT, talked_of["span_id"]) == expected
    assert store.call(PROJECT, other["span_id"]) == {**other, "feedback": []}
    assert store.trace(PROJECT, talked_of["trace_id"]) == [expected]
    assert kind_of(Failed.of(expected)) == "feedback"
    listed = store.calls(PROJECT, CallQuery(signature=signature(UGLY)))
    assert spans(listed) == spans([talked_of])
    assert listed[0].items() <= expected.items()
    assert spans(store.failing(PROJECT, signature(UGLY), SINCE, 10)) == spans([talked_of])
    assert spans(store.healthy(PROJECT, "openai", "chat", SINCE, 10)) == spans([other])
    (group,) = store.failure_groups(PROJECT, SINCE, UNTIL)
    assert group["signature"] == signature(UGLY)
    assert (group["error_code"], group["failure_kinds"]) == (UGLY, ["feedback"])
    assert (group["count"], group["calls"], group["rate"]) == (1, 2, 0.5)
    assert store.failure_groups(PROJECT, SINCE, UNTIL)[0].keys() == _group_of_an_error(store).keys()


def _group_of_an_error(store: CallStore) -> dict[str, Any]:
    insert(store, record(project="e", failed=True, failure_signature="x"))
    (group,) = store.failure_groups("e", SINCE, UNTIL)
    return group


@pytest.mark.parametrize(
    ("words", "failed"),
    [
        ([("good", "end_user")], False),
        ([("", "end_user")], False),
        ([("bad", "end_user"), ("good", "end_user")], False),
        ([("good", "end_user"), ("bad", "end_user")], True),
        ([("bad", "end_user"), ("", "end_user")], True),
        ([("bad", "code"), ("good", "end_user")], True),
    ],
)
def test_the_last_word_of_each_source_counts(
    store: CallStore, words: list[tuple[str, str]], failed: bool
) -> None:
    """People change their minds, but one who is content does not outvote one who is not."""
    talked_of = call()
    told = [
        said(talked_of, outcome, source=source, given_at=NOW + number * SECOND)
        for number, (outcome, source) in enumerate(words)
    ]
    insert(store, talked_of, feedback=told[::-1])
    found = store.call(PROJECT, talked_of["span_id"])
    assert found is not None
    assert found["feedback"] == [shown(each) for each in told]
    assert bool(found["failure_signature"]) is failed
    assert len(store.failure_groups(PROJECT, SINCE, UNTIL)) == failed
    assert len(store.healthy(PROJECT, "openai", "chat", SINCE, 10)) == (not failed)
    assert len(store.failing(PROJECT, signature(""), SINCE, 10)) == failed


def test_a_call_that_failed_by_itself_keeps_its_failure(store: CallStore) -> None:
    """What a machine sees explains more than what people say of it."""
    broken = call(failed=True, failure_signature="own", error_code="e")
    cut = call(failure_kinds=["truncated"], failure_signature="cut")
    insert(store, broken, cut, feedback=[said(broken), said(cut)])
    groups = store.failure_groups(PROJECT, SINCE, UNTIL)
    assert sorted(group["signature"] for group in groups) == ["cut", "own"]
    found = store.call(PROJECT, broken["span_id"])
    assert found is not None
    assert (found["failure_signature"], len(found["feedback"])) == ("own", 1)


def test_feedback_that_arrives_twice_is_there_once(store: CallStore) -> None:
    talked_of = call()
    word = said(talked_of)
    insert(store, talked_of, feedback=[word])
    insert(store, talked_of, feedback=[word])
    found = store.call(PROJECT, talked_of["span_id"])
    assert found is not None
    assert found["feedback"] == [shown(word)]
    (group,) = store.failure_groups(PROJECT, SINCE, UNTIL)
    assert (group["count"], group["calls"]) == (1, 1)
    assert store.feedback_counts(PROJECT, SINCE, UNTIL)["bad"] == 1


def test_replies_with_one_id_are_told_apart_where_the_sender_could(store: CallStore) -> None:
    """Some servers give all replies the same id."""
    first, second = call(response_id="chatcmpl-1"), call(response_id="chatcmpl-1")
    insert(store, first, second, feedback=[said(first, call_span_id=first["span_id"])])
    assert spans(store.healthy(PROJECT, "openai", "chat", SINCE, 10)) == spans([second])
    found = store.call(PROJECT, second["span_id"])
    assert found is not None
    assert found["feedback"] == []


def test_projects_do_not_hear_of_each_other(store: CallStore) -> None:
    mine, theirs = call(response_id="same"), call(response_id="same", project="other")
    insert(store, mine, theirs, feedback=[said(theirs)])
    found = store.call(PROJECT, mine["span_id"])
    assert found is not None
    assert found["feedback"] == []
    assert store.failure_groups(PROJECT, SINCE, UNTIL) == []
    assert store.feedback(PROJECT, SINCE, UNTIL) == []


def test_groups_of_both_kinds_are_in_one_order(store: CallStore) -> None:
    broken = [call(failed=True, failure_signature="own") for _ in range(2)]
    rude = [call() for _ in range(3)]
    wrong = call(service="s", request_model="m", start_time=NOW - HOUR)
    words = [*(said(each, label="rude") for each in rude), said(wrong, label="wrong")]
    insert(store, *broken, *rude, wrong, feedback=words)
    groups = store.failure_groups(PROJECT, SINCE, UNTIL)
    assert [(group["error_code"], group["count"]) for group in groups] == [
        ("rude", 3),
        ("", 2),
        ("wrong", 1),
    ]
    assert groups[2]["services"] == ["s"]
    assert groups[2]["models"] == ["m"]
    assert groups[2]["first_seen"] == groups[2]["last_seen"] == NOW - HOUR
    assert len(store.failure_groups(PROJECT, SINCE, UNTIL, 2)) == 2


def test_feedback_of_unknown_calls_is_kept_and_counted(store: CallStore) -> None:
    """Its call may still come; until then somebody should know."""
    known = call()
    lost = said(call(), "good", given_at=NOW, label="l", score=1.0, explanation="e", service="s")
    word, neither = said(known, given_at=NOW - 1), said(known, "", given_at=NOW - 2)
    insert(store, known, feedback=[lost, word, neither, said(known, given_at=NOW - 2 * DAY)])
    rows = store.feedback(PROJECT, SINCE, UNTIL)
    assert spans(rows) == spans([vars_of(each) for each in (lost, word, neither)])
    assert rows[0] == vars_of(lost)
    assert rows[1] == {**vars_of(word), "call_span_id": known["span_id"]}
    assert len(store.feedback(PROJECT, SINCE, UNTIL, 2)) == 2
    counts = store.feedback_counts(PROJECT, SINCE, UNTIL)
    assert counts == {"good": 1, "bad": 1, "neither": 1, "unknown": 1}


def vars_of(each: Feedback) -> dict[str, Any]:
    return {name: getattr(each, name) for name in each.__slots__}


def in_trial(number: int, **values: Any) -> dict[str, Any]:
    return call(
        rollout_id=ROLLOUT,
        rollout_stage="canary",
        rollout_arm="treated",
        rollout_probability=0.5,
        received_at=NOW + number * SECOND,
        **values,
    )


def test_outcomes_hold_the_first_word_on_each_reply_when_it_comes(store: CallStore) -> None:
    """A trial that has read up to a time must get what comes later, and each word once."""
    first, second, third = (in_trial(number) for number in range(3))
    insert(store, first, second, third)
    rows = store.outcomes(PROJECT, ROLLOUT)
    assert spans(rows) == spans([first, second, third])
    assert [row["rated"] for row in rows] == [False] * 3

    late = said(first, received_at=NOW + 10 * SECOND, label="rude")
    content = said(second, "good", received_at=NOW + 11 * SECOND)
    insert(store, feedback=[late, content, said(call(), received_at=NOW + 10 * SECOND)])
    found = store.outcomes(PROJECT, ROLLOUT, arrival_cursor(rows[-1]))
    assert spans(found) == [late.span_id, content.span_id]
    assert [row["rated"] for row in found] == [True, True]
    assert [row["failed"] for row in found] == [True, False]
    assert [row["failure_signature"] for row in found] == [signature("rude"), ""]
    assert found[0].keys() == rows[0].keys()
    assert (found[0]["rollout_arm"], found[0]["rollout_probability"]) == ("treated", 0.5)

    after = arrival_cursor(found[-1])
    again = said(first, received_at=NOW + 20 * SECOND)
    insert(store, feedback=[late, again])
    assert store.outcomes(PROJECT, ROLLOUT, after) == []
    fourth = in_trial(30)
    early = said(fourth, received_at=NOW + 15 * SECOND)
    insert(store, fourth, feedback=[early])
    found = store.outcomes(PROJECT, ROLLOUT, after)
    assert sorted(spans(found)) == sorted([fourth["span_id"], early.span_id])
    assert {row["received_at"] for row in found} == {NOW + 30 * SECOND}


def test_all_outcomes_are_read_in_pages_of_any_size(store: CallStore) -> None:
    calls = [in_trial(number) for number in range(5)]
    words = [said(each, received_at=NOW + (2 * n + 1) * SECOND) for n, each in enumerate(calls)]
    insert(store, *calls, feedback=words)
    seen: list[str] = []
    after = None
    while page := store.outcomes(PROJECT, ROLLOUT, after, limit=3):
        seen += spans(page)
        after = arrival_cursor(page[-1])
    assert sorted(seen) == sorted([*spans(calls), *(word.span_id for word in words)])


def test_news_tell_of_failures_and_trials(store: CallStore) -> None:
    """What learning looks at when feedback has come."""
    rude, tried, broken = call(), in_trial(0), call(failed=True, failure_signature="own")
    insert(store, rude, tried, broken)
    words = [said(rude, label="rude"), said(rude, label="rude"), said(tried, "good"), said(broken)]
    insert(store, feedback=words)
    insert(store, feedback=[said(call(), received_at=NOW - DAY, label="old")])
    news = store.feedback_news(PROJECT, moment(NOW))
    found = {(row["rollout_id"], row["signature"]) for row in news}
    assert found - {("", "")} == {("", signature("rude")), (ROLLOUT, "")}
    assert store.feedback_news("other", moment(0)) == []


def test_feedback_goes_with_the_days_of_its_arrival(place: Place) -> None:
    """Retention must not keep for ever what people said."""
    store = place.open()
    old = call(received_at=NOW - 3 * DAY, start_time=NOW - 3 * DAY)
    insert(store, feedback=[said(old)])
    assert store.feedback_counts(PROJECT, moment(NOW - 9 * DAY), UNTIL)["bad"] == 1
    assert store.enforce_retention(max_age_days=1, max_bytes=None) > 0
    assert store.feedback_counts(PROJECT, moment(NOW - 9 * DAY), UNTIL)["bad"] == 0


def test_feedback_moves_with_the_calls(place: Place, server: Any, tmp_path: Any) -> None:
    source = place.open()
    talked_of = call()
    insert(source, talked_of, feedback=[said(talked_of, label="rude")])
    target = Place(server.url(f"moved_{uuid.uuid4().hex}"), tmp_path)
    opened = target.open()
    for _ in range(2):
        source.copy_to(opened, lambda done, total: None)
    assert opened.calls(PROJECT, CallQuery()) == source.calls(PROJECT, CallQuery())
    assert opened.feedback_counts(PROJECT, SINCE, UNTIL)["bad"] == 1
    target.close()
