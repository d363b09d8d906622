"""What every call store does, whatever its engine."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from arc_core.model.calls import COLUMNS
from arc_core.model.columns import LATEST_TIME, Kind
from arc_core.storage import CallQuery, CallStore, StoreError, cursor
from core.call_records import DAY, HOUR, NOW, PROJECT, SECOND, batch, record, unjudged
from core.storage.places import Place

UGLY = "'; DROP TABLE calls; --\n\t\r\\N\\'\"\0\x7f é 漢字 \U0001f600 {project:String} $$"
EXTREMES: dict[Kind, Any] = {
    Kind.NAME: UGLY,
    Kind.TEXT: UGLY,
    Kind.FLAG: True,
    Kind.INTEGER: -(2**63),
    Kind.NUMBER: 1.7976931348623157e308,
    Kind.NAMES: [UGLY, ""],
    Kind.INTEGERS: [2**63 - 1, -(2**63)],
}


def moment(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=microseconds)


SINCE, UNTIL = moment(NOW - DAY), moment(NOW + DAY)


def spans(rows: list[dict[str, Any]]) -> list[str]:
    return [row["span_id"] for row in rows]


def test_a_call_comes_back_as_it_went_in(store: CallStore) -> None:
    """No column may change a value, whatever is in it."""
    plain = record(body="{}")
    ugly = record(
        **{c.name: EXTREMES[c.kind] for c in COLUMNS if c.kind in EXTREMES and c.name != "project"}
    )
    store.insert(batch(plain, ugly), token="t")

    assert store.call(PROJECT, plain["span_id"]) == unjudged(plain)
    assert store.call(PROJECT, UGLY) == unjudged(ugly)
    assert store.trace(PROJECT, UGLY) == [unjudged(ugly)]


@pytest.mark.parametrize("time", [0, LATEST_TIME])
def test_times_at_the_limits_are_kept(store: CallStore, time: int) -> None:
    call = record(start_time=time)
    store.insert(batch(call), token="t")
    (found,) = store.calls(PROJECT, CallQuery(since=moment(time), until=moment(time + 1)))
    assert found["start_time"] == time


def test_a_batch_sent_again_with_its_token_is_there_once(store: CallStore) -> None:
    calls = batch(*(record(body="said") for _ in range(5)))
    for _ in range(3):
        store.insert(calls, token="the-same")
    assert store.info().calls == 5


def test_equal_calls_are_kept_apart_by_tokens_until_they_are_asked_for(store: CallStore) -> None:
    """A sender that did not hear our answer groups its calls anew: they must not count twice."""
    first, second, third = (
        record(trace_id="t", failed=True, error_code="e", input_tokens=7, body="said")
        for _ in range(3)
    )
    store.insert(batch(first, second), token="before")
    store.insert(batch(second, third), token="after")

    assert sorted(spans(store.calls(PROJECT, CallQuery()))) == spans([first, second, third])
    assert spans(store.trace(PROJECT, "t")) == spans([first, second, third])
    (group,) = store.failure_groups(PROJECT, SINCE, UNTIL)
    assert (group["count"], group["calls"]) == (3, 3)
    (step,) = store.statistics(PROJECT, SINCE, UNTIL, 10 * 86400)
    assert (step["calls"], step["input_tokens"]) == (3, 21)


def test_calls_are_newest_first_and_without_bodies(store: CallStore) -> None:
    calls = [record(start_time=NOW - age * HOUR, body="long") for age in (3, 0, 2, 1)]
    store.insert(batch(*calls), token="t")
    found = store.calls(PROJECT, CallQuery())
    assert [row["start_time"] for row in found] == [NOW - age * HOUR for age in range(4)]
    assert all("body" not in row for row in found)


@pytest.mark.parametrize(
    "query",
    [
        CallQuery(since=moment(NOW)),
        CallQuery(until=moment(NOW + 1), since=moment(NOW)),
        CallQuery(model=UGLY),
        CallQuery(service=UGLY),
        CallQuery(failed=True),
        CallQuery(error_code=UGLY),
        CallQuery(signature=UGLY),
        CallQuery(pattern=UGLY),
        CallQuery(session=UGLY),
    ],
    ids=str,
)
def test_each_condition_of_a_query_holds(store: CallStore, query: CallQuery) -> None:
    wanted = record(
        request_model=UGLY,
        service=UGLY,
        failed=True,
        error_code=UGLY,
        failure_signature=UGLY,
        pattern_ids=["other", UGLY],
        session=UGLY,
    )
    other = record(start_time=NOW - 1)
    store.insert(batch(wanted, other), token="t")
    assert spans(store.calls(PROJECT, query)) == [wanted["span_id"]]


def test_calls_that_did_not_fail_can_be_asked_for(store: CallStore) -> None:
    well, failed = record(), record(failed=True)
    store.insert(batch(well, failed), token="t")
    assert spans(store.calls(PROJECT, CallQuery(failed=False))) == [well["span_id"]]


def test_pages_hold_every_call_once(store: CallStore) -> None:
    """Also where many calls start in the same microsecond."""
    calls = [record(start_time=NOW - number // 3 * HOUR) for number in range(20)]
    store.insert(batch(*calls), token="t")
    seen: list[str] = []
    before = None
    while page := store.calls(PROJECT, CallQuery(before=before, limit=3)):
        seen += spans(page)
        before = cursor(page[-1])
    assert sorted(seen) == sorted(spans(calls))
    assert seen == spans(sorted(calls, key=lambda c: (c["start_time"], c["span_id"]), reverse=True))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"before": "yesterday"}, "'yesterday' is no cursor"),
        ({"since": datetime(2026, 1, 1)}, "has no time zone"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        CallQuery(**wrong)


def test_a_trace_has_all_its_calls_with_their_bodies(store: CallStore) -> None:
    """They may have started far apart, been received on different days, and have no body."""
    calls = [
        record(trace_id="t", start_time=NOW + 1, body="third"),
        record(trace_id="t", start_time=NOW, body=""),
        record(trace_id="t", start_time=NOW - 3 * DAY, received_at=NOW - 3 * DAY, body="first"),
    ]
    store.insert(batch(*calls, record(body="other")), token="t")
    assert store.trace(PROJECT, "t") == [unjudged(call) for call in calls[::-1]]


def test_a_trace_can_be_asked_for_by_about_when(store: CallStore) -> None:
    near, far = record(trace_id="t"), record(trace_id="t", start_time=NOW - 2 * DAY)
    store.insert(batch(near, far), token="t")
    assert spans(store.trace(PROJECT, "t", moment(NOW - HOUR))) == [near["span_id"]]
    assert store.call(PROJECT, far["span_id"], moment(NOW)) is None


def test_what_is_not_there_is_not_found(store: CallStore) -> None:
    assert store.call(PROJECT, "0" * 16) is None
    assert store.trace(PROJECT, "0" * 32) == []
    assert store.failure_groups(PROJECT, SINCE, UNTIL) == []
    assert store.statistics(PROJECT, SINCE, UNTIL, 60) == []


def test_a_project_sees_nothing_of_another(store: CallStore) -> None:
    other = record(project="other", failed=True, trace_id="t")
    store.insert(batch(other), token="t")
    assert store.calls(PROJECT, CallQuery()) == []
    assert store.trace(PROJECT, "t") == []
    assert store.call(PROJECT, other["span_id"]) is None
    assert store.failure_groups(PROJECT, SINCE, UNTIL) == []
    assert store.statistics(PROJECT, SINCE, UNTIL, 60) == []


def test_failures_are_grouped_by_what_went_wrong(store: CallStore) -> None:
    limits = {
        "provider": "openai",
        "operation": "chat",
        "failed": True,
        "status_code": 429,
        "failure_signature": "limited",
    }
    short = {"provider": "openai", "operation": "chat", "failure_kinds": ["truncated"]}
    calls = [
        record(
            **limits,
            start_time=NOW,
            service="b",
            request_model="m1",
            error_message="new",
            error_template="n",
        ),
        record(**limits, start_time=NOW - HOUR, service="a", request_model="m2"),
        record(**short, failure_signature="short", start_time=NOW - SECOND),
        record(**{**limits, "failure_signature": "", "status_code": None}, error_type="E"),
        record(provider="openai", operation="chat"),
        record(provider="anthropic", operation="chat"),
        record(**limits, start_time=NOW - 2 * DAY),
    ]
    store.insert(batch(*calls), token="t")

    first, unsigned, soft = store.failure_groups(PROJECT, SINCE, UNTIL)
    assert first == {
        "provider": "openai",
        "api": "",
        "operation": "chat",
        "signature": "limited",
        "failed": True,
        "failure_kinds": [],
        "status_code": 429,
        "error_code": "",
        "error_param": "",
        "error_type": "",
        "error_template": "n",
        "error_message": "new",
        "heal_outcome": "",
        "count": 2,
        "healed": 0,
        "calls": 5,
        "rate": 0.4,
        "first_seen": NOW - HOUR,
        "last_seen": NOW,
        "models": ["m1", "m2"],
        "services": ["a", "b"],
        "by_service": {"a": 1, "b": 1},
    }
    assert (unsigned["error_type"], unsigned["status_code"], unsigned["count"]) == ("E", None, 1)
    assert unsigned["signature"]
    assert (soft["signature"], soft["failed"], soft["failure_kinds"]) == (
        "short",
        False,
        ["truncated"],
    )
    assert store.failure_groups(PROJECT, SINCE, UNTIL, limit=1) == [first]
    (of_one,) = store.failure_groups(PROJECT, SINCE, UNTIL, service="a")
    assert (of_one["count"], of_one["calls"], of_one["models"]) == (1, 1, ["m2"])
    assert store.failure_groups(PROJECT, SINCE, UNTIL, model="m1", service="a") == []


def test_statistics_are_sums_per_step(store: CallStore) -> None:
    hour = NOW // HOUR * HOUR
    calls = [
        record(start_time=hour, input_tokens=3, output_tokens=1, failed=True),
        record(start_time=hour + HOUR - 1, fix_outcome="applied"),
        record(start_time=hour - 1, input_tokens=5),
    ]
    store.insert(batch(*calls), token="t")
    empty = {"calls": 1, "failures": 0, "fixed": 0, "healed": 0}
    empty |= {"input_tokens": 0, "output_tokens": 0}
    assert store.statistics(PROJECT, SINCE, UNTIL, 3600) == [
        {**empty, "time": hour - HOUR, "input_tokens": 5},
        {
            "time": hour,
            "calls": 2,
            "failures": 1,
            "fixed": 1,
            "healed": 0,
            "input_tokens": 3,
            "output_tokens": 1,
        },
    ]


def test_a_value_that_does_not_fit_is_refused_with_its_batch(store: CallStore) -> None:
    for wrong in ({"seed": 2**63}, {"error_code": None}, {"session": "\ud800"}, {"failed": "no"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            store.insert(batch(record(body="said"), record(**wrong)), token="t")
    assert store.info().calls == 0


def test_an_empty_batch_is_nothing(store: CallStore) -> None:
    store.insert(batch(), token="t")
    assert store.info().calls == 0


def test_info_says_what_is_there(store: CallStore) -> None:
    empty = store.info()
    assert (empty.calls, empty.oldest) == (0, None)
    old = NOW - 2 * DAY
    store.insert(batch(record(), record(received_at=old, body="x" * 5000)), token="t")
    info = store.info()
    assert info.calls == 2
    assert info.size_bytes > empty.size_bytes
    assert info.oldest == moment(old // SECOND * SECOND)
    assert info.engine in ("chdb", "clickhouse")
    assert info.version.count(".") >= 2
    assert info.location


def _insert_days(store: CallStore, *ages: int) -> None:
    for age in ages:
        # what cannot be compressed, so that each day takes room
        said = "".join(chr(33 + (number * number * (age + 7)) % 90) for number in range(50_000))
        store.insert(batch(record(received_at=NOW - age * DAY, body=said)), token=f"day-{age}")


def test_old_days_are_dropped(store: CallStore) -> None:
    _insert_days(store, 0, 1, 7, 8, 30)
    before = store.info().size_bytes
    freed = store.enforce_retention(max_age_days=7, max_bytes=None)
    assert store.info().calls == 3
    assert freed == before - store.info().size_bytes > 0
    assert store.enforce_retention(max_age_days=7, max_bytes=None) == 0


def test_the_oldest_days_make_room(store: CallStore) -> None:
    _insert_days(store, 0, 1, 2, 3)
    size = store.info().size_bytes
    store.enforce_retention(max_age_days=None, max_bytes=size * 6 // 10)
    info = store.info()
    assert info.calls == 2
    assert info.oldest == moment((NOW - DAY) // SECOND * SECOND)


def test_what_came_today_is_never_dropped(store: CallStore) -> None:
    _insert_days(store, 0, 1)
    store.enforce_retention(max_age_days=0, max_bytes=0)
    assert store.info().calls == 1


def test_no_limit_drops_nothing(store: CallStore) -> None:
    _insert_days(store, 0, 4000)
    assert store.enforce_retention(max_age_days=None, max_bytes=None) == 0
    assert store.info().calls == 2


def test_calls_are_there_after_the_store_was_closed(place: Place) -> None:
    call = record(body="said")
    place.open().insert(batch(call), token="t")
    place.close()
    assert place.open().call(PROJECT, call["span_id"]) == unjudged(call)


def test_many_threads_may_use_a_store(store: CallStore) -> None:
    """More threads than the store has connections insert and ask at the same time."""
    faults: list[BaseException] = []

    def work(number: int) -> None:
        try:
            call = record(body=str(number))
            store.insert(batch(call), token=f"thread-{number}")
            assert store.call(PROJECT, call["span_id"]) == unjudged(call)
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert store.info().calls == 20


def test_a_token_that_could_be_sql_is_refused(store: CallStore) -> None:
    with pytest.raises(ValueError, match="is no token"):
        store.insert(batch(record()), token="x' , y = 'z")
    assert store.info().calls == 0


def test_copying_to_a_store_of_no_known_kind_is_refused(store: CallStore) -> None:
    with pytest.raises(StoreError, match="cannot be copied to a object"):
        store.copy_to(object(), lambda done, total: None)  # type: ignore[arg-type]
