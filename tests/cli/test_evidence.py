"""What speaks for a learned pattern, as `arc patterns show` says it."""

from __future__ import annotations

from arc_cli.patterns.evidence import learned, of_step

EVIDENCE = {
    "signature": "f1",
    "condition": {
        "failing": 12,
        "of_failing": 12,
        "healthy": 1,
        "of_healthy": 800,
        "applications": 3,
        "rate": 0.92,
        "gain_bits": 40.0,
        "p": 2e-9,
    },
    "fix": {"source": "contrast", "strong": False, "failed": 2, "calls": 300},
    "policy": "safe",
    "reach": 0.75,
    "meaning": "replies vary more or less",
    "recorded_calls": {
        "failing": 12,
        "matched_failing": 9,
        "changed_failing": 9,
        "healthy": 800,
        "matched_healthy": 1,
        "changed_healthy": 1,
        "still_matching": 0,
        "errors": [],
    },
}


def test_condition_fix_reach_and_price_are_told_in_words() -> None:
    """Who approves a pattern reads sentences, not JSON."""
    told = " ".join(" ".join(learned(EVIDENCE)).split())
    assert "12 of 12 failing calls, of 3 applications, and 1 of 800 healthy ones" in told
    assert "what healthy calls do otherwise; of 300 calls that have it 2 failed" in told
    assert "reach: 75 % of the recorded calls with this failure" in told
    assert "may cost: replies vary more or less" in told
    assert "would change 9 of 12 failing ones and 1 of 800 healthy ones" in told
    assert "{" not in told


def test_calls_that_fail_otherwise_with_the_fix_are_told() -> None:
    """Or none of them would seem to fail where the trial ended because all do."""
    step = {
        "calls": 16,
        "share": 0.5,
        "control": {"calls": 7, "failed": 7, "failed_anyhow": 7},
        "treated": {"calls": 9, "failed": 0, "failed_anyhow": 9},
    }
    told = " ".join(" ".join(of_step(step)).split())
    assert "without it 7 of 7 failed; with the fix 0 of 9 failed, and 9 otherwise" in told
