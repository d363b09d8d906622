"""What is seen over the calls of one run."""

from __future__ import annotations

from arc_core.detection.runs import run_kinds
from arc_protocol.turns import Turn


def turn(
    *,
    messages: int = 1,
    beginning: int = 1,
    begin: str = "b",
    news: str = "n",
    spoken: bool = False,
    reply: str = "r",
    tools: tuple[str, ...] = (),
) -> Turn:
    return Turn(messages, beginning, begin, news, spoken, reply, tools)


def evident(*turns: Turn) -> list[list[str]]:
    """Return what became evident with each call."""
    return [run_kinds(turns[: place + 1]) for place in range(len(turns))]


def test_the_third_equal_call_of_a_tool_is_a_loop() -> None:
    """Also with others in between, and where every call is a conversation of its own."""
    looking, other = ("look",), ("write",)
    turns = [
        turn(news=f"n{number}", reply=f"r{number}", tools=tools, spoken=True)
        for number, tools in enumerate([looking, other, looking, ("a", "look"), looking])
    ]
    assert evident(*turns) == [[], [], [], ["repeated_tool_call"], ["repeated_tool_call"]]


def test_what_a_person_asks_for_again_is_no_loop() -> None:
    asked = [
        turn(messages=1 + 4 * number, news=f"n{number}", spoken=True, tools=("look",))
        for number in range(5)
    ]
    assert not any(evident(*asked))
    # and after they have spoken, counting begins anew
    after = [turn(messages=30 + number, news=f"m{number}", tools=("look",)) for number in range(2)]
    assert evident(*asked, *after)[-2:] == [[], ["repeated_tool_call"]]


def test_calls_that_bring_nothing_new_are_a_loop_of_any_shape() -> None:
    """Two agents tell each other the same two things."""
    turns = [
        turn(messages=1 + 2 * number, news=f"n{number % 2}", reply=f"r{number % 2}")
        for number in range(8)
    ]
    assert evident(*turns) == [[]] * 5 + [["no_progress"]] * 3


def test_many_questions_with_few_answers_are_no_loop() -> None:
    """A run that sorts things into two boxes."""
    turns = [turn(news=f"n{number}", reply=f"r{number % 2}") for number in range(32)]
    assert not any(evident(*turns))


def test_a_conversation_that_starts_over_is_seen_once() -> None:
    grown = [turn(messages=1 + 2 * number, news=f"n{number}") for number in range(3)]
    back = turn(messages=1, news="n0", reply="other")
    assert evident(*grown, back) == [[], [], [], ["conversation_reset"]]
    on = turn(messages=3, news="n9", reply="on")
    assert evident(*grown, back, on)[-1] == []


def test_several_tries_and_other_conversations_are_no_reset() -> None:
    """The same question at once several times; other agents of the same run in between."""
    tries = [turn(reply=f"r{number}") for number in range(5)]
    assert not any(evident(*tries))
    mixed = [
        turn(messages=9, beginning=1, begin="one"),
        turn(messages=1, begin="two", news="x"),
        turn(messages=11, beginning=1, begin="one", news="y"),
    ]
    assert not any(evident(*mixed))
