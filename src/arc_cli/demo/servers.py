"""The two servers of the demo: the provider simulator and Arc Core."""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.request
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from arc_cli.core_client import CoreClient, TlsFiles
from arc_cli.demo.children import WAIT_S, Child, DemoError, Place

LOOK_EVERY_S = 0.2

_ADDRESSES = re.compile(r"grpc://\S+?:(\d+) .*http://\S+?:(\d+)/api/v1", re.DOTALL)


class Simulator(Child):
    """A provider that refuses what the rules say; ready once it has been made."""

    def __init__(self, place: Place, rules: Sequence[str], latency_ms: float = 0) -> None:
        command = ["arc_simulator", "--port", "0", "--latency-ms", str(latency_ms)]
        for rule in rules:
            command += ["--rule", rule]
        super().__init__("simulator", *command, place=place)
        self.url = ""

    def started(self) -> Simulator:
        """Wait until it answers."""
        self.url = self.wait_for("its start", self._announced)
        return self

    def use(self, rules: Sequence[Dict[str, Any]]) -> None:
        """Refuse from now on what these rules say, and nothing else."""
        self._control("rules", rules)

    def requests(self) -> List[Dict[str, Any]]:
        """Return the bodies of the newest requests as they arrived."""
        return [request["json"] for request in self._control("requests")["requests"]]

    def _control(self, name: str, body: Any = None) -> Any:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(
            f"{self.url}/_simulator/spaces/default/{name}",
            None if body is None else json.dumps(body).encode(),
            method="GET" if body is None else "PUT",
        )
        with opener.open(request) as answer:
            return json.load(answer)

    def _announced(self) -> Any:
        return next((line.split()[1] for line in self.lines if line.startswith("ready ")), None)


class Core(Child):
    """`arc core` over a folder; on any free ports, or on those of the one before it."""

    def __init__(
        self, place: Place, ports: Tuple[int, int] = (0, 0), *, approval: str = "auto"
    ) -> None:
        command = ["arc_cli", "core", "--data", str(place.folder / "core")]
        command += ["--port", str(ports[0]), "--http-port", str(ports[1])]
        command += ["--approval", approval]
        super().__init__("arc core", *command, place=place)
        self.ports = ports

    def started(self) -> Core:
        """Wait until it is ready."""
        found = self.wait_for("its start", self._announced)
        self.ports = int(found[1]), int(found[2])
        return self

    @property
    def endpoint(self) -> str:
        """Where Runtimes find it."""
        return f"grpc://127.0.0.1:{self.ports[0]}"

    @property
    def url(self) -> str:
        """Where commands find it."""
        return f"http://127.0.0.1:{self.ports[1]}"

    def ask(self, path: str, **parameters: Any) -> Any:
        """Return an answer of its REST interface; raises `CoreError`."""
        return self._client().get(path, **parameters)

    def calls(self, **parameters: Any) -> List[Any]:
        """Return the calls that it has stored; raises `CoreError`."""
        return list(self._client().pages("/calls", "calls", limit=1000, **parameters))

    def wait_until(
        self, what: str, look: Callable[[], Optional[Any]], within_s: float = WAIT_S
    ) -> Any:
        """Ask until `look` finds something; Core has no event for this. Raises `DemoError`."""
        deadline = time.monotonic() + within_s
        pause = threading.Event()
        while time.monotonic() < deadline:
            found = look()
            if found is not None:
                return found
            pause.wait(LOOK_EVERY_S)
        raise DemoError(f"Core did not say within {within_s:g} s {what}.")

    def _client(self) -> CoreClient:
        return CoreClient(self.url, None, TlsFiles({}))

    def _announced(self) -> Any:
        banner = "".join(self.lines)
        return _ADDRESSES.search(banner) if "\n  next " in banner else None
