"""Call sites of invented applications: requests with settings of their own, whose words differ."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.learning.cases import Case

CHAT, RESPONSES, EMBEDDINGS = "openai.chat.completions", "openai.responses", "openai.embeddings"
Request = dict[str, Any]
Verdict = Callable[[str, Mapping[str, Any]], "str | None"]
"""Tells which case befalls a request to an SDK call, if any."""

_WORDS = (
    *("sum", "report", "weather", "please", "compute", "data", "draft", "answer", "values"),
    *("invoice", "travel", "city", "customer", "note", "plan", "harbour", "list", "compare"),
    *("translate", "summary", "order", "river", "review", "meeting", "budget"),
)
_SYLLABLES = (
    *("bar", "dor", "fen", "gal", "hol", "kest", "lum", "marn", "nov", "orr", "pel", "quil"),
    *("ras", "sev", "tav", "ulm", "vorn", "wex", "yor", "zeph"),
)
_TRIES = 400


@dataclass(frozen=True)
class Site:
    """A place in a program where a call is made."""

    endpoint: str
    case: str | None
    """What befalls its calls; None: nothing."""
    request: Mapping[str, Any]
    about: str | None
    """The case whose models it calls; None for traffic that has to do with no case."""

    def call(self, draw: random.Random) -> Request:
        """Make a request: the words are new, everything else is as ever."""
        request = copy.deepcopy(dict(self.request))
        for holder, key in _texts(request):
            holder[key] = f"{holder[key]} {_text(draw)}"
        return request


def invented_names(draw: random.Random, count: int) -> list[str]:
    """Return names of model families that nobody has."""
    names: dict[str, None] = {}
    while len(names) < count:
        first, second = draw.sample(_SYLLABLES, 2)
        names[f"{first}{second}-{draw.randint(2, 9)}"] = None
    return list(names)


def members(family: str) -> list[str]:
    """Return the models of a family that a rule is about."""
    return [family, f"{family}-mini", f"{family}-2026-05-01"]


def siblings(family: str) -> list[str]:
    """Return models of the same maker that it is not about."""
    name, _, number = family.rpartition("-")
    return [f"{name}-{int(number) - 1}", f"{name}-{int(number) - 1}-mini"]


def failing(case: Case, family: str, verdict: Verdict, draw: random.Random) -> Site:
    """Return a site whose calls meet a case."""

    def attempt() -> Request:
        request = _like(case, draw.choice(members(family)), draw)
        return _with_settings(case.endpoint, request, draw)

    return _found(case.endpoint, case.id, case.id, attempt, verdict)


def healthy_near(case: Case, family: str, verdict: Verdict, draw: random.Random) -> Site:
    """Return a site whose calls could be taken for those of a case, and are healthy."""
    ways = [_plain, _near_miss]
    if case.fix is not None:
        ways += [_cured, _cured]
    if case.is_for_models:
        ways += [_sibling, _sibling]
    draw.shuffle(ways)
    for way in ways:
        for _ in range(_TRIES):
            request = way(case, family, draw)
            if verdict(case.endpoint, request) is None:
                return Site(case.endpoint, None, request, case.id)
    raise LookupError(f"no healthy call is like those of {case.id}")


def ordinary(family: str, verdict: Verdict, draw: random.Random) -> Site:
    """Return a site that has to do with no case."""
    endpoint = draw.choice((CHAT, CHAT, CHAT, RESPONSES, EMBEDDINGS))

    def attempt() -> Request:
        return _with_settings(endpoint, _base(endpoint, draw.choice(members(family)), draw), draw)

    return _found(endpoint, None, None, attempt, verdict)


def _found(
    endpoint: str, case: str | None, about: str | None, attempt: Callable[[], Request], ask: Verdict
) -> Site:
    for _ in range(_TRIES):
        request = attempt()
        if ask(endpoint, request) == case:
            return Site(endpoint, case, request, about)
    raise LookupError(f"no request is found for {case or about}")


def _like(case: Case, model: str, draw: random.Random) -> Request:
    request = {**copy.deepcopy(dict(case.trigger)), "model": model}
    for name, value in request.items():
        if type(value) is int and value > 8:
            request[name] = round(value * draw.choice((0.5, 0.75, 1, 1.25, 2)))
        elif type(value) in (int, float):
            request[name] = draw.choice((value, 0.2, 0.5, 0.9, 1.2))
    return request


def _plain(case: Case, family: str, draw: random.Random) -> Request:
    request = _base(case.endpoint, draw.choice(members(family)), draw)
    return _with_settings(case.endpoint, request, draw)


def _near_miss(case: Case, family: str, draw: random.Random) -> Request:
    request = _like(case, draw.choice(members(family)), draw)
    for name, value in request.items():
        if type(value) is int and value > 8:
            request[name] = round(value * draw.choice((0.02, 0.1, 0.25)))
    return _with_settings(case.endpoint, request, draw)


def _sibling(case: Case, family: str, draw: random.Random) -> Request:
    request = _like(case, draw.choice(siblings(family)), draw)
    return _with_settings(case.endpoint, request, draw)


def _cured(case: Case, family: str, draw: random.Random) -> Request:
    assert case.fix is not None
    request = _with_settings(case.endpoint, _like(case, draw.choice(members(family)), draw), draw)
    fixed, _ = case.fix.apply(request, {})
    return copy.deepcopy(dict(fixed))


def _base(endpoint: str, model: str, draw: random.Random) -> Request:
    if endpoint == EMBEDDINGS:
        texts = [_text(draw) for _ in range(draw.randint(1, 4))]
        return {"model": model, "input": texts, "encoding_format": "float"}
    if endpoint == RESPONSES:
        return {"model": model, "input": _text(draw)}
    messages = [{"role": "system", "content": _text(draw)}] if draw.random() < 0.7 else []
    return {"model": model, "messages": [*messages, {"role": "user", "content": _text(draw)}]}


def _with_settings(endpoint: str, request: Request, draw: random.Random) -> Request:
    """Set what people set, and leave alone what is set."""
    made = dict(request)
    for name, share, choose in _SETTINGS[endpoint]:
        if name not in made and draw.random() < share:
            made[name] = choose(draw)
    if endpoint == CHAT and "tools" not in request and draw.random() < 0.2:
        made["tools"] = [_tool(draw.choice(_TOOL_NAMES))]
        if draw.random() < 0.5:
            messages = copy.deepcopy(made["messages"])
            if isinstance(messages[-1].get("content"), str) and messages[-1]["role"] == "user":
                messages[-1]["content"] += f" Use {made['tools'][0]['function']['name']}."
            made["messages"] = messages
    if endpoint == EMBEDDINGS:
        made.setdefault("encoding_format", "float")  # the SDK would choose another
    return made


def _one_of(*values: Any) -> Callable[[random.Random], Any]:
    return lambda draw: draw.choice(values)


_SETTINGS: Mapping[str, list[tuple[str, float, Callable[[random.Random], Any]]]] = {
    CHAT: [
        ("temperature", 0.4, _one_of(0, 0.3, 0.7, 1)),
        ("top_p", 0.2, _one_of(0.9, 0.95)),
        ("max_tokens", 0.25, _one_of(256, 1000, 2000, 4096)),
        ("seed", 0.15, _one_of(1, 2, 3)),
        ("stop", 0.15, _one_of(["END"], ["###", "END"], ["a1", "b2", "c3"])),
        ("presence_penalty", 0.1, _one_of(0, 0.5)),
        ("frequency_penalty", 0.1, _one_of(0, 0.5)),
        ("user", 0.2, _one_of("ann", "bob", "eve")),
        ("stream", 0.25, _one_of(True)),
        ("response_format", 0.1, _one_of({"type": "text"})),
        ("reasoning_effort", 0.1, _one_of("low", "medium", "high")),
    ],
    RESPONSES: [
        ("temperature", 0.4, _one_of(0, 0.3, 0.7, 1)),
        ("top_p", 0.2, _one_of(0.9, 0.95)),
        ("max_output_tokens", 0.3, _one_of(256, 1000, 2000)),
        ("instructions", 0.3, _one_of("Be brief.", "Answer in English.")),
        ("user", 0.2, _one_of("ann", "bob")),
        ("stream", 0.2, _one_of(True)),
        ("store", 0.2, _one_of(False)),
    ],
    EMBEDDINGS: [("dimensions", 0.3, _one_of(256, 512)), ("user", 0.2, _one_of("ann", "bob"))],
}
"""Parameters, how often they are set, and to what."""

_TOOL_NAMES = ("get_weather", "find_flights", "read_ledger")


def _tool(name: str) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "day": {"type": "string"}},
        "required": ["city", "day"],
        "additionalProperties": False,
    }
    function = {"name": name, "description": "Look it up", "parameters": schema}
    return {"type": "function", "function": function}


def _text(draw: random.Random) -> str:
    return " ".join(draw.choices(_WORDS, k=draw.randint(3, 12)))


def _texts(request: Request) -> Iterator[tuple[Any, Any]]:
    """Yield where people's words are, as a holder and the key or index in it."""
    for message in request.get("messages") or ():
        if message.get("role") in ("user", "system") and isinstance(message.get("content"), str):
            yield message, "content"
    given = request.get("input")
    if isinstance(given, str):
        yield request, "input"
    elif isinstance(given, list):
        for place, item in enumerate(given):
            if isinstance(item, str) and item:
                yield given, place
            elif isinstance(item, dict) and isinstance(item.get("content"), str):
                yield item, "content"
