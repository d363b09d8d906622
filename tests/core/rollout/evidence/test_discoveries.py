"""Promotions at the levels of e-LOND."""

from __future__ import annotations

import random

from arc_core.rollout.evidence.discoveries import FALSE_DISCOVERY_RATE, evidence_needed


def test_the_first_trial_needs_about_the_usual_evidence() -> None:
    """One in twenty, and a little for those that may follow."""
    assert 20 < evidence_needed(1, 0) < 40


def test_promotions_make_the_next_ones_easier_and_failures_harder() -> None:
    """A fleet whose fixes help is not held up by the number of its trials."""
    assert evidence_needed(10, 9) < evidence_needed(10, 0)
    assert evidence_needed(20, 0) > evidence_needed(10, 0)


def test_trials_without_effect_are_seldom_promoted() -> None:
    """Null evidence of the worst kind, 1/U with U uniform: any promotion at all is wrong."""
    runs, wrong = 400, 0
    for seed in range(runs):
        draw = random.Random(seed).random
        wrong += any(1 / (draw() + 1e-12) >= evidence_needed(t, 0) for t in range(1, 200))
    assert wrong / runs <= FALSE_DISCOVERY_RATE + 0.03
