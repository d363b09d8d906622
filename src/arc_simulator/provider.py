"""What a simulated provider consists of; each provider fills these in."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Union

from arc_simulator.rules import Outcome
from arc_simulator.spaces import Space

Reply = Union[dict[str, Any], bytes]
"""What an endpoint answers: a JSON object or, for audio, raw bytes."""


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """One request to an endpoint, read and ready to be answered."""

    body: Mapping[str, Any]
    """The parsed JSON body; empty when there is none."""
    raw: bytes
    headers: Mapping[str, str]
    path: Mapping[str, str]
    """Parameters in the path, such as the id of a stored response."""
    space: Space
    outcome: Outcome
    """What the rule that fired wants."""

    @property
    def forces_text(self) -> bool:
        """Whether a rule decides what the reply says, so that no tool is called."""
        return self.outcome.content is not None or bool(self.outcome.response)


@dataclasses.dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation of an API."""

    name: str
    """The SDK call, as rules name it."""
    method: str
    path: str
    reply: Callable[[Call], Reply]
    """Makes the whole reply; raises Refusal for a bad request."""
    acknowledge: Callable[[Call, dict[str, Any]], dict[str, Any]] = lambda call, reply: reply
    """Makes of a whole reply what is answered at once; the rest can be retrieved."""
    events: Callable[[Call, dict[str, Any]], list[bytes]] | None = None
    """Cuts a whole reply into the events of a stream."""
    error_event: Callable[[Any], bytes] | None = None
    """Makes the event that reports an error in the middle of a stream."""
    is_stored: Callable[[Call], bool] = lambda call: False
    """Whether the reply can be retrieved by its id afterwards."""
    takes_json: bool = True
    media_type: str = "application/json"
    """Of the reply."""


@dataclasses.dataclass(frozen=True, slots=True)
class Mount:
    """A place in the URL space where a provider's endpoints live."""

    prefix: str
    base_url: str
    """What rules see as `client.base_url`: where a real client would have sent the request."""
    provider: str | None = None
    """Whose calls arrive here; None: the space's settings tell."""


@dataclasses.dataclass(frozen=True, slots=True)
class Provider:
    """A simulated API."""

    mounts: Sequence[Mount]
    endpoints: Sequence[Endpoint]
    authenticate: Callable[[Mapping[str, str]], None]
    """Raises Refusal when the headers hold no credentials."""
    bad_json: Any
    """Body of the 400 for a request that is not a JSON object."""
    server_error: Any
    """Body of an error for which a rule gives none."""
    headers: Callable[[float], Mapping[str, str]]
    """Makes the headers of an answer from the seconds it took."""
