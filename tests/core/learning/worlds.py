"""Traffic of invented applications that call invented models, some of which fails by a rule."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from arc_core.learning import Example
from arc_protocol.cures import ErrorFacts
from arc_protocol.recording import record, restore

Request = dict[str, Any]
Rule = Callable[[Request], bool]

MODELS = [
    "zephyr-2",
    "zephyr-2-mini",
    "kestrel-4",
    "kestrel-4-mini",
    "kestrel-4-2026-02-01",
    "kestrel-5",
    "osprey-1-large",
    "osprey-1-small",
]
_SETTINGS: dict[str, list[Any]] = {
    "temperature": [0, 0.3, 0.7, 1],
    "top_p": [0.9, 0.95],
    "max_tokens": [256, 1000, 2000, 4096, 6000],
    "stream": [True, False],
    "seed": [1, 2, 3],
    "stop": [["END"], ["a", "b"], ["a", "b", "c", "d", "e"], ["1", "2", "3", "4", "5", "6", "7"]],
    "presence_penalty": [0, 0.5],
    "user": ["ann", "bob"],
    "response_format": [{"type": "json_object"}, {"type": "text"}],
}
_WORDS = ["sum", "report", "weather", "please", "compute", "data", "draft", "answer", "values"]


class World:
    """Applications with fixed settings, which send calls that differ in their words."""

    def __init__(self, seed: int, rule: Rule, error: ErrorFacts | None = None, apps: int = 400):
        self._random = random.Random(seed)
        self._rule = rule
        self._error = error
        settings = [self._application() for _ in range(apps)]
        self._failing = [one for one in settings if rule(one)][:12]
        self._healthy = [one for one in settings if not rule(one)][:60]

    def failing(self, count: int) -> list[Example]:
        """Calls of which the rule holds."""
        return [self._call(self._failing, "failing", self._error) for _ in range(count)]

    def healthy(self, count: int) -> list[Example]:
        """Calls of which it does not."""
        return [self._call(self._healthy, "healthy", None) for _ in range(count)]

    def _application(self) -> Request:
        names = self._random.sample(list(_SETTINGS), self._random.randint(0, 5))
        chosen = {name: self._random.choice(_SETTINGS[name]) for name in names}
        return {"model": self._random.choice(MODELS), "messages": self._messages(), **chosen}

    def _messages(self) -> list[Request]:
        history: list[Request] = [{"role": "system", "content": self._text()}]
        for turn in range(self._random.randint(0, 2)):
            call = {"name": "look_up", "arguments": "{}"}
            history.append({"role": "user", "content": self._text()})
            asked = {"id": f"call_{turn}", "type": "function", "function": call}
            history.append({"role": "assistant", "content": None, "tool_calls": [asked]})
            if self._random.random() < 0.6:
                answer = {"role": "tool", "tool_call_id": f"call_{turn}", "content": self._text()}
                history.append(answer)
        return [*history, {"role": "user", "content": self._text()}]

    def _text(self) -> str:
        return " ".join(self._random.choices(_WORDS, k=self._random.randint(3, 30)))

    def _call(self, settings: list[Request], name: str, error: ErrorFacts | None) -> Example:
        at = self._random.randrange(len(settings))
        messages = [
            {**one, "content": self._text()} if one["content"] else one
            for one in settings[at]["messages"]
        ]
        recorded = json.loads(json.dumps(record({**settings[at], "messages": messages})))
        return Example(restore(recorded), f"{name}-{at}", error)
