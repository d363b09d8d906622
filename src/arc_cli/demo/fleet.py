"""Part two: three applications, one pattern for all of them, and a Core that is killed."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Any, List, NamedTuple, Optional

from arc_cli.demo.applications import NAMES, Application, failed
from arc_cli.demo.cases import REASONING_REQUEST
from arc_cli.demo.children import Place
from arc_cli.demo.servers import Core, Simulator
from arc_cli.demo.terminal import cut, headline, say, typed
from arc_cli.layout import moment

PATTERN = "o4-mini-top-p"
_RULE = "openai-chat-top-p-unsupported-o4-mini"
_MATCH = '{"model": "o4-mini", "top_p": {"exists": true}}'
_FIX = '{"top_p": null}'

_LATENCY_MS = 50.0
"""Of the provider; it sets the pace of the applications."""
_SOME_CALLS = 20
"""Calls of each application that are waited for in each act."""


_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
"""As Core's REST interface writes and reads it."""


class Outage(NamedTuple):
    """The time without Core, in seconds since the epoch."""

    began: float
    ended: float


class Seen(NamedTuple):
    """What happened; times in seconds since the epoch."""

    pushed_at: float
    """When Core had stored the pattern, by its history."""
    runtimes: List[Any]
    """What Core says of the Runtimes afterwards."""
    set_version: int
    outage: Outage
    delivered: List[Any]
    """Every call that Core has in the end."""


class Fleet:
    """The processes of part two."""

    def __init__(self, place: Place) -> None:
        headline("2. Three applications, one Arc Core")
        self._place = place
        simulator = Simulator(place, [_RULE], latency_ms=_LATENCY_MS)
        # it would cure what a person shall cure here
        self.core = Core(place, approval="manual").started()
        simulator.started()
        self.applications = [Application(name, place, simulator, self.core) for name in NAMES]

    def run(self) -> Seen:
        """Go through the acts; raises `DemoError` where one cannot go on."""
        self._failing()
        pushed_at = self._push()
        info, runtimes = self._held_by_all()
        outage = self._without_core()
        delivered = self._delivered()
        return Seen(pushed_at, runtimes, info["pattern_set"]["version"], outage, delivered)

    def _failing(self) -> None:
        sent = REASONING_REQUEST
        say(
            f"Arc Core is at {self.core.url}, with --approval manual: what it learns",
            "from the failures waits for a person. Here a person is faster.",
            f"{', '.join(NAMES)} call {sent['model']} with top_p {sent['top_p']}:",
        )
        self._all(_SOME_CALLS, since=0, link="connected")
        for each in self.applications:
            calls = list(each.calls)
            say(f"  {each.name:8} {len(calls):4} calls, {failed(calls)} failed")
        say("The provider says:", cut(f"  {self.applications[0].calls[-1].error}", 80))

    def _push(self) -> float:
        typed_at = time.time()
        self._arc(
            *("patterns", "add", "--name", PATTERN, "--pattern", _MATCH, "--fix", _FIX),
        )
        pushed_at = moment(self.core.ask(f"/patterns/{PATTERN}")["history"][-1]["at"]).timestamp()
        say("", "The first call that went through, by the applications' own clocks:")
        for each in self.applications:
            good = each.wait_for_success()
            say(
                f"  {each.name:8} {_ms(good.ended - typed_at):>5} ms after Enter,"
                f" {_ms(good.ended - pushed_at):>4} ms after Core had the pattern"
            )
        self._all(_SOME_CALLS, since=time.time())
        return pushed_at

    def _held_by_all(self) -> tuple[Any, List[Any]]:
        def look() -> Any:
            info = self.core.ask("/info")
            runtimes = self.core.ask("/runtimes", connected=True)["runtimes"]
            current = [r for r in runtimes if r["set_digest"] == info["pattern_set"]["digest"]]
            return (info, runtimes) if len(current) == len(NAMES) else None

        info, runtimes = self.core.wait_until("that all Runtimes hold the set in force", look)
        self._arc("status")
        say("", "Set versions that the Runtimes hold, of which that one is current:")
        for each in sorted(runtimes, key=lambda runtime: str(runtime["service"])):
            say(f"  {each['service']:8} version {each['set_version']}")
        return info, runtimes

    def _without_core(self) -> Outage:
        say("", f"$ kill -9 {self.core.process.pid}    # Arc Core")
        self.core.kill()
        killed_at = time.time()
        self._all(_SOME_CALLS, since=killed_at)
        alone = time.time()
        for each in self.applications:
            calls = each.between(killed_at, alone)
            say(
                f"  {each.name:8} {len(calls):4} calls without Core, {failed(calls)} failed,"
                f" with set version {calls[-1].set_version}"
            )
        self.core = Core(self._place, self.core.ports, approval="manual").started()
        back_at = time.time()
        say(f"Core is back after {back_at - killed_at:.1f} s, on the same ports and data.")
        self._all(1, since=back_at, link="connected")
        say("All Runtimes are connected again.")
        self._late_deliveries(Outage(killed_at, back_at))
        return Outage(killed_at, back_at)

    def _late_deliveries(self, outage: Outage) -> None:
        made = {c.reply for each in self.applications for c in each.between(*outage)}
        since = datetime.fromtimestamp(outage.began, timezone.utc).strftime(_TIME)

        def look() -> Optional[bool]:
            stored = {call["response_id"] for call in self.core.calls(since=since, failed=False)}
            return True if made - {None} <= stored else None

        self.core.wait_until("that it has the calls made without it", look)
        after_s = time.time() - outage.ended
        say(f"All {len(made)} calls made without Core are in its store, after {after_s:.1f} s.")

    def _delivered(self) -> List[Any]:
        """End the applications, which hand over the rest; return all that Core has."""
        for each in self.applications:
            each.finish()
        # they end when Core has acknowledged all of it, which it does when it is stored
        return self.core.calls()

    def _all(self, count: int, *, since: float, link: Optional[str] = None) -> None:
        for each in self.applications:
            each.wait_for_calls(count, since=since, link=link)

    def _arc(self, *arguments: str) -> None:
        typed(*arguments, folder=self._place.folder, core_url=self.core.url)


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f}"
