"""What is proposed for a failure, and what is not."""

from __future__ import annotations

import uuid
from datetime import datetime, timezone
from typing import Any

import pytest

from arc_core.learner.proposals import Proposals
from arc_core.registry.lifecycle import State
from arc_core.registry.registry import Registry
from arc_core.storage import CallStore
from core.call_records import batch
from core.learner.traffic import MESSAGE, call, refused, traffic

NAME = "openai-o9-mini-temperature-unsupported"


class Failure:
    """A failure in a project of its own, from which can be learned."""

    def __init__(self, store: CallStore, registry: Registry, project: str) -> None:
        self.project = project
        self._store = store
        self._registry = registry
        self._proposals = Proposals(
            store, registry, manual=False, clock=lambda: datetime.now(timezone.utc)
        )

    def propose(self, more: int = 0, **values: Any) -> list[str]:
        """Have it happen so many times more, then learn; return names of candidates."""
        if more:
            self._store.insert(traffic(self.project, more, **values), token=uuid.uuid4().hex)
        signature = refused(self.project, 0, **values)["failure_signature"]
        return self._proposals.propose(self.project, signature)

    def move(self, name: str, *states: State) -> None:
        for to in states:
            self._registry.transition(self.project, name, to, author="ada", reason="r")


@pytest.fixture
def failure(store: CallStore, registry: Registry) -> Failure:
    return Failure(store, registry, uuid.uuid4().hex)


def test_a_failure_becomes_a_candidate_with_its_evidence(
    failure: Failure, registry: Registry
) -> None:
    """Ten calls are enough; who reads the registry knows where it comes from and why."""
    assert failure.propose(12) == [NAME]
    found = registry.pattern(failure.project, NAME)
    assert (found.state, found.author) == (State.CANDIDATE, "learner")
    assert found.document["pattern"]["model"] == "o9-mini"
    assert found.document["fix"] == {"temperature": None}
    assert (found.evidence["failed"], found.evidence["matching"]) == (12, 12)
    assert "temperature" in found.evidence["error"]
    assert found.document["rationale"] == found.evidence["because"]


class Counted:
    """A store that counts how often failing calls are read."""

    def __init__(self, store: CallStore) -> None:
        self._store = store
        self.looks = 0

    def failing(self, *arguments: Any) -> Any:
        self.looks += 1
        return self._store.failing(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def proposals(store: Counted, registry: Registry) -> Proposals:
    return Proposals(
        store,  # type: ignore[arg-type]
        registry,
        manual=False,
        clock=lambda: datetime.now(timezone.utc),
    )


def test_calls_are_looked_at_only_when_enough_have_come(
    store: CallStore, registry: Registry
) -> None:
    """A failure that keeps coming would otherwise keep Core reading what it knows."""
    project, counted = uuid.uuid4().hex, Counted(store)
    proposing = proposals(counted, registry)
    signature = refused(project, 0)["failure_signature"]
    added: list[str] = []
    for number in range(40):
        store.insert(traffic(project, 1), token=uuid.uuid4().hex)
        added += proposing.propose(project, signature, 1)
        assert added == ([] if number < 9 else [NAME])
    assert counted.looks <= 7  # after 10 calls, and where the pattern leaves none, after 5 each


def test_calls_without_requests_are_looked_at_ever_more_seldom(
    store: CallStore, registry: Registry
) -> None:
    """Nothing can be learned from them, however many come."""
    project, counted = uuid.uuid4().hex, Counted(store)
    proposing = proposals(counted, registry)
    store.insert(traffic(project, 10, runtime_id=""), token=uuid.uuid4().hex)
    signature = refused(project, 0)["failure_signature"]
    for _ in range(100):
        assert proposing.propose(project, signature, 10) == []
    assert 10 <= counted.looks <= 40


def test_a_pattern_is_for_the_api_that_was_called(failure: Failure, registry: Registry) -> None:
    """Both of OpenAI's are `chat` in telemetry, and patterns tell them apart."""
    names = failure.propose(12, api="responses")
    assert names
    document = registry.pattern(failure.project, names[0]).document
    assert document["operation"] == "responses"


def test_few_calls_are_not_enough(failure: Failure) -> None:
    assert failure.propose(9) == []


def test_what_no_request_can_prevent_is_not_learned_from(failure: Failure) -> None:
    """A rate limit is nobody's fault."""
    assert failure.propose(40, status_code=429, error_code="rate_limit_exceeded") == []


@pytest.mark.parametrize("manual", [False, True], ids=["auto", "manual"])
def test_what_changes_messages_is_proposed_to_people_alone(
    manual: bool, store: CallStore, registry: Registry
) -> None:
    """Where nobody looks at a pattern, there is none that touches what was said."""
    project = uuid.uuid4().hex
    refusal = {
        "failed": True,
        "status_code": 400,
        "error_type": "openai.BadRequestError",
        "error_message": "messages[0].role 'developer' is not supported; use 'system' instead",
    }
    rows = []
    for number in range(12):
        for role, values in (("developer", refusal), ("system", {})):
            messages = [{"role": role, "content": "a"}, {"role": "user", "content": "b"}]
            rows.append(call(project, number, {"model": "m", "messages": messages}, **values))
    store.insert(batch(*rows), token=uuid.uuid4().hex)
    proposals = Proposals(store, registry, manual=manual, clock=lambda: datetime.now(timezone.utc))
    found = proposals.propose(project, rows[0]["failure_signature"])
    changed = [[*registry.pattern(project, name).document["fix"]] for name in found]
    assert changed == ([["messages"]] if manual else [])


def test_a_failure_that_is_cared_for_gets_no_second_pattern(
    failure: Failure, registry: Registry
) -> None:
    """Also not while the first one waits for its trial, whoever wrote it."""
    assert failure.propose(12) == [NAME]
    assert failure.propose(30) == []


def test_a_fix_for_something_else_does_not_keep_a_failure_from_being_learned_from(
    failure: Failure, registry: Registry
) -> None:
    """Somebody's pattern changes every call. What fails then nonetheless is a matter of its own."""
    document = {"name": "short", "pattern": {"model": "o9-mini"}, "fix": {"max_tokens": 9}}
    registry.add_pattern(failure.project, document, author="ada", reason="r")
    assert failure.propose(30) == []  # these were made before there was the pattern
    fixed = {"pattern_ids": ["short"], "fix_outcome": "applied"}
    assert failure.propose(12, **fixed) == [NAME]
    assert failure.propose(30, **fixed) == []


def test_healthy_calls_tell_failing_ones_apart_where_all_are_changed(
    store: CallStore, failure: Failure, registry: Registry
) -> None:
    """Without them the model that refuses would not be in the condition."""
    document = {"name": "all", "pattern": {"messages": {"exists": True}}, "fix": {"user": "u"}}
    registry.add_pattern(failure.project, document, author="ada", reason="r")
    fixed = {"pattern_ids": ["all"], "fix_outcome": "applied"}
    well = [
        call(
            failure.project,
            number,
            {"model": "gpt-4o", "temperature": 0.2, "messages": [{"role": "user"}]},
            **fixed,
        )
        for number in range(30)
    ]
    bad = [refused(failure.project, number, **fixed) for number in range(12)]
    store.insert(batch(*well, *bad), token=uuid.uuid4().hex)
    assert failure.propose(**fixed) == [NAME]
    assert registry.pattern(failure.project, NAME).document["pattern"]["model"] == "o9-mini"


def test_calls_beside_a_pattern_get_theirs_sooner(
    store: CallStore, registry: Registry, failure: Failure
) -> None:
    """What the error is about is known by then; ten more calls need not fail."""
    assert failure.propose(12) == [NAME]
    request = {"model": "k4-large", "temperature": 0.7, "messages": [{"role": "user"}]}
    refusal = {
        name: refused(failure.project, 0)[name]
        for name in ("failed", "status_code", "error_type", "error_code", "error_param")
    }
    message = MESSAGE.replace("0.2", "0.7")
    rows = [
        call(failure.project, 100 + number, request, error_message=message, **refusal)
        for number in range(5)
    ]
    store.insert(batch(*rows[:4]), token=uuid.uuid4().hex)
    assert failure.propose() == []
    store.insert(batch(*rows[4:]), token=uuid.uuid4().hex)
    [second] = failure.propose()
    assert registry.pattern(failure.project, second).document["pattern"]["model"] == "k4-large"


def test_a_trial_of_what_only_looked_like_the_cause_is_given_up(
    store: CallStore, registry: Registry, failure: Failure
) -> None:
    """Calls that have come since show what it is, and that has not to wait for the trial's end."""
    silent = {
        "failed": True,
        "status_code": 400,
        "error_type": "openai.BadRequestError",
        "error_message": "Bad request.",
    }
    rows = []
    for number in range(90):
        fails = number % 3 == 0
        request: dict[str, Any] = {"model": "o9-mini", "messages": [{"role": "user"}]}
        request.update({"temperature": 1.5} if fails else {"temperature": 0.7})
        request.update({"top_p": 0.9} if number % 2 else {})
        rows.append(call(failure.project, number, request, **(silent if fails else {})))
    store.insert(batch(*rows), token=uuid.uuid4().hex)
    signature = rows[0]["failure_signature"]
    registry.add_pattern(
        failure.project,
        {
            "name": "by-chance",
            "provider": "openai",
            "operation": "chat",
            "pattern": {"top_p": {"exists": True}},
            "fix": {"top_p": None},
        },
        author="learner",
        state=State.SHADOW,
        reason="r",
        evidence={"signature": signature, "failed": 10},
    )
    proposals = Proposals(store, registry, manual=False, clock=lambda: datetime.now(timezone.utc))
    [right] = proposals.propose(failure.project, signature)
    assert registry.pattern(failure.project, "by-chance").state is State.INCONCLUSIVE
    assert "temperature" in registry.pattern(failure.project, right).document["pattern"]


def test_what_has_failed_is_never_proposed_again(failure: Failure, registry: Registry) -> None:
    """Its place is taken by the next fix, if there is another one."""
    seen: list[dict[str, Any]] = []
    names = failure.propose(12)
    while names:
        for name in names:
            found = registry.pattern(failure.project, name)
            what = {part: found.document[part] for part in ("pattern", "fix")}
            assert what not in seen
            seen.append(what)
            failure.move(name, State.REJECTED)
        names = failure.propose()
    assert seen
    assert failure.propose(100) == []


def test_what_has_failed_with_a_narrower_condition_is_not_proposed_again(
    failure: Failure, registry: Registry
) -> None:
    """The same calls lead to the same condition, which its trial had narrowed."""
    assert failure.propose(12) == [NAME]
    failure.move(NAME, State.SHADOW)
    wide = registry.pattern(failure.project, NAME)
    narrow = {**wide.document["pattern"], "top_p": {"exists": True}}
    registry.revise(
        wide,
        {**wide.document, "pattern": narrow},
        reason="r",
        evidence={**wide.evidence, "narrowed": [{"before": wide.document["pattern"]}]},
    )
    failure.move(NAME, State.REJECTED)
    again = [registry.pattern(failure.project, name).document for name in failure.propose(30)]
    tried = wide.document["pattern"], wide.document["fix"]
    assert tried not in [(each["pattern"], each["fix"]) for each in again]


def test_a_retired_pattern_comes_back_when_its_failure_does(
    failure: Failure, registry: Registry
) -> None:
    assert failure.propose(12) == [NAME]
    failure.move(NAME, State.SHADOW, State.ACTIVE, State.RETIRED)
    assert failure.propose(40) == [NAME]
    assert registry.pattern(failure.project, NAME).state is State.SHADOW
