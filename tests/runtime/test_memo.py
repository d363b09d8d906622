"""What is remembered of values that come again."""

from __future__ import annotations

import tracemalloc
from typing import Any, Callable, List

import pytest

from runtime._memo import LIMIT, Memo
from runtime._telemetry.content import dumped, plain
from runtime.providers._openai_chat import _message


class Counting:
    def __init__(self) -> None:
        self.asked: List[Any] = []

    def __call__(self, value: Any) -> str:
        self.asked.append(value)
        return repr(value)


def test_equal_values_are_made_once() -> None:
    """They need not be the same object: the next request holds new ones."""
    make = Counting()
    memo = Memo(make)
    assert memo({"role": "user", "n": [1, None]}) == memo({"role": "user", "n": [1, None]})
    assert len(make.asked) == 1


def test_a_value_that_was_changed_in_place_is_another_one() -> None:
    """Applications edit messages that they have sent."""
    memo = Memo(repr)
    message = {"role": "user", "content": ["Hi"]}
    memo(message)
    message["content"][0] = "Bye"  # type: ignore[index]
    assert "Bye" in memo(message)


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, True), (1, 1.0), (0.0, -0.0), ("1", 1), ([1], (1,)), ({"a": 1, "b": 2}, {"b": 2, "a": 1})],
)
def test_values_that_only_compare_as_equal_are_not_taken_for_each_other(
    one: object, other: object
) -> None:
    """They are different in JSON."""
    memo = Memo(repr)
    assert (memo([one]), memo([other])) == (repr([one]), repr([other]))


def test_values_of_foreign_types_are_made_anew() -> None:
    """What such an object holds is its own business, and may change unseen."""

    class Text(str):
        pass

    make = Counting()
    memo = Memo(make)
    for _ in range(2):
        memo([Text("a")])
        memo([object()])
    assert len(make.asked) == 4


def test_a_value_without_end_is_left_to_the_function() -> None:
    """The function has a limit of its own."""
    value: List[Any] = []
    value.append(value)
    assert Memo(lambda _: "made")(value) == "made"


def test_no_more_is_remembered_than_was_allowed() -> None:
    """It starts anew when it is full, and a huge value does not fill it."""
    make = Counting()
    memo = Memo(make, limit=2000)
    huge = "x" * 100_000
    memo("first")
    memo(huge)
    memo("first")
    memo(huge)
    assert make.asked == ["first", huge, huge]
    for n in range(1000):
        memo(f"another {n}")
    memo("first")
    assert make.asked.count("first") == 2


def _element(value: Any) -> str:
    return dumped(plain(value, limit=LIMIT), limit=LIMIT)


@pytest.mark.parametrize("length", [1, 100, 5_000])
@pytest.mark.parametrize("make", [_message, _element])
def test_what_is_remembered_takes_no_more_memory_than_it_may(
    make: Callable[[Any], Any], length: int
) -> None:
    """Many short messages count as well, which take far more than their texts."""
    memo = Memo(make)
    memo({"role": "user", "content": "what is made once for all"})
    most = 0
    tracemalloc.start()
    try:
        for n in range(5_000):
            memo({"role": "user", "content": f"{n}" + "x" * length})
            most = max(most, tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert most < 1.3 * LIMIT
