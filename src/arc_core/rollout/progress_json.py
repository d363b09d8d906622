"""Where a trial stands as JSON: as the registry keeps it, and as people read it in the history."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import Any

from arc_core.registry.lifecycle import State
from arc_core.registry.records import PatternRecord
from arc_core.registry.registry import Registry
from arc_core.rollout.evidence.assignment import AssignmentTest, Direction
from arc_core.rollout.evidence.baseline import Baseline
from arc_core.rollout.evidence.coin import CoinTest
from arc_core.rollout.evidence.holdback import HoldbackTest
from arc_core.rollout.evidence.new_failures import NewFailures
from arc_core.rollout.evidence.relative_risk import RelativeRisk
from arc_core.rollout.evidence.rise import RiseTest
from arc_core.rollout.progress import ANY, TARGET, Progress
from arc_core.rollout.rescue import Rescue
from arc_core.rollout.runs import Runs

_logger = logging.getLogger("arc.core.rollout")


def kept_progress(registry: Registry, record: PatternRecord) -> Progress | None:
    """Return how the trial of a pattern stands; None if it never began.

    What another version of Arc has kept, and this one cannot read, is taken for a trial that
    begins anew, from the calls that come. Raises `RegistryError`.
    """
    kept = registry.progress(record.project, record.name)
    if kept is None:
        return None
    try:
        return from_json(kept)
    except (KeyError, TypeError, ValueError):
        _logger.warning('What the trial of "%s" has shown cannot be read.', record.name)
        return Progress.of_evidence(record.evidence)


def summary(progress: Progress) -> dict[str, Any]:
    """Return the evidence as people read it in the pattern's history."""
    told: dict[str, Any] = {
        "stage": progress.stage,
        "share": progress.share,
        "unit": progress.unit,
        "calls": progress.calls,
        "rate_before": round(progress.rate, 4),
    }
    if progress.stage in (State.CANARY.value, State.ACTIVE.value):
        target, anyhow = progress.benefit[TARGET], progress.benefit[ANY]
        for index, arm in enumerate(("control", "treated")):
            told[arm] = {
                "calls": target.calls[index],
                "failed": target.failures[index],
                "failed_anyhow": anyhow.failures[index],
            }
        told["relative_risk"] = progress.risk.interval()._asdict()
        told["log_evidence_of_benefit"] = _logs(progress.benefit)
        told["log_evidence_of_harm"] = _logs(progress.harm)
    if progress.rescue is not None:
        test = progress.rescue.test
        told["control"] = {"calls": test.calls[0], "failed": test.failures[0]}
        told["treated"] = {"calls": test.calls[1], "failed": test.failures[1]}
        told["log_evidence_of_benefit"] = {"rescued": round(test.log_evidence, 2)}
    if progress.needed:
        told["evidence_needed"] = round(progress.needed, 1)
    return told


def to_json(progress: Progress) -> dict[str, Any]:
    """Return the form that `from_json` reads."""
    document = asdict(progress)
    for tests in ("benefit", "harm"):
        for test in document[tests].values():
            test["direction"] = test["direction"].value
    if progress.rescue is not None:
        document["rescue"]["test"]["direction"] = progress.rescue.test.direction.value
    return document


def from_json(document: dict[str, Any]) -> Progress:
    """Read the form that `to_json` makes."""
    values = dict(document)
    for tests in ("benefit", "harm"):
        values[tests] = {
            name: AssignmentTest(**{**test, "direction": Direction(test["direction"])})
            for name, test in document[tests].items()
        }
    kinds: dict[str, Any] = {"durations": Baseline, "tokens": Baseline, "costs": Baseline}
    kinds |= {"fall": HoldbackTest, "ease": HoldbackTest, "rise": RiseTest, "broad": RiseTest}
    kinds |= {"coin": CoinTest, "risk": RelativeRisk, "others": NewFailures}
    kinds["rescue"] = lambda **document: Rescue.from_json(document)
    for name, kind in kinds.items():
        if document.get(name) is not None:
            values[name] = kind(**document[name])
    if "runs" in document:
        values["runs"] = Runs.from_json(document["runs"])
    return Progress(**values)


def _logs(tests: dict[str, AssignmentTest]) -> dict[str, float]:
    return {name: round(test.log_evidence, 2) for name, test in tests.items()}
