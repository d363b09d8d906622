"""The fewest calls that can decide: somebody who knows both rates bets on the coin of each call."""

from __future__ import annotations

import math
import random
from statistics import mean


def calls_needed(
    control: float, treated: float, *, evidence: float, share: float = 0.5, runs: int = 1000
) -> float:
    """Return the mean number of matching calls until the bettor has so much evidence.

    The bet is that of the assignment test, with the true failure rates of both arms.
    """
    draw = random.Random(1)
    counts = []
    for _ in range(runs):
        log, count = 0.0, 0
        while log < math.log(evidence):
            count += 1
            is_treated = draw.random() < share
            own = treated if is_treated else control
            expected = share * treated + (1 - share) * control
            failed = draw.random() < own
            gain = own / expected if failed else (1 - own) / (1 - expected)
            log += math.log(gain) if gain > 0 else -math.inf
        counts.append(count)
    return mean(counts)
