from __future__ import annotations

from collections.abc import Callable

import pytest

from arc_core.registry.errors import IllegalMoveError, RegistryError, UnknownPatternError
from arc_core.registry.lifecycle import State
from arc_core.registry.registry import Registry
from arc_protocol.errors import PatternError
from arc_protocol.patterns import Pattern
from core.registry.documents import hot

WHO = {"author": "ada", "reason": "because"}


def test_an_added_pattern_is_in_force_and_readable(registry: Registry) -> None:
    made = registry.add_pattern("p", hot("cool"), author="ada", evidence={"calls": 7})
    assert registry.pattern("p", "cool") == made
    assert (made.project, made.name, made.revision, made.state) == ("p", "cool", 1, State.ACTIVE)
    assert (made.author, made.evidence) == ("ada", {"calls": 7})
    assert made.document == Pattern.parse(hot("cool")).to_json()


def test_the_same_content_changes_nothing(registry: Registry) -> None:
    registry.add_pattern("p", hot("cool"), author="ada")
    registry.transition("p", "cool", State.PAUSED, **WHO)
    again = registry.add_pattern("p", hot("cool"), author="bob")
    assert (again.revision, again.state, again.author) == (1, State.PAUSED, "ada")
    assert len(registry.history("p", "cool")) == 2


def test_other_content_under_a_name_is_its_next_revision(registry: Registry) -> None:
    first = registry.add_pattern("p", hot("cool"), author="ada")
    second = registry.add_pattern("p", hot("cool", 0.5), author="bob")
    assert (second.revision, second.author, second.document["fix"]) == (
        *(2, "bob"),
        {"temperature": 0.5},
    )
    assert second.digest != first.digest
    assert registry.patterns("p") == [second]


def test_a_pattern_without_a_name_gets_one_from_its_content(registry: Registry) -> None:
    document = {key: value for key, value in hot("x").items() if key != "name"}
    first = registry.add_pattern("p", document, author="ada")
    assert registry.add_pattern("p", document, author="ada") == first
    assert first.name.startswith("pushed-")
    assert first.document["name"] == first.name


def test_what_is_no_pattern_is_refused_with_the_sentence_of_the_language(
    registry: Registry,
) -> None:
    broken = {"pattern": {"temperature": {"above": 1}}, "fix": {}}
    with pytest.raises(PatternError) as expected:
        Pattern.parse(broken)
    with pytest.raises(PatternError) as refused:
        registry.add_pattern("p", broken, author="ada")
    assert str(refused.value) == str(expected.value)
    assert registry.patterns("p") == []


def test_documents_come_back_as_they_were_given(registry: Registry) -> None:
    """Zero characters, single surrogates and large numbers survive both databases."""
    document = {
        "name": "ugly \N{SNOWMAN}",
        "pattern": {"messages[*].content": "\x00\ud800\U0001f600", "seed": 2**62, "top_p": 1e-300},
        "fix": {"stop": ["\x00", "\udfff"], "seed": None},
    }
    registry.add_pattern("p", document, author="ada", reason="two\nlines \N{SNOWMAN}")
    assert registry.pattern("p", "ugly \N{SNOWMAN}").document == document
    assert registry.history("p", "ugly \N{SNOWMAN}")[0].reason == "two\nlines \N{SNOWMAN}"


def test_names_that_a_database_cannot_keep_are_refused(registry: Registry) -> None:
    for name in (" ", "a\x00b", "\ud800", "a\nb", "x" * 201):
        with pytest.raises(RegistryError, match="must have 1 to 200 printable characters"):
            registry.add_pattern("p", hot(name), author="ada")
        with pytest.raises(RegistryError, match=r"^The author is .* 200 printable"):
            registry.add_pattern("p", hot("fine"), author=name)
    with pytest.raises(RegistryError, match=r"^The reason is .* 10000 printable"):
        registry.add_pattern("p", hot("fine"), author="ada", reason="\x00")


def test_the_longest_name_is_kept(registry: Registry) -> None:
    name = "\U0001f600" * 200
    registry.add_pattern("p", hot(name), author="ada")
    assert registry.pattern("p", name).name == name


def test_a_project_has_a_simple_name(registry: Registry) -> None:
    for project in ("", "-a", "a b", "a/b", "a\n", "\x00", "x" * 101):
        with pytest.raises(RegistryError, match=r"^The project is called .* letters, digits"):
            registry.add_pattern(project, hot("cool"), author="ada")


def test_asking_with_odd_names_is_answered(registry: Registry) -> None:
    """Both databases refuse some texts, each in its way; nothing else than a sentence comes out."""
    for odd in ("\x00", "\ud800", "x" * 100_000):
        with pytest.raises(RegistryError):
            registry.pattern("p", odd)


def test_evidence_that_is_no_json_is_refused(registry: Registry) -> None:
    for evidence, problem in (
        ({"rate": float("nan")}, "cannot be written as JSON"),
        ({"who": {1, 2}}, "cannot be written as JSON"),
        ({"text": "x" * 1_000_001}, "at most 1000000 are kept"),
    ):
        with pytest.raises(RegistryError, match=problem):
            registry.add_pattern("p", hot("cool"), author="ada", evidence=evidence)
    assert registry.patterns("p") == []


def test_projects_do_not_see_each_other(registry: Registry) -> None:
    registry.add_pattern("a", hot("cool"), author="ada")
    registry.add_pattern("b", hot("cool", 0.1), author="bob")
    registry.transition("b", "cool", State.PAUSED, **WHO)
    assert [record.author for record in registry.patterns("a")] == ["ada"]
    assert [entry.name for entry in registry.pattern_set("a").entries] == ["cool"]
    assert registry.pattern_set("b").entries == ()
    assert len(registry.history("a", "cool")) == 1


def test_history_has_every_step_with_who_when_why(registry: Registry, clock) -> None:  # type: ignore[no-untyped-def]
    begun = clock.now
    registry.add_pattern(
        "p", hot("cool"), author="learner", state=State.CANDIDATE, reason="400s", evidence={"n": 9}
    )
    clock.advance(hours=1)
    registry.transition(
        *("p", "cool", State.SHADOW), author="ada", reason="looks fine", evidence={"seen": [1, 2]}
    )
    clock.advance(hours=1)
    registry.transition("p", "cool", State.ACTIVE, author="bob", reason="proven")
    found = [
        (each.revision, each.from_state, each.to_state, each.author, each.reason, each.evidence)
        for each in registry.history("p", "cool")
    ]
    assert found == [
        (1, None, State.CANDIDATE, "learner", "400s", {"n": 9}),
        (1, State.CANDIDATE, State.SHADOW, "ada", "looks fine", {"seen": [1, 2]}),
        (1, State.SHADOW, State.ACTIVE, "bob", "proven", {}),
    ]
    history = registry.history("p", "cool")
    assert [(each.at - begun).total_seconds() for each in history] == [0, 3600, 7200]
    assert [each.set_version for each in history] == [None, 1, 2]
    record = registry.pattern("p", "cool")
    assert (record.created_at, record.updated_at) == (begun, clock.now)


def test_an_illegal_step_is_refused_and_leaves_no_trace(registry: Registry) -> None:
    before = registry.add_pattern("p", hot("cool"), author="ada")
    with pytest.raises(IllegalMoveError) as refused:
        registry.transition("p", "cool", State.CANARY, **WHO)
    assert str(refused.value) == (
        'Pattern "cool" is active and cannot become canary; '
        "it can become: dormant, paused, retired, rolled_back."
    )
    with pytest.raises(IllegalMoveError, match='"cool" is active already'):
        registry.transition("p", "cool", State.ACTIVE, **WHO)
    assert registry.pattern("p", "cool") == before
    assert len(registry.history("p", "cool")) == 1


def test_an_unknown_pattern_is_named(registry: Registry) -> None:
    for ask in (
        lambda: registry.pattern("p", "none"),
        lambda: registry.history("p", "none"),
        lambda: registry.transition("p", "none", State.PAUSED, **WHO),
        lambda: registry.roll_back("p", "none", **WHO),
    ):
        with pytest.raises(UnknownPatternError, match='Project "p" has no pattern "none"'):
            ask()


def test_a_trial_never_withdraws_what_is_in_force(registry: Registry) -> None:
    registry.add_pattern("p", hot("cool"), author="ada")
    with pytest.raises(IllegalMoveError, match="would withdraw it"):
        registry.add_pattern("p", hot("cool", 0.2), author="learner", state=State.CANDIDATE)
    assert registry.pattern_set("p").entries[0].revision == 1


def test_a_changed_pattern_begins_anew_after_a_final_state(registry: Registry) -> None:
    registry.add_pattern("p", hot("cool"), author="ada", state=State.CANDIDATE)
    registry.transition("p", "cool", State.REJECTED, **WHO)
    with pytest.raises(IllegalMoveError, match="final for this revision; add a changed one"):
        registry.transition("p", "cool", State.ACTIVE, **WHO)
    anew = registry.add_pattern("p", hot("cool", 0.2), author="ada", state=State.CANDIDATE)
    assert (anew.revision, anew.state) == (2, State.CANDIDATE)


def test_a_pattern_cannot_begin_in_the_middle_of_its_life(registry: Registry) -> None:
    with pytest.raises(IllegalMoveError, match="can begin as: active, candidate, shadow"):
        registry.add_pattern("p", hot("cool"), author="ada", state=State.CANARY)


def test_patterns_of_one_state_can_be_listed(registry: Registry) -> None:
    registry.add_pattern("p", hot("b"), author="ada")
    registry.add_pattern("p", hot("a"), author="ada", state=State.CANDIDATE)
    registry.add_pattern("p", hot("c"), author="ada")
    assert [record.name for record in registry.patterns("p")] == ["b", "a", "c"]
    assert [record.name for record in registry.patterns("p", State.ACTIVE)] == ["b", "c"]
    assert registry.patterns("p", State.RETIRED) == []


def test_what_is_listed_again_is_as_it_is_now(url: str, opened: Callable[..., Registry]) -> None:
    """Also after steps of other processes, and after those of which Runtimes see nothing."""
    here, there = opened(url), opened(url)
    assert here.patterns("p") == []
    there.add_pattern("p", hot("a"), author="learner", state=State.CANDIDATE)
    assert [each.state for each in here.patterns("p")] == [State.CANDIDATE]
    there.transition("p", "a", State.REJECTED, **WHO)
    assert [each.state for each in here.patterns("p")] == [State.REJECTED]
    here.add_pattern("q", hot("b"), author="ada")
    assert [each.name for each in here.patterns("p")] == ["a"]
    assert here.patterns("p", State.ACTIVE) == []
    assert here.patterns("p", State.REJECTED) == here.patterns("p")
