"""How long delivery and the link wait after failures."""

from __future__ import annotations

from typing import List

from runtime._telemetry.retry import Backoff


def delays(backoff: Backoff, count: int) -> List[float]:
    return [backoff.next_delay_s() for _ in range(count)]


def test_waiting_doubles_up_to_a_minute_and_begins_anew_after_a_success() -> None:
    backoff = Backoff(lambda: 1.0)
    assert delays(backoff, 8) == [1, 2, 4, 8, 16, 32, 60, 60]
    backoff.reset()
    assert delays(backoff, 2) == [1, 2]


def test_processes_that_failed_together_come_back_at_any_time_up_to_the_bound() -> None:
    """Full jitter: a Core that restarts is not asked by all at once."""
    fourth = sorted(delays(Backoff(), 4)[-1] for _ in range(1000))
    assert fourth[0] < 0.5
    assert fourth[-1] > 7.5
    assert 3 < fourth[500] < 5
