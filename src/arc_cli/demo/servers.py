"""The two servers of the demo: the provider simulator and Arc Core."""

from __future__ import annotations

import re
from typing import Any, List, Sequence, Tuple

from arc_cli.core_client import CoreClient, TlsFiles
from arc_cli.demo.children import Child, Place

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

    def _announced(self) -> Any:
        return next((line.split()[1] for line in self.lines if line.startswith("ready ")), None)


class Core(Child):
    """`arc core` over a folder; on any free ports, or on those of the one before it."""

    def __init__(self, place: Place, ports: Tuple[int, int] = (0, 0)) -> None:
        command = ["arc_cli", "core", "--data", str(place.folder / "core")]
        command += ["--port", str(ports[0]), "--http-port", str(ports[1])]
        # it would cure what the demo wants to cure by hand
        command += ["--approval", "manual"]
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

    def _client(self) -> CoreClient:
        return CoreClient(self.url, None, TlsFiles({}))

    def _announced(self) -> Any:
        banner = "".join(self.lines)
        return _ADDRESSES.search(banner) if "\n  next " in banner else None
