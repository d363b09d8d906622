"""From a failure that keeps coming to patterns that are worth a trial."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from arc_core.detection.failures import Failed, kind_of
from arc_core.learner import rivals
from arc_core.learner.names import name
from arc_core.learner.recorded import examples
from arc_core.learning import Candidate, Example, Trial, learn_by_server, trial
from arc_core.model.calls import FIXED
from arc_core.model.operations import called
from arc_core.registry.lifecycle import State
from arc_core.registry.records import PatternRecord
from arc_core.registry.registry import Registry
from arc_core.rollout.overlap import matches, overlap
from arc_core.rollout.room import LEARNER
from arc_core.storage import CallStore, Row
from arc_protocol import cures
from arc_protocol.cures.kinds import TRANSIENT
from arc_protocol.errors import PatternError
from arc_protocol.patterns import Origin, Pattern
from arc_protocol.patterns.pattern import content_hash

_logger = logging.getLogger("arc.core.learner")

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
_CARED_FOR = frozenset(
    {State.CANDIDATE, State.SHADOW, State.RESCUE, State.CANARY, State.ACTIVE, State.DORMANT}
)
"""States of patterns whose calls need no other pattern."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


_Ends = frozenset[tuple[str, str]]
"""States of the patterns that were learned from a failure, by name."""


@dataclass
class _Look:
    """What was found when the calls with a failure were last looked at."""

    learned_from: int = 0
    """Calls, at the time of the last attempt to learn from them."""
    learned_with: _Ends = frozenset()
    """How the trials stood then."""
    ends: _Ends = frozenset()
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
        ends = _ends(known, signature)
        look = self._looks.setdefault((project, signature), _Look(0, ends, ends, wanted=_LEAST))
        if len(self._looks) > _LOOKS:
            del self._looks[next(iter(self._looks))]
        look.more += more or 0
        look.seen += more or 0
        if more is not None and look.more < look.wanted and ends == look.ends:
            return []
        rows = self._store.failing(project, signature, self._clock() - _PERIOD, _FAILING)
        look.more, look.ends = 0, ends
        rows = [row for row in rows if _operation(row) == _operation(rows[0])]
        if rows and kind_of(Failed.of(rows[0])) in TRANSIENT:
            look.wanted = math.inf
            return []
        if rows and self._give_up(project, rows, known, look):
            known = self._registry.patterns(project)
            look.ends = ends = _ends(known, signature)
        uncared = _uncared(rows, known) if rows else []
        failing = examples(uncared)
        widens = bool(rows) and rows[0]["failed"] and _has_pattern(known, signature)
        # to learn the same from a few calls more would lead to nothing
        least = _LEAST_MORE if widens else _LEAST
        enough = max(least, 2 * look.learned_from if ends == look.learned_with else 0)
        # where no request is recorded, what is known is known of all of them
        look.wanted = max(enough - len(failing), (len(rows) or look.seen) * _LOOK_AGAIN)
        if len(failing) < enough:
            return []
        look.learned_from, look.learned_with = len(failing), ends
        look.wanted = len(failing)
        healthy = self._healthy(project, uncared, _cures(known, signature))
        candidates = self._learned(rows[0], failing, healthy)
        return self._add(project, rows[0], candidates, failing, healthy, known)

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
        uncared = _uncared(rows, others)
        failing = examples(uncared)
        learned_from = max(int(each.evidence.get("failed", 0)) for each in trials)
        if len(failing) < 2 * max(look.weighed, learned_from, _LEAST):
            return False
        look.weighed = len(failing)
        healthy = self._healthy(project, uncared, _cures(known, signature))
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
        where = {"provider": row["provider"], "operation": _operation(row)}
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
        place = project, rows[0]["provider"], _operation(rows[0])
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

    def _add(
        self,
        project: str,
        row: Row,
        candidates: Sequence[Candidate],
        failing: Sequence[Example],
        healthy: Sequence[Example],
        known: Sequence[PatternRecord],
    ) -> list[str]:
        """Add the candidates that may be tried, the first one for each of the failing calls."""
        contents = {_content(each.document): each for each in known}
        names = {each.name for each in known}
        requests = [example.request for example in failing]
        chosen_before: list[Pattern] = []
        added: list[str] = []
        for candidate in candidates:
            pattern = Pattern.parse(candidate.document, origin=Origin.PUSHED)
            if any(overlap(pattern, each, requests) for each in chosen_before):
                continue  # its turn comes when the other one has failed
            same = contents.get(_content(candidate.document))
            if same is not None and same.state is not State.RETIRED:
                continue  # it was tried, and has failed; or a person has it in hand
            tried = trial(candidate.document, failing, healthy)
            if not tried.passed:
                continue
            evidence = _evidence(row, candidate, tried)
            if same is not None:
                chosen = self._try_again(same, evidence)
            else:
                problem = row["error_code"] or kind_of(Failed.of(row))
                chosen = name(candidate.document, problem, names)
                if not self._put(project, {**candidate.document, "name": chosen}, evidence):
                    continue
            chosen_before.append(pattern)
            names.add(chosen)
            added.append(chosen)
        return added

    def _put(self, project: str, document: dict[str, Any], evidence: dict[str, Any]) -> bool:
        try:
            self._registry.add_pattern(
                project,
                document,
                author=LEARNER,
                state=State.CANDIDATE,
                reason=document.get("rationale", ""),
                evidence=evidence,
            )
        except PatternError as problem:
            _logger.warning("A learned pattern is refused: %s", problem)
            return False
        _logger.info('Pattern "%s" is learned: %s', document["name"], evidence["because"])
        return True

    def _try_again(self, retired: PatternRecord, evidence: dict[str, Any]) -> str:
        self._registry.transition(
            *(retired.project, retired.name, State.SHADOW),
            author=LEARNER,
            reason="the failure is back",
            evidence=evidence,
            seen=retired,
        )
        return retired.name


def _ends(known: Sequence[PatternRecord], signature: str) -> _Ends:
    return frozenset(
        (each.name, each.state.value)
        for each in known
        if each.evidence.get("signature") == signature
    )


def _has_pattern(known: Sequence[PatternRecord], signature: str) -> bool:
    """Tell whether a pattern learned from a failure is in force or on trial."""
    return any(
        each.state in _CARED_FOR and each.evidence.get("signature") == signature for each in known
    )


def _cures(known: Sequence[PatternRecord], signature: str) -> frozenset[str]:
    return frozenset(each.name for each in known if each.evidence.get("signature") == signature)


def _uncared(rows: Sequence[Row], known: Sequence[PatternRecord]) -> list[Row]:
    """Return the calls that no pattern cares for which is in force or on trial."""
    first, calls = rows[0], list(zip(rows, examples(rows)))
    asked = (example.request.get("model") for _, example in calls)
    models = {model for model in asked if isinstance(model, str)}
    patterns = [
        (each, Pattern.parse(each.document, origin=Origin.PUSHED))
        for each in known
        if each.state in _CARED_FOR
        and each.document.get("provider") in (None, first["provider"])
        and each.document.get("operation") in (None, _operation(first))
        and _may_match(each.document["pattern"], models)
    ]
    return [
        row
        for row, example in calls
        if not any(
            (pattern.servers is None or example.server in pattern.servers)
            and matches(pattern, example.request)
            and not _is_about_another(record, row)
            for record, pattern in patterns
        )
    ]


def _is_about_another(record: PatternRecord, row: Row) -> bool:
    """Tell whether a call has failed with a proven pattern's fix, which is for something else.

    A call may have two faults, of which the provider names the second when the first is gone; and a
    pattern that somebody has added may match every call.
    """
    return (
        record.state is State.ACTIVE
        and record.evidence.get("signature") != row["failure_signature"]
        and record.name in row["pattern_ids"]
        and row["fix_outcome"] == FIXED
    )


def _may_match(pattern: Mapping[str, Any], models: Collection[str]) -> bool:
    """Tell whether a pattern can match calls of these models, without parsing it.

    Of ten thousand patterns most name one other model.
    """
    model = pattern.get("model")
    return not isinstance(model, str) or model in models


def _evidence(row: Row, candidate: Candidate, tried: Trial) -> dict[str, Any]:
    return {
        "signature": row["failure_signature"],
        "kind": kind_of(Failed.of(row)),
        "error": row["error_template"],
        "because": candidate.because,
        "matching": tried.matched_failing + tried.matched_healthy,
        "failed": tried.matched_failing,
        "condition": candidate.condition_evidence,
        "fix": candidate.fix_evidence,
        "policy": candidate.cost,
        "reach": round(candidate.reach, 4),
        "meaning": candidate.meaning,
        "recorded_calls": asdict(tried),
    }


def _operation(row: Row) -> str:
    return called(row["operation"], row["api"])


def _content(document: dict[str, Any]) -> str:
    """Return what is the same for patterns that do the same, whatever they are called."""
    return content_hash(
        [document.get(part) for part in ("provider", "operation", "server", "pattern", "fix")]
    )
