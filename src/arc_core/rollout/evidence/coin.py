"""Whether the coin falls as it is said to: without that, arms cannot be compared.

Calls of one arm are missing when a Runtime does not toss as told, when a fix crashes programs
before they report, or for a while when calls of that arm take longer. A few bets are made on each
call that was assigned with probability pi: that of the treated ones only a certain share is
reported, or of the others; E_n is the mean of what they have made of 1. If nothing is wrong,
P(E_n >= 1/alpha for some n) <= alpha.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

_REPORTED = ((0.05, 1.0), (0.5, 1.0), (1.0, 0.5), (1.0, 0.05))
"""Shares of treated calls and of others that are reported, one pair per bet."""


@dataclass
class CoinTest:
    """The evidence so far, updated call by call."""

    log_capitals: list[float] = field(default_factory=lambda: [0.0] * len(_REPORTED))
    """Natural logarithm of what each bet has made of 1."""

    def observe(self, *, treated: bool, probability: float) -> None:
        """Take one call; `probability` is that with which it was treated, between 0 and 1."""
        for index, (of_treated, of_others) in enumerate(_REPORTED):
            expected = probability * of_treated + (1.0 - probability) * of_others
            own = of_treated if treated else of_others
            self.log_capitals[index] += math.log(own / expected)

    def reaches(self, evidence: float) -> bool:
        """Tell whether E_n is at least so much."""
        top = max(self.log_capitals)
        mean = sum(math.exp(capital - top) for capital in self.log_capitals) / len(_REPORTED)
        return top + math.log(mean) >= math.log(evidence)
