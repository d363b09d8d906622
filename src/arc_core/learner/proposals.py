"""From a failure that keeps coming to patterns that are worth a trial."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from arc_core.detection.failures import Failed, kind_of
from arc_core.learner import cared_for, rivals
from arc_core.learner.trials import Trials
from arc_core.learning import Candidate, Example, learn_by_server
from arc_core.learning.recorded import examples, operation
from arc_core.model.calls import FIXED
from arc_core.registry.records import PatternRecord
from arc_core.registry.registry import Registry
from arc_core.rollout.room import LEARNER
from arc_core.storage import CallStore, Row
from arc_protocol import cures
from arc_protocol.cures.kinds import TRANSIENT

_PERIOD = timedelta(days=7)
"""Calls so old still count."""
_LEAST = 10
"""Failing calls before anything is learned from them."""
_LEAST_MORE = 5
"""As many are enough where a pattern was learned from others that ended with the same error."""
_LOOK_AGAIN = 0.1
"""Share of the calls that are known already that must come before they are looked at again."""
_LOOKS = 10_000
"""Failures of which the last look is remembered; a service may have new ones for ever."""
_FAILING = 500
_HEALTHY = 1000
_FEW_HEALTHY = 20
_SAFE = ("none", "safe")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass
class _Look:
    """What was found when the calls with a failure were last looked at."""

    learned_from: int = 0
    """Calls, at the time of the last attempt to learn from them."""
    learned_with: cared_for.Ends = frozenset()
    """How the trials stood then."""
    ends: cared_for.Ends = frozenset()
    """How they stood at the last look."""
    more: int = 0
    """Calls with this failure that have come since."""
    seen: int = 0
    """Such calls, as far as they were told of."""
    wanted: float = 0
    """As many must come for another look to be worth its while."""
    weighed: int = 0
    """Calls, when trials that go on were last compared with what could be tried instead."""


class Proposals:
    """Learns from one failure at a time, and adds what it learns to the registry."""

    def __init__(
        self,
        store: CallStore,
        registry: Registry,
        *,
        manual: bool,
        clock: Callable[[], datetime],
    ) -> None:
        """With `manual`, a person looks at every pattern, so that any fix may be proposed."""
        self._store = store
        self._registry = registry
        self._trials = Trials(registry)
        self._manual = manual
        self._clock = clock
        self._looks: dict[tuple[str, str], _Look] = {}

    def propose(self, project: str, signature: str, more: int | None = None) -> list[str]:
        """Learn from the calls that failed alike; return the names of patterns to be tried.

        `more` says how many such calls have been stored since the last time, which spares looking
        at them while it cannot lead to anything new; None: that is not known. Raises `StoreError`
        or `RegistryError`.
        """
        known = self._registry.patterns(project)
        ends = cared_for.ends(known, signature)
        look = self._looks.setdefault((project, signature), _Look(0, ends, ends, wanted=_LEAST))
        if len(self._looks) > _LOOKS:
            del self._looks[next(iter(self._looks))]
        look.more += more or 0
        look.seen += more or 0
        if more is not None and look.more < look.wanted and ends == look.ends:
            return []
        rows = self._store.failing(project, signature, self._clock() - _PERIOD, _FAILING)
        look.more, look.ends = 0, ends
        rows = [row for row in rows if operation(row) == operation(rows[0])]
        if rows and kind_of(Failed.of(rows[0])) in TRANSIENT:
            look.wanted = math.inf
            return []
        if rows and self._give_up(project, rows, known, look):
            known = self._registry.patterns(project)
            look.ends = ends = cared_for.ends(known, signature)
        uncared = cared_for.uncared(rows, known) if rows else []
        failing = examples(uncared)
        widens = bool(rows) and rows[0]["failed"] and cared_for.has_pattern(known, signature)
        # to learn the same from a few calls more would lead to nothing
        least = _LEAST_MORE if widens else _LEAST
        enough = max(least, 2 * look.learned_from if ends == look.learned_with else 0)
        # where no request is recorded, what is known is known of all of them
        look.wanted = max(enough - len(failing), (len(rows) or look.seen) * _LOOK_AGAIN)
        if len(failing) < enough:
            return []
        look.learned_from, look.learned_with = len(failing), ends
        look.wanted = len(failing)
        healthy = self._healthy(project, uncared, cared_for.cures(known, signature))
        candidates = self._learned(rows[0], failing, healthy)
        return self._trials.begin(project, rows[0], candidates, failing, healthy, known)

    def _give_up(
        self, project: str, rows: Sequence[Row], known: Sequence[PatternRecord], look: _Look
    ) -> bool:
        """End trials of conditions that were a play of chance; tell whether there were any.

        That shows when calls that have come since are foretold far better by another condition,
        which would have to wait until these trials are over.
        """
        signature = rows[0]["failure_signature"]
        trials = rivals.trials(known, signature)
        if not trials:
            return False
        others = [each for each in known if each not in trials]
        uncared = cared_for.uncared(rows, others)
        failing = examples(uncared)
        learned_from = max(int(each.evidence.get("failed", 0)) for each in trials)
        if len(failing) < 2 * max(look.weighed, learned_from, _LEAST):
            return False
        look.weighed = len(failing)
        healthy = self._healthy(project, uncared, cared_for.cures(known, signature))
        candidates = self._learned(rows[0], failing, healthy)
        if not candidates:
            return False
        outdone = rivals.outdone(trials, candidates[0].document, failing, healthy)
        for each in outdone:
            self._registry.transition(
                *(project, each.name, rivals.GIVEN_UP[each.state]),
                author=LEARNER,
                reason="another condition foretells the failure far better",
                seen=each,
            )
        return bool(outdone)

    def _learned(
        self, row: Row, failing: Sequence[Example], healthy: Sequence[Example]
    ) -> list[Candidate]:
        """Return the candidates that the policy allows."""
        where = {"provider": row["provider"], "operation": operation(row)}
        found = learn_by_server(failing, healthy, **where, cures=cures.propose)
        return [each for each in found if self._manual or each.cost in _SAFE]

    def _healthy(self, project: str, rows: Sequence[Row], cures: frozenset[str]) -> list[Example]:
        """Return healthy calls, of the time since the failure began if there are enough.

        A provider that has made a new rule took before what it refuses now. Calls that were changed
        by what changed the failing ones are like them; those that patterns for this failure,
        `cures`, changed are healthy for that reason.
        """
        fixed = (row["pattern_ids"] for row in rows if row["fix_outcome"] == FIXED)
        fixed_by = {name for names in fixed for name in names}.difference(cures)
        place = project, rows[0]["provider"], operation(rows[0])
        began = _EPOCH + timedelta(microseconds=min(row["start_time"] for row in rows))
        found = self._store.healthy(*place, began, _HEALTHY, fixed_by=fixed_by)
        if len(found) < _FEW_HEALTHY:
            found = self._store.healthy(
                *place, self._clock() - _PERIOD, _HEALTHY, fixed_by=fixed_by
            )
        return examples(
            row
            for row in found
            if not (row["fix_outcome"] == FIXED and cures.intersection(row["pattern_ids"]))
        )
