"""From a failure that keeps coming to patterns that are worth a trial."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from typing import Any

from arc_core.detection.failures import TRANSIENT, Failed, kind_of
from arc_core.learner.names import name
from arc_core.learner.recorded import examples
from arc_core.learning import Candidate, Example, Trial, learn, trial
from arc_core.registry.lifecycle import State
from arc_core.registry.records import PatternRecord
from arc_core.registry.registry import Registry
from arc_core.rollout.controller import LEARNER
from arc_core.rollout.overlap import matches, overlap
from arc_core.storage import CallStore, Row
from arc_protocol import cures
from arc_protocol.errors import PatternError
from arc_protocol.patterns import Origin, Pattern
from arc_protocol.patterns.pattern import content_hash

_logger = logging.getLogger("arc.core.learner")

_PERIOD = timedelta(days=7)
"""Calls so old still count."""
_LEAST = 10
"""Failing calls before anything is learned from them."""
_FAILING = 500
_HEALTHY = 1000
_FEW_HEALTHY = 20
_SAFE = ("none", "safe")
_CARED_FOR = frozenset(
    {State.CANDIDATE, State.SHADOW, State.RESCUE, State.CANARY, State.ACTIVE, State.DORMANT}
)
"""States of patterns whose calls need no other pattern."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


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
        self._seen: dict[tuple[str, str], tuple[int, frozenset[tuple[str, str]]]] = {}

    def propose(self, project: str, signature: str) -> list[str]:
        """Learn from the calls that failed alike; return the names of patterns to be tried.

        Raises `StoreError` or `RegistryError`.
        """
        rows = self._store.failing(project, signature, self._clock() - _PERIOD, _FAILING)
        if len(rows) < _LEAST or kind_of(Failed.of(rows[0])) in TRANSIENT:
            return []
        known = self._registry.patterns(project)
        failing = _uncared(examples(rows), known, rows[0])
        if len(failing) < _LEAST or not self._is_new(project, signature, len(failing), known):
            return []
        healthy = self._healthy(project, rows)
        candidates = learn(
            failing,
            healthy,
            provider=rows[0]["provider"],
            operation=rows[0]["operation"],
            cures=cures.propose,
        )
        return self._add(project, rows[0], candidates, failing, healthy, known)

    def _is_new(
        self, project: str, signature: str, count: int, known: Sequence[PatternRecord]
    ) -> bool:
        """Tell whether there is more to learn from than the last time: calls, or ended trials."""
        key = project, signature
        ended = frozenset(
            (each.name, each.state.value)
            for each in known
            if each.evidence.get("signature") == signature
        )
        before, ended_before = self._seen.get(key, (0, ended))
        if count < 2 * before and ended == ended_before:
            return False
        self._seen[key] = count, ended
        return True

    def _healthy(self, project: str, rows: Sequence[Row]) -> list[Example]:
        """Return healthy calls, of the time since the failure began if there are enough.

        A provider that has made a new rule took before what it refuses now.
        """
        place = project, rows[0]["provider"], rows[0]["operation"]
        began = _EPOCH + timedelta(microseconds=min(row["start_time"] for row in rows))
        found = self._store.healthy(*place, began, _HEALTHY)
        if len(found) < _FEW_HEALTHY:
            found = self._store.healthy(*place, self._clock() - _PERIOD, _HEALTHY)
        return examples(found)

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
            if not (self._manual or candidate.cost in _SAFE):
                continue
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


def _uncared(failing: Sequence[Example], known: Sequence[PatternRecord], row: Row) -> list[Example]:
    """Return the calls that no pattern matches which is in force or on trial."""
    patterns = [
        Pattern.parse(each.document, origin=Origin.PUSHED)
        for each in known
        if each.state in _CARED_FOR
        and each.document.get("provider") in (None, row["provider"])
        and each.document.get("operation") in (None, row["operation"])
    ]
    return [
        example
        for example in failing
        if not any(matches(pattern, example.request) for pattern in patterns)
    ]


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
        "recorded_calls": asdict(tried),
    }


def _content(document: dict[str, Any]) -> str:
    """Return what is the same for patterns that do the same, whatever they are called."""
    return content_hash(
        [document.get(part) for part in ("provider", "operation", "pattern", "fix")]
    )
