"""What becomes of a set that Core offers: judged pattern by pattern, and never half taken."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest

from arc_protocol.patterns import Origin
from arc_protocol.wire import digests
from core_stand_in import cool
from runtime._link import holding
from runtime._link.holding import Entry, Holding, SetId, SetRefusedError, adopt, judge_again


def entry(document: Any, name: str = "", revision: int = 1) -> Entry:
    encoded = document if isinstance(document, bytes) else digests.canonical(document)
    return Entry(name or document["name"], revision, digests.of_document(encoded), encoded)


def offer(before: Holding, *entries: Entry, version: int = 1) -> Holding:
    digest = digests.of_set(each[:3] for each in entries)
    return adopt(before, SetId("e1", version, digest), entries)


def values(of: Holding) -> Dict[str, Any]:
    return {pattern.name: pattern.fix["temperature"] for pattern in of.patterns}


def test_patterns_are_taken_in_order_with_origin_and_revision() -> None:
    """They are what Core published."""
    held = offer(Holding("safe"), entry(cool("b"), revision=7), entry(cool("a")))
    assert [(each.name, each.revision) for each in held.patterns] == [("b", 7), ("a", 1)]
    assert {each.origin for each in held.patterns} == {Origin.PUSHED}
    assert held.id == SetId("e1", 1, held.id.digest if held.id else "")
    assert held.refused == {}


BAD: Dict[str, Any] = {
    "an unknown operator": {**cool(), "pattern": {"temperature": {"above": 1}}},
    "an unknown field": {**cool(), "priority": 1},
    "the policy": {**cool(), "fix": {"messages": []}},
    "partly the policy": {**cool(), "fix": {"temperature": 1, "messages": []}},
    "too many values": {**cool(), "fix": {"stop": [0] * 6000}},
    "too long": {**cool(), "rationale": "x" * 300_000},
    "another name": {**cool(), "name": "other"},
    "no object": b"[]",
    "no JSON": b"{",
    "no UTF-8": b'"\xff"',
    "too deep": b"[" * 100_000 + b"]" * 100_000,
}


@pytest.mark.parametrize("bad", BAD.values(), ids=list(BAD))
def test_a_bad_pattern_is_refused_alone_and_its_version_before_stays(bad: Any) -> None:
    """The rest of the set is taken; the reason is one sentence."""
    before = offer(Holding("safe"), entry(cool("cool", 0.1)))
    after = offer(before, entry(bad, "cool", 2), entry(cool("other", 0.2)), version=2)
    assert values(after) == {"cool": 0.1, "other": 0.2}
    assert after.held["cool"].pattern.revision == 1
    [(name, refused)] = after.refused.items()
    assert (name, refused.revision) == ("cool", 2)
    assert 0 < len(refused.reason) <= 300


def test_a_pattern_whose_digest_does_not_fit_is_refused() -> None:
    """What was changed on the way is not run."""
    honest = entry(cool())
    changed = honest._replace(document=digests.canonical(cool(value=1.5)))
    assert "digest" in offer(Holding("all"), changed).refused["cool"].reason


def test_what_was_refused_is_not_judged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is what is in force: a set of many costs what changed in it."""
    judged: List[str] = []
    judge = holding._judge

    def counted(one: Entry, policy: str) -> Any:
        judged.append(one.name)
        return judge(one, policy)

    monkeypatch.setattr(holding, "_judge", counted)
    bad = entry({**cool("bad"), "fix": {"model": "x"}})
    first = offer(Holding("safe"), entry(cool()), bad)
    second = offer(first, entry(cool()), bad._replace(revision=2), entry(cool("new")), version=2)
    assert judged == ["cool", "bad", "new"]
    assert second.refused["bad"].revision == 2
    assert second.held["cool"] is first.held["cool"]


@pytest.mark.parametrize(
    ("entries", "digest", "word"),
    [
        ([entry(cool())], "0" * 64, "digest"),
        ([entry(cool()), entry(cool(value=0.1))], None, "two patterns"),
        ([Entry(str(n), 1, "", b"") for n in range(20_001)], None, "20001"),
    ],
)
def test_a_set_that_is_not_what_core_meant_is_refused_whole(
    entries: List[Entry], digest: Any, word: str
) -> None:
    """Nothing of it is taken."""
    digest = digest or digests.of_set(each[:3] for each in entries)
    with pytest.raises(SetRefusedError, match=word):
        adopt(Holding("all"), SetId("e1", 1, digest), entries)


def test_another_policy_judges_again_and_makes_no_set_of_cores() -> None:
    """What it does not allow is out of force at once, and Core will be asked for the whole."""
    text = entry({**cool("text"), "fix": {"messages[0].content": "x"}})
    first = offer(Holding("content"), entry(cool()), text)
    assert set(first.held) == {"cool", "text"}
    second = judge_again([each.entry for each in first.held.values()], "safe")
    assert set(second.held) == {"cool"}
    assert (second.id, second.policy) == (None, "safe")
