"""Controls a provider simulator over HTTP; standard library only, for every Python."""

from __future__ import annotations

import base64
import json
import urllib.request
from typing import Any, Dict, List

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_TIMEOUT_S = 20


class Space:
    """One isolated copy of the simulated APIs."""

    def __init__(self, simulator_url: str, name: str) -> None:
        self.name = name
        self.url = f"{simulator_url}/spaces/{name}"
        """The endpoint of an Azure client."""
        self.base_url = f"{self.url}/v1"
        """The base URL of an OpenAI client."""
        self._control = f"{simulator_url}/_simulator/spaces/{name}"

    def rules(self, rules: List[Any]) -> None:
        """Replace the rules: ids of the catalogue, or whole rules."""
        _send("PUT", f"{self._control}/rules", rules)

    def settings(self, **settings: Any) -> None:
        """Change settings, such as `latency_ms` or `reply`."""
        _send("PUT", f"{self._control}/settings", settings)

    def requests(self) -> List[Dict[str, Any]]:
        """Return every recorded request, the oldest first; `body` holds its bytes."""
        recorded: List[Dict[str, Any]] = _send("GET", f"{self._control}/requests")["requests"]
        for request in recorded:
            request["body"] = base64.b64decode(request.pop("body_base64"))
        return recorded

    def reset(self) -> None:
        """Forget rules, settings and recordings."""
        _send("DELETE", self._control)


class Simulator:
    """A running simulator."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def space(self, name: str) -> Space:
        """Return a space; it comes into being when it is first used."""
        return Space(self.url, name)


def _send(method: str, url: str, document: Any = None) -> Any:
    body = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(url, body, method=method)
    with _OPENER.open(request, timeout=_TIMEOUT_S) as answer:
        return json.load(answer)
