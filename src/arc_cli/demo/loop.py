"""Part three: a provider makes a rule, takes it back, makes it again; nobody does a thing."""

from __future__ import annotations

import json
import time
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from arc_cli.demo.applications import NAMES, Application, Call, failed
from arc_cli.demo.cases import NEW_RULE, TRAFFIC
from arc_cli.demo.children import Place
from arc_cli.demo.servers import LOOK_EVERY_S, Core, Simulator
from arc_cli.demo.terminal import cut, headline, say, typed
from arc_cli.layout import moment

_LATENCY_MS = 25.0
"""Of the provider; it sets the pace of the applications."""
_SOME_CALLS = 20
SETTLED_S = 2.0
"""After this, a pattern is in force everywhere, on a busy machine as well."""
_LEARNED_WITHIN_S = 30.0
_LET_GO_WITHIN_S = 60.0
"""What is held back from a fix decides about it: 2 % of the calls, and half of them in the end."""


class Acts(NamedTuple):
    """When what happened, in seconds since the epoch."""

    rule_made: float
    protected: float
    """The learned pattern was in force, its trial over."""
    rule_gone: float
    let_go: float
    """Calls were left alone again."""
    rule_again: float
    protected_again: float


class Seen(NamedTuple):
    """What came out."""

    acts: Acts
    pattern: str
    """Name of the one that Core has learned."""
    published_at: float
    """When it first reached Runtimes that apply it."""
    delivered: List[Any]
    """Every call that Core has in the end."""


class Loop:
    """The processes of part three."""

    def __init__(self, place: Place) -> None:
        headline("3. The loop closes")
        self._place = place
        self._simulator = Simulator(place, [], latency_ms=_LATENCY_MS)
        self._core = Core(place).started()
        self._simulator.started()
        self.applications = [
            Application(name, place, self._simulator, self._core, mixed=True) for name in NAMES
        ]

    def run(self) -> Seen:
        """Go through the acts; raises `DemoError` where one cannot go on."""
        self._introduce()
        say("", "The provider makes a rule: atlas-2 takes no temperature any more.")
        rule_made = self._provider_says([NEW_RULE])
        pattern, protected = self._learned(rule_made)
        self._quiet(protected)
        self._arc("patterns", "history", pattern)

        say("", "The provider takes its rule back; nobody tells Arc.")
        rule_gone = self._provider_says([])
        let_go = self._watch(pattern, "dormant", since=rule_gone, within_s=_LET_GO_WITHIN_S)

        say("", "The provider makes the rule again.")
        rule_again = self._provider_says([NEW_RULE])
        again = self._watch(pattern, "active", since=rule_again, within_s=_LEARNED_WITHIN_S)
        self._quiet(again)
        for each in self.applications:
            each.finish()
        steps = self._steps(pattern)
        published = next(step["at"] for step in steps if step["to_state"] == "canary")
        acts = Acts(rule_made, protected, rule_gone, let_go, rule_again, again)
        return Seen(acts, pattern, moment(published).timestamp(), self._core.calls())

    def _introduce(self) -> None:
        say(
            f"Arc Core is at {self._core.url}, as `arc core` starts it.",
            f"Of ten calls of {', '.join(NAMES)}",
        )
        for kind in TRAFFIC.values():
            temperature = kind.request.get("temperature")
            how = "no temperature" if temperature is None else f"temperature {temperature}"
            say(f"  {kind.share} go to {kind.request['model']} with {how}")
        for each in self.applications:
            each.wait_for_calls(_SOME_CALLS, since=0, link="connected")
        calls = [call for each in self.applications for call in list(each.calls)]
        say(f"{len(calls)} calls so far, {failed(calls)} failed.")

    def _provider_says(self, rules: Sequence[Dict[str, Any]]) -> float:
        self._simulator.use(rules)
        return time.time()

    def _learned(self, since: float) -> tuple[str, float]:
        """Watch Core learn; return the pattern, and when it was in force."""
        ticks = _Ticks(self.applications, since)

        def look() -> Optional[str]:
            ticks.show()
            patterns = self._core.ask("/patterns")["patterns"]
            return patterns[0]["name"] if patterns else None

        name = self._core.wait_until("what it has learned", look, _LEARNED_WITHIN_S)
        shown = self._core.ask(f"/patterns/{name}")
        error = next(c.error for each in self.applications for c in each.calls if c.error)
        tried = shown["evidence"]["recorded_calls"]
        say(
            cut(f"  The provider says: {error}", 80),
            f"  Core has learned {name}:",
            *(f"    {part:8} {_json(shown['document'][part])}" for part in ("pattern", "fix")),
            f"    because  {shown['evidence']['because']}",
            f"    tried on recorded calls: matches {tried['matched_failing']} of "
            f"{tried['failing']} failed ones, {tried['matched_healthy']} of {tried['healthy']} "
            "healthy ones",
        )
        at = self._watch(name, "active", since=since, within_s=_LEARNED_WITHIN_S, ticks=ticks)
        return name, at

    def _watch(
        self,
        name: str,
        state: str,
        *,
        since: float,
        within_s: float,
        ticks: Optional[_Ticks] = None,
    ) -> float:
        """Show each step of a pattern until it is in a state; return when it was."""
        ticks = ticks or _Ticks(self.applications, since)
        told: List[Any] = []

        def look() -> Optional[float]:
            ticks.show()
            steps = [s for s in self._steps(name) if moment(s["at"]).timestamp() > since]
            for step in steps[len(told) :]:
                told.append(step)
                _tell(step, since)
                if step["to_state"] == state:
                    return moment(step["at"]).timestamp()
            return None

        at: float = self._core.wait_until(f"that {name} is {state}", look, within_s)
        return at

    def _steps(self, name: str) -> List[Any]:
        steps: List[Any] = self._core.ask(f"/patterns/{name}")["history"]
        return steps

    def _quiet(self, since: float) -> None:
        """Let the applications make some calls with the fix in force."""
        settled = since + SETTLED_S
        for each in self.applications:
            each.wait_for_calls(2 * _SOME_CALLS, since=settled)
        calls = [call for each in self.applications for call in each.between(settled)]
        say(f"  {len(calls)} calls later: {failed(calls)} failed.")

    def _arc(self, *arguments: str) -> None:
        typed(*arguments, folder=self._place.folder, core_url=self._core.url)


class _Ticks:
    """A line for each second: how many calls ended in it, and how many of them failed."""

    def __init__(self, applications: Sequence[Application], since: float) -> None:
        self._applications = applications
        self._since = since
        self._shown = 0

    def show(self) -> None:
        """Print the seconds that are over."""
        while self._since + self._shown + 1 + LOOK_EVERY_S < time.time():
            began = self._since + self._shown
            self._shown += 1
            ended = [c for c in self._calls() if began <= c.ended < began + 1]
            say(f"  +{self._shown:2} s {len(ended):5} calls {failed(ended):5} failed")

    def _calls(self) -> List[Call]:
        return [call for each in self._applications for call in list(each.calls)]


def _tell(step: Any, since: float) -> None:
    after_s = moment(step["at"]).timestamp() - since
    share = step["evidence"].get("share")
    say(cut(f"  Core, after {after_s:.1f} s: {step['to_state']}: {step['reason']}", 80))
    arms = [step["evidence"].get(arm) for arm in ("treated", "control")]
    if all(arms) and share:
        treated, control = arms
        say(
            f"    with the fix {treated['failed']} of {treated['calls']} failed, without it "
            f"{control['failed']} of {control['calls']}"
        )


def _json(document: Any) -> str:
    return cut(json.dumps(document), 66)
