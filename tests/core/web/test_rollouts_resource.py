"""How trials stand, as REST tells it."""

from __future__ import annotations

from pathlib import Path

from arc_core.registry.lifecycle import State
from arc_core.rollout.progress import Progress
from arc_core.rollout.progress_json import to_json
from arc_core.rollout.settings import RolloutSettings
from arc_core.storage import CallStore
from core.web.served import Served, served

DOCUMENT = {"name": "x", "pattern": {"temperature": {">": 1}}, "fix": {"temperature": 1}}


def in_shadow(core: Served) -> None:
    registry = core.context.registry
    registry.add_pattern("default", DOCUMENT, author="learner", state=State.SHADOW)


def test_a_trial_is_listed_with_what_it_waits_for(core: Served) -> None:
    """In shadow nothing is compared yet, so there are no arms."""
    in_shadow(core)
    progress = Progress.of_evidence({"signature": "s", "matching": 20, "failed": 10})
    progress.enter(State.SHADOW, 0.0, 0)
    core.context.registry.keep_progress("default", "x", 1, to_json(progress))
    [listed] = core.ask("/api/v1/rollouts").json["rollouts"]
    assert (listed["name"], listed["state"], listed["rate_before"]) == ("x", "shadow", 0.5)
    assert listed["control"] is listed["treated"] is None
    assert listed["waits_for"].startswith("needs 20 more matching calls in shadow")
    assert listed["calls_to_go"] == 20
    assert core.ask("/api/v1/rollouts/x").json == listed
    assert core.ask("/api/v1/rollouts?waiting=true").json["rollouts"] == []


def test_it_waits_for_what_this_core_demands(store: CallStore, tmp_path: Path) -> None:
    """The settings are those of the trials, not the usual ones."""
    settings = RolloutSettings(shadow_calls=7)
    with served(store, tmp_path, rollout=settings) as strict:
        in_shadow(strict)
        progress = Progress.of_evidence({})
        progress.enter(State.SHADOW, 0.0, 0)
        strict.context.registry.keep_progress("default", "x", 1, to_json(progress))
        assert strict.ask("/api/v1/rollouts/x").json["calls_to_go"] == 7


def test_what_another_version_has_kept_harms_nothing(core: Served) -> None:
    """The trial is shown as one that begins; its next look at the calls is a new start."""
    in_shadow(core)
    core.context.registry.keep_progress("default", "x", 1, {"stage": "shadow", "tests": []})
    [listed] = core.ask("/api/v1/rollouts").json["rollouts"]
    assert listed["waits_for"] == "begins as soon as Core looks at it"


def test_a_pattern_that_was_never_on_trial_has_none(core: Served) -> None:
    core.context.registry.add_pattern("default", DOCUMENT, author="jane")
    answer = core.ask("/api/v1/rollouts/x")
    assert answer.status == 404
    assert "without ever having a trial" in answer.sentence
