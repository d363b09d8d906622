"""Sets of patterns: which patterns are asked for which call, and that the index never errs."""

from __future__ import annotations

import random
import threading
from enum import Enum
from types import MappingProxyType
from typing import Any, Dict, List, Optional, Tuple

import pytest

from arc_protocol.errors import PatternError
from arc_protocol.patterns import Decision, Origin, Pattern, PatternSet, regex

Outcome = Tuple[List[str], List[str]]


def pattern(name: str, condition: Dict[str, Any], fix: Dict[str, Any], **fields: Any) -> Pattern:
    return Pattern.parse(name=name, pattern=condition, fix=fix, **fields)


def names(decision: Optional[Decision]) -> List[str]:
    return [] if decision is None else [one.name for one in decision.matched]


def test_nothing_matched_is_none() -> None:
    """A request that no pattern concerns gives no decision at all."""
    patterns = PatternSet([pattern("p", {"a": 1}, {"b": 2})])
    assert patterns.decide("openai", "chat", {"a": 2}) is None
    assert PatternSet().decide("openai", "chat", {"a": 1}) is None


def test_a_fixed_request_is_a_new_one_that_shares_what_is_untouched() -> None:
    """The application's request stays as it is; messages are not copied without need."""
    request = {"temperature": 0.95, "messages": [{"role": "user", "content": "hi"}]}
    decision = PatternSet([pattern("p", {"temperature": {">": 0.9}}, {"temperature": 0.7})]).decide(
        None, None, request
    )
    assert decision is not None
    assert decision.body == {**request, "temperature": 0.7}
    assert decision.body is not request
    assert decision.body["messages"] is request["messages"]
    assert request["temperature"] == 0.95


def test_a_value_written_by_a_fix_is_not_shared_with_the_pattern() -> None:
    """Who changes a fixed request does not change the pattern."""
    patterns = PatternSet([pattern("p", {"a": 1}, {"stop": ["x"]})])
    first = patterns.decide(None, None, {"a": 1})
    assert first is not None
    first.body["stop"].append("y")
    second = patterns.decide(None, None, {"a": 1})
    assert second is not None
    assert second.body["stop"] == ["x"]


def test_patterns_are_listed_in_order_of_precedence() -> None:
    """Local before pushed before built-in, and the latest first."""
    given = [
        pattern("built-in", {"a": 1}, {"b": 1}, origin=Origin.BUILT_IN),
        pattern("local-1", {"a": 1}, {"b": 1}),
        pattern("pushed", {"a": 1}, {"b": 1}, origin=Origin.PUSHED),
        pattern("local-2", {"a": 1}, {"b": 1}),
    ]
    assert [one.name for one in PatternSet(given).patterns] == [
        "local-2",
        "local-1",
        "pushed",
        "built-in",
    ]


def test_the_revision_tells_sets_apart_by_content() -> None:
    """Equal sets have equal revisions; another pattern, order or origin gives another one."""
    one = pattern("one", {"a": 1}, {"b": 1})
    two = pattern("two", {"a": 1}, {"b": 2})
    again = Pattern.parse(one.to_json())
    assert PatternSet([one, two]).revision == PatternSet([again, two]).revision
    pushed = Pattern.parse(one.to_json(), origin=Origin.PUSHED)
    others = [PatternSet(), PatternSet([one]), PatternSet([two, one]), PatternSet([pushed, two])]
    assert len({one.revision for one in others} | {PatternSet([one, two]).revision}) == 5


def test_a_precedence_conflict_names_the_winner_and_the_field() -> None:
    """The reason why a fix was skipped can be shown to people."""
    patterns = PatternSet(
        [
            pattern("low", {"a": 1}, {"x.y": 1}, origin=Origin.PUSHED),
            pattern("high", {"a": 1}, {"x": None}),
        ]
    )
    decision = patterns.decide(None, None, {"a": 1, "x": {}})
    assert decision is not None
    [(skipped, reason)] = decision.skipped
    assert skipped.name == "low"
    assert reason == "high has already written x"


class Model(str, Enum):
    GPT = "gpt-4.1"


@pytest.mark.parametrize(
    ("condition", "model", "matches"),
    [
        ("gpt-4.1", "gpt-4.1", True),
        ("gpt-4.1", Model.GPT, True),
        ("gpt-4.1", "gpt-4.1-mini", False),
        ({"matches": "^gpt"}, Model.GPT, True),
        ({"in": ["a", "b"]}, "b", True),
        ({"in": ["a", 1]}, 1, True),
        (True, 1, False),
        (1, True, False),
        (1, 1.0, True),
        (None, None, True),
        ({"matches": "x$"}, "y" * 10_000 + "x", True),
        ({"type": "array"}, ["not", "hashable"], True),
        ({"!=": "gpt-4.1"}, None, True),
    ],
)
def test_models_of_all_kinds_are_told_apart(condition: Any, model: Any, matches: bool) -> None:
    """What is remembered per model never mixes up models that only look alike as keys."""
    patterns = PatternSet([pattern("p", {"model": condition}, {"x": 1})])
    for warm in ("gpt-4.1", 1, True, None, "a", model):
        patterns.decide(None, None, {"model": warm})
    assert names(patterns.decide(None, None, {"model": model})) == (["p"] if matches else [])


def test_a_call_without_a_model_is_decided_too() -> None:
    """Conditions about a missing model hold, others do not."""
    patterns = PatternSet(
        [
            pattern("missing", {"model": {"exists": False}}, {"x": 1}),
            pattern("other", {"model": {"!=": "a"}}, {"y": 1}),
            pattern("any", {"modelId": {"matches": "claude"}}, {"z": 1}),
        ]
    )
    for _ in range(2):
        assert names(patterns.decide(None, None, {"modelId": "claude"})) == ["any", "missing"]


def test_more_models_than_are_remembered_are_decided_rightly() -> None:
    """The memory for models is bounded; what it forgets is found out again."""
    patterns = PatternSet([pattern("p", {"model": {"matches": "7$"}}, {"x": 1})])
    for number in range(10_000):
        matched = names(patterns.decide(None, None, {"model": f"m-{number}"}))
        assert matched == (["p"] if number % 10 == 7 else [])


def test_a_model_condition_that_cannot_be_evaluated_is_reported_on_each_call() -> None:
    """An error is no miss, also when it concerns the model alone."""
    patterns = PatternSet([pattern("p", {"model": {">": 4}, "a": 1}, {"x": 1})])
    for _ in range(2):
        decision = patterns.decide(None, None, {"model": "gpt", "a": 1})
        assert decision is not None
        assert [one.name for one, _ in decision.errors] == ["p"]
        assert patterns.decide(None, None, {"model": "gpt", "a": 2}) is None


def test_any_mapping_is_a_request_and_nothing_else_is() -> None:
    """A read-only mapping is fixed into a dict; other bodies are left alone."""
    patterns = PatternSet([pattern("p", {"a": 1}, {"b.c": 2})])
    decision = patterns.decide(None, None, MappingProxyType({"a": 1}))
    assert decision is not None
    assert decision.body == {"a": 1, "b": {"c": 2}}
    odd: List[Any] = [None, b"bytes", "text", 5, [("a", 1)], iter([1]), object()]
    assert [patterns.decide(None, None, body) for body in odd] == [None] * len(odd)


def random_patterns(seed: int, count: int) -> List[Pattern]:
    """Make patterns of every kind that the index treats in its own way."""
    chance = random.Random(seed)

    def requirement() -> Any:
        value = chance.choice([0, 1, 1.0, True, False, None, "a", "b", 2, 0.5])
        number = chance.choice([0, 0.5, 1, 2])
        return chance.choice(
            [
                value,
                {"==": value},
                {"!=": value},
                {"in": [value, "a"]},
                {"not_in": [value]},
                {chance.choice([">", ">=", "<", "<="]): number},
                {">=": 0, "<": number},
                {">": {"field": chance.choice("xyz")}},
                {"exists": chance.choice([True, False])},
                {"not": {"type": "string"}},
                {"count": {">": 1}},
            ]
        )

    def condition() -> Dict[str, Any]:
        keys = chance.sample(["x", "y", "z", "x.y", "l[*]", "model"], chance.randint(1, 3))
        whole: Dict[str, Any] = {key: requirement() for key in keys}
        if chance.random() < 0.3:
            whole["any_of"] = [{"x": requirement()}, {"y": requirement()}]
        if chance.random() < 0.2:
            whole["not"] = {"z": requirement()}
        return whole

    return [pattern(f"p{n}", condition(), {f"out{n}": 1}) for n in range(count)]


def outcome(decision: Optional[Decision]) -> Outcome:
    if decision is None:
        return [], []
    return names(decision), sorted(one.name for one, _ in decision.errors)


@pytest.mark.parametrize("prepared", [True, False], ids=["prepared", "on the fly"])
@pytest.mark.parametrize("seed", range(5))
def test_the_index_finds_what_asking_every_pattern_finds(seed: int, prepared: bool) -> None:
    """A set of many patterns matches and fails exactly as each pattern does alone."""
    patterns = random_patterns(seed, 60)
    together = PatternSet(patterns)
    if prepared:
        together.prepare()
    alone = [PatternSet([one]) for one in together.patterns]
    chance = random.Random(seed)
    if prepared:
        for model in ("a", "b", "c"):
            together.decide(None, None, {"model": model})
        together.prepare()  # files what these calls have found
    values = [0, 1, 1.0, True, False, None, "a", "b", 2, 0.5, float("nan"), [1, 2], {"y": 1}]
    for _ in range(200):
        keys = chance.sample(["x", "y", "z", "l", "model"], chance.randint(0, 5))
        request = {key: chance.choice(values) for key in keys}
        found = [outcome(one.decide(None, None, request)) for one in alone]
        expected = [name for matched, _ in found for name in matched]
        broken = sorted(name for _, errors in found for name in errors)
        assert outcome(together.decide(None, None, request)) == (expected, broken), request


def patterns_about_models(*, providers: bool) -> List[Pattern]:
    """Make many patterns, with every way to say which models they are for."""
    made: List[Pattern] = []
    for n in range(100):
        conditions: List[Dict[str, Any]] = [
            {"model": f"m-{n % 3}"},
            {"model": {"in": [f"m-{n}", "m-1"]}},
            {"model": {"in": ["m-0", "m-2"], "!=": "m-2"}},
            {"model": {"matches": f"^m-{n}$|[x-z]{n}"}},
            {"model": {"matches": f"-{n}$"}, "not": {"model": "m-7"}},
            {"model": {"starts_with": f"m-{n}"}},
            {"any_of": [{"model": f"m-{n}"}, {"model": {"starts_with": "z"}}]},
            {},
        ]
        for kind, condition in enumerate(conditions):
            named: Any = {"provider": "openai"} if providers and n % 4 == 0 else {}
            wanted = {**condition, "seed": n % 10}
            made.append(pattern(f"p{n}-{kind}", wanted, {f"o{n}-{kind}": 1}, **named))
    return made


@pytest.mark.parametrize("memory", [4 << 20, 1 << 10], ids=["at once", "one by one"])
@pytest.mark.parametrize("providers", [True, False], ids=["some for one provider", "for all"])
def test_preparing_changes_nothing_in_what_is_found(
    providers: bool, memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where regular expressions take too much memory to be asked together."""
    monkeypatch.setattr(regex, "_SET_MEMORY", memory)
    patterns = patterns_about_models(providers=providers)
    prepared, plain = PatternSet(patterns), PatternSet(patterns)
    prepared.prepare()
    models = ["m-0", "m-1", "m-2", "m-7", "m-42", "y42", "z", "unknown", "", "\ud800-5", 5, None]
    for model in models:
        for provider in ("openai", "other", None):
            for seed in range(4):
                body = {"model": model, "seed": seed}
                expected = [
                    one.name
                    for one in plain.patterns
                    if one.provider in (None, provider) and one.when.check(body, body)
                ]
                assert names(prepared.decide(provider, "chat", body)) == expected, body
                assert names(plain.decide(provider, "chat", body)) == expected, body


def test_threads_share_a_set() -> None:
    """Many threads that ask about many models at once get the right answers."""
    patterns = PatternSet(
        [pattern(f"p{n}", {"model": {"matches": f"-{n}$"}}, {"x": n}) for n in range(10)]
    )
    wrong: List[Any] = []

    def ask(offset: int) -> None:
        for number in range(3_000):
            number = (number + offset) % 6_000
            decision = patterns.decide(None, None, {"model": f"m{number}-{number % 10}"})
            if decision is None or decision.body["x"] != number % 10:
                wrong.append(number)

    threads = [threading.Thread(target=ask, args=(offset * 700,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert wrong == []


@pytest.mark.parametrize("many", [0, 100], ids=["alone", "among many"])
def test_a_pattern_for_some_servers_leaves_others_alone(many: int) -> None:
    """The same request to the same model is changed at one address, and not at another."""
    others = [
        Pattern.parse(name=f"p{n}", pattern={"model": f"m{n}", "n": 1}, fix={"n": 2})
        for n in range(many)
    ]
    cool = {"pattern": {"model": "m", "n": {"exists": True}}, "fix": {"n": None}}
    one = Pattern.parse(name="one", server="a.example:443", **cool)
    several = Pattern.parse(name="several", server=["b.example:1", "c.example:2"], **cool)
    patterns = PatternSet([*others, one, several])
    patterns.prepare()
    for _ in range(2):  # the second time from memory
        for server, name in (
            *(("a.example:443", "one"), ("c.example:2", "several")),
            *(("a.example:80", None), (None, None)),
        ):
            decision = patterns.decide("openai", "chat", {"model": "m", "n": 1}, server=server)
            assert (decision and decision.matched[0].name) == name


@pytest.mark.parametrize("server", ["", "a.example", "a b:1", 443, [], ["a.example:443", 1]])
def test_what_is_no_address_is_refused(server: object) -> None:
    with pytest.raises(PatternError, match="it must be an address like"):
        Pattern.parse({"pattern": {"n": 1}, "fix": {"n": 2}, "server": server})
