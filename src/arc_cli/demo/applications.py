"""The demo's applications as it sees them: what they print, and what that says."""

from __future__ import annotations

import json
import statistics
from typing import List, NamedTuple, Optional

from arc_cli.demo.children import Child, Place
from arc_cli.demo.servers import Core, Simulator

NAMES = ("search", "shop", "support")


class Call(NamedTuple):
    """One call as its application printed it; times in seconds since the epoch."""

    began: float
    ended: float
    error: Optional[str]
    reply: Optional[str]
    """Id of the reply; None for a call that failed."""
    kind: str
    """Of the traffic of part three; "" where all calls are the same."""
    set_version: int
    """Of the patterns that its Runtime held then."""
    link: str
    """How its Runtime stood with Core then."""


class Application(Child):
    """A process that calls a model in a loop; with `mixed`, several models in different ways."""

    def __init__(
        self, name: str, place: Place, simulator: Simulator, core: Core, *, mixed: bool = False
    ) -> None:
        self.calls: List[Call] = []
        super().__init__(
            name,
            "arc_cli.demo.application",
            *(["mixed"] if mixed else []),
            place=place,
            OPENAI_BASE_URL=f"{simulator.url}/v1",
            OPENAI_API_KEY="demo",
            ARC_ENDPOINT=core.endpoint,
            ARC_SERVICE_NAME=name,
            ARC_METRICS_PORT="0",
            ARC_SHUTDOWN_TIMEOUT="10",
            ARC_LOG_LEVEL="WARNING",
        )

    def taken(self, line: str) -> None:
        """Note down a call."""
        self.calls.append(Call(**json.loads(line)))

    def wait_for_calls(self, count: int, *, since: float, link: Optional[str] = None) -> None:
        """Wait until so many calls have begun after a time and ended, the last with this link."""

        def look() -> bool:
            made = self.between(since)
            return len(made) >= count and link in (None, made[-1].link)

        self.wait_for(f"call {count} of a loop, link {link or 'in any state'}", look)

    def wait_for_success(self) -> Call:
        """Wait for the first call that went through."""
        return self.wait_for(
            "a call that goes through", lambda: next((c for c in self.calls if not c.error), None)
        )

    def between(self, since: float, until: float = float("inf")) -> List[Call]:
        """Return the calls that began and ended between two times."""
        return [call for call in self.calls if since < call.began and call.ended < until]


def failed(calls: List[Call]) -> int:
    """Return how many failed."""
    return sum(call.error is not None for call in calls)


def median_ms(calls: List[Call]) -> float:
    """Return how long a call took that went through, in ms; NaN without one."""
    took = [1000 * (call.ended - call.began) for call in calls if not call.error]
    return statistics.median(took) if took else float("nan")
