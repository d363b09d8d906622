from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from arc_core.registry.errors import RegistryError
from arc_core.registry.lifecycle import State
from arc_core.registry.registry import Registry
from arc_protocol.errors import PatternError
from arc_protocol.wire import digests
from core.registry.documents import hot

WHO = {"author": "ada", "reason": "because"}


def test_a_project_without_patterns_has_the_empty_set(registry: Registry) -> None:
    empty = registry.pattern_set("p")
    assert (empty.version, empty.entries, empty.digest) == (0, (), digests.of_set([]))
    assert empty.epoch


def test_digests_are_those_that_runtimes_compute(registry: Registry) -> None:
    registry.add_pattern("p", hot("a"), author="ada")
    registry.add_pattern("p", hot("b", 0.25), author="ada")
    found = registry.pattern_set("p")
    for entry in found.entries:
        assert entry.digest == digests.of_document(digests.canonical(entry.document))
    assert found.digest == digests.of_set([entry[:3] for entry in found.entries])


def test_the_version_grows_by_one_with_each_change_of_what_is_in_force(
    registry: Registry,
) -> None:
    steps: list[tuple[Callable[[], Any], int]] = [
        (lambda: registry.add_pattern("p", hot("a"), author="ada"), 1),
        (lambda: registry.add_pattern("p", hot("a"), author="ada"), 1),
        (lambda: registry.add_pattern("p", hot("b"), author="ada", state=State.CANDIDATE), 1),
        (lambda: registry.transition("p", "b", State.SHADOW, **WHO), 2),
        (lambda: registry.transition("p", "b", State.ACTIVE, **WHO), 3),
        (lambda: registry.transition("p", "a", State.PAUSED, **WHO), 4),
        (lambda: registry.add_pattern("other", hot("a"), author="ada"), 4),
        (lambda: registry.transition("p", "a", State.ACTIVE, **WHO), 5),
        (lambda: registry.add_pattern("p", hot("a", 0.1), author="ada"), 6),
    ]
    for step, version in steps:
        step()
        assert registry.pattern_set("p").version == version
    names = [(entry.name, entry.revision) for entry in registry.pattern_set("p").entries]
    assert names == [("a", 2), ("b", 1)]


def test_the_order_is_that_of_first_addition(registry: Registry) -> None:
    """Later ones go first, in Runtimes as in a list of registrations; no collation decides."""
    for name in ("b", "Z", "a", "\N{LATIN SMALL LETTER A WITH DIAERESIS}"):
        registry.add_pattern("p", hot(name), author="ada")
    registry.add_pattern("p", hot("b", 0.1), author="ada")
    found = [entry.name for entry in registry.pattern_set("p").entries]
    assert found == ["b", "Z", "a", "\N{LATIN SMALL LETTER A WITH DIAERESIS}"]


def test_version_and_epoch_survive_a_restart(url: str, opened: Callable[[str], Registry]) -> None:
    first = opened(url)
    first.add_pattern("p", hot("a"), author="ada")
    first.transition("p", "a", State.RETIRED, **WHO)
    before = first.pattern_set("p")
    first.close()
    second = opened(url)
    assert second.pattern_set("p") == before
    second.transition("p", "a", State.ACTIVE, **WHO)
    assert second.pattern_set("p").version == before.version + 1


def test_a_change_by_another_process_is_in_the_next_set(
    url: str, opened: Callable[[str], Registry]
) -> None:
    one, other = opened(url), opened(url)
    one.add_pattern("p", hot("a"), author="ada")
    assert one.pattern_set("p").version == 1
    other.transition("p", "a", State.PAUSED, **WHO)
    assert (one.pattern_set("p").version, one.pattern_set("p").entries) == (2, ())


def test_an_import_makes_one_version(registry: Registry) -> None:
    registry.add_pattern("p", hot("a"), author="ada")
    documents = [hot("b"), hot("a", 0.1), hot("c")]
    made = registry.import_patterns("p", documents, author="ada")
    assert [(record.name, record.revision) for record in made] == [("b", 1), ("a", 2), ("c", 1)]
    assert registry.pattern_set("p").version == 2
    registry.import_patterns("p", documents, author="ada")
    assert registry.pattern_set("p").version == 2


@pytest.mark.parametrize(
    ("third", "error", "sentence"),
    [
        ({"name": "c", "pattern": {}}, PatternError, r'^Pattern 3 is refused: .*"fix"'),
        (hot("a", 0.1), RegistryError, r'^Pattern 3 is called "a" like one before it'),
        ("text", PatternError, "^Pattern 3 is refused: "),
    ],
)
def test_an_import_takes_all_or_none(
    registry: Registry, third: Any, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        registry.import_patterns("p", [hot("a"), hot("b"), third], author="ada")
    assert registry.patterns("p") == []
    assert registry.pattern_set("p").version == 0


def test_an_import_that_fails_halfway_leaves_nothing(registry: Registry) -> None:
    with pytest.raises(RegistryError, match="author"):
        registry.import_patterns("p", [hot("a")], author="")
    assert registry.patterns("p") == []


def test_what_is_exported_does_the_same_elsewhere(registry: Registry) -> None:
    for name in ("b", "a", "c"):
        registry.add_pattern("p", hot(name), author="ada")
    registry.transition("p", "a", State.PAUSED, **WHO)
    documents = registry.export_patterns("p")
    registry.import_patterns("q", documents, author="bob")
    assert registry.pattern_set("q").digest == registry.pattern_set("p").digest
    documents[0]["fix"]["temperature"] = 0
    assert registry.export_patterns("p")[0] == hot("b")
