"""Spaces: isolated copies of the simulated APIs, each with its own rules and recordings."""

from __future__ import annotations

import base64
import dataclasses
import random
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from typing import Any

from arc_simulator.errors import RuleError
from arc_simulator.rules import Rule, number, text

STORED_REPLIES = 1000
"""How many replies of the Responses API a space can retrieve again."""

_SECRET_HEADERS = frozenset({"authorization", "api-key", "x-api-key", "cookie"})


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """How a space answers when no rule fires."""

    reply: str = "Hello! How can I help you today?"
    """Text of every reply."""
    latency_ms: float = 0.0
    """Time before the first byte."""
    chunk_count: int = 8
    """Into how many pieces a stream cuts the text."""
    chunk_delay_ms: float = 0.0
    """Time between the events of a stream."""
    reasoning_tokens: int = 64
    """What a reasoning model thinks before it answers."""
    provider: str = "openai"
    """Whose rules concern calls to `/v1`: `openai` or `openai_compatible`."""
    seed: int = 0
    """Of the chance with which rules fire."""
    keep_requests: int = 1000
    """How many of the newest requests are recorded."""

    def replace(self, changes: Mapping[str, Any]) -> Settings:
        """Return a copy with some settings changed; raise RuleError for a bad one."""
        unknown = changes.keys() - _SETTING_CHECKS.keys()
        if unknown:
            known = ", ".join(_SETTING_CHECKS)
            raise RuleError(f"settings: unknown field {min(unknown)!r}; known are {known}")
        checked = {key: _SETTING_CHECKS[key](key, value) for key, value in changes.items()}
        return dataclasses.replace(self, **checked)


_SETTING_CHECKS = {
    "reply": text,
    "latency_ms": number(),
    "chunk_count": number(1, whole=True),
    "chunk_delay_ms": number(),
    "reasoning_tokens": number(whole=True),
    "provider": text,
    "seed": number(whole=True),
    "keep_requests": number(1, whole=True),
}


@dataclasses.dataclass(slots=True)
class Recording:
    """A request as it arrived."""

    method: str
    path: str
    query: str
    endpoint: str
    headers: Mapping[str, str]
    body: bytes
    json: Any
    """The parsed body; None when it is not JSON."""
    rule: str | None = None
    """Id of the rule that fired."""
    status: int | None = None
    """Status of the answer; None while there is none."""

    def to_json(self) -> dict[str, Any]:
        """Return the recording for the control API, without secrets."""
        document = {name: getattr(self, name) for name in self.__slots__ if name != "body"}
        document["headers"] = {
            name: "[redacted]" if name in _SECRET_HEADERS else value
            for name, value in self.headers.items()
        }
        document["body_base64"] = base64.b64encode(self.body).decode("ascii")
        return document


class Space:
    """One isolated copy of the simulated APIs."""

    def __init__(self, name: str, settings: Settings, rules: Sequence[Rule]) -> None:
        self.name = name
        self._initial = (settings, rules)
        self.reset()

    def reset(self) -> None:
        """Go back to the state in which the simulator was started."""
        settings, rules = self._initial
        self.replies: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self.recordings: deque[Recording] = deque()
        self.settings = settings
        self.apply(settings)
        self.use(rules)

    def apply(self, settings: Settings) -> None:
        """Change the settings; the chance starts again from the seed."""
        self.settings = settings
        self.recordings = deque(self.recordings, maxlen=settings.keep_requests)
        self._random = random.Random(settings.seed)

    def use(self, rules: Sequence[Rule]) -> None:
        """Replace all rules; the chance starts again from the seed."""
        self.rules = tuple(rules)
        self._fired = [0] * len(rules)
        self._random = random.Random(self.settings.seed)

    def choose(self, endpoint: str, provider: str, request: Mapping[str, Any]) -> Rule | None:
        """Return the first rule that fires for a request, if any."""
        for position, rule in enumerate(self.rules):
            if not rule.concerns(endpoint, provider):
                continue
            if rule.condition is not None and not rule.condition(request):
                continue
            if rule.times is not None and self._fired[position] >= rule.times:
                continue
            if rule.probability < 1 and self._random.random() >= rule.probability:
                continue
            self._fired[position] += 1
            return rule
        return None

    def fired(self) -> list[tuple[Rule, int]]:
        """Return every rule with how often it has fired."""
        return list(zip(self.rules, self._fired))

    def store(self, reply: dict[str, Any]) -> None:
        """Keep a reply that can be retrieved by its id."""
        self.replies[reply["id"]] = reply
        if len(self.replies) > STORED_REPLIES:
            self.replies.popitem(last=False)


class Spaces:
    """All spaces by name; one comes into being when it is first used."""

    def __init__(self, default: Space) -> None:
        self._by_name = {default.name: default}
        self._default = default
        self._fresh = Settings(seed=default.settings.seed)

    def __getitem__(self, name: str) -> Space:
        space = self._by_name.get(name)
        if space is None:
            space = self._by_name[name] = Space(name, self._fresh, ())
        return space

    def reset(self, name: str) -> None:
        """Forget everything about a space."""
        if name == self._default.name:
            self._default.reset()
        else:
            self._by_name.pop(name, None)
