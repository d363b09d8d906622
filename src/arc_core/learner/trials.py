"""Puts candidates on trial: in the registry, each once, with what was seen of it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from arc_core.detection.failures import Failed, kind_of
from arc_core.learner.names import name
from arc_core.learning import Candidate, Example, Trial, trial
from arc_core.registry.lifecycle import State
from arc_core.registry.records import PatternRecord
from arc_core.registry.registry import Registry
from arc_core.rollout.overlap import overlap
from arc_core.rollout.room import LEARNER
from arc_core.rollout.scope import NARROWED
from arc_core.storage import Row
from arc_protocol.errors import PatternError
from arc_protocol.patterns import Origin, Pattern
from arc_protocol.patterns.pattern import content_hash

_logger = logging.getLogger("arc.core.learner")


class Trials:
    """The candidates that are tried."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def begin(
        self,
        project: str,
        row: Row,
        candidates: Sequence[Candidate],
        failing: Sequence[Example],
        healthy: Sequence[Example],
        known: Sequence[PatternRecord],
    ) -> list[str]:
        """Add the candidates that may be tried, the first one for each of the failing calls.

        `row` is one of these. Returns the names of the patterns.
        """
        contents = {content: each for each in known for content in _contents(each)}
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


def _contents(record: PatternRecord) -> list[str]:
    """Return what a pattern does, and what it did before its condition was narrowed."""
    wider = [{"pattern": each["before"]} for each in record.evidence.get(NARROWED, ())]
    return [_content({**record.document, **each}) for each in ({}, *wider)]


def _content(document: dict[str, Any]) -> str:
    """Return what is the same for patterns that do the same, whatever they are called."""
    return content_hash(
        [document.get(part) for part in ("provider", "operation", "server", "pattern", "fix")]
    )
