"""Whether treated calls fail less, or more, than those of the control arm; valid at any moment.

The test bets on the coin that assigned each call to an arm. Before call i, which is treated with
the known probability pi, two failure rates are chosen from what was seen before: t1 for treated
calls, t0 for the others. With p(y; t) = t^y (1-t)^(1-y), A = 1 for treated, y = 1 for failed:

    e_i = p(y_i; t_A) / (pi p(y_i; t1) + (1 - pi) p(y_i; t0))
    E_n = mean over relative risks r of the product of e_i, with t1 = r t0

When the fix changes nothing, the coin tells nothing about the outcome and every e_i is 1 in
expectation, whatever rates, traffic and pi do; when treated calls fail more often it is less. So
by Ville's inequality P(E_n >= 1/alpha for some n) <= alpha: looking after every call costs nothing.
The same bet on independent calls is the 2x2 safe test of Turner, Ly and Gruenwald,
arXiv 2106.02693.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum

RELATIVE_RISKS = (0.02, 0.10, 0.25, 0.45, 0.65, 0.85)
"""Bets between "cures nearly all" and "helps a little"; their mean needs no choice beforehand."""

PRIOR_WEIGHT = 4.0
"""Calls that the rate known before counts as; affects the number of calls needed, not errors."""

_LOWEST_RATE = 1e-5
_LOWEST_REDUCED_RATE = 1e-6


class Direction(Enum):
    """What the test looks for."""

    BENEFIT = "benefit"
    """Treated calls fail less."""
    HARM = "harm"
    """Treated calls fail more."""


@dataclass
class AssignmentTest:
    """The evidence so far, updated call by call; everything in it is plain numbers to be stored."""

    direction: Direction
    prior_rate: float
    """Failure rate of matching calls before the rollout, from 0 to 1."""
    calls: list[int] = field(default_factory=lambda: [0, 0])
    """Calls seen: control, treated."""
    failures: list[int] = field(default_factory=lambda: [0, 0])
    """Failed calls: control, treated."""
    log_capitals: list[float] = field(default_factory=lambda: [0.0] * len(RELATIVE_RISKS))
    """Natural logarithm of what each bet has made of 1."""

    def observe(self, *, treated: bool, failed: bool, probability: float) -> None:
        """Take one call; `probability` is that with which it was treated, between 0 and 1."""
        if not 0.0 < probability < 1.0:
            return  # no coin was tossed, so nothing was to be learnt
        bets = [self._rates(risk) for risk in RELATIVE_RISKS]
        for index, (control_rate, treated_rate) in enumerate(bets):
            own = treated_rate if treated else control_rate
            expected = probability * treated_rate + (1.0 - probability) * control_rate
            gain = own / expected if failed else (1.0 - own) / (1.0 - expected)
            self.log_capitals[index] += math.log(gain)
        self.calls[treated] += 1
        self.failures[treated] += failed

    def begin_anew_after_losses(self) -> None:
        """Bet 1 again where less is left, to find a change whenever it comes.

        Without an effect it then takes at least `x` calls on average to reach evidence of `x`.
        """
        if self.log_evidence < 0.0:
            self.log_capitals = [0.0] * len(RELATIVE_RISKS)

    @property
    def log_evidence(self) -> float:
        """Natural logarithm of E_n."""
        top = max(self.log_capitals)
        return top + math.log(
            sum(math.exp(capital - top) for capital in self.log_capitals) / len(self.log_capitals)
        )

    def reaches(self, evidence: float) -> bool:
        """Tell whether E_n is at least so much; 1/alpha for an error probability of alpha."""
        return self.log_evidence >= math.log(evidence)

    def _rates(self, risk: float) -> tuple[float, float]:
        """Return the rates to bet on, of control and of treated calls, from what was seen before.

        The higher one is the likeliest rate if the other arm fails `risk` times as often.
        """
        benefit = self.direction is Direction.BENEFIT
        higher, lower = (0, 1) if benefit else (1, 0)
        seen = self.calls[higher] + risk * self.calls[lower] + PRIOR_WEIGHT
        high = (sum(self.failures) + self.prior_rate * PRIOR_WEIGHT) / seen
        high = min(max(high, _LOWEST_RATE), 1.0 - _LOWEST_RATE)
        low = min(max(risk * high, _LOWEST_REDUCED_RATE), 1.0 - _LOWEST_REDUCED_RATE)
        return (high, low) if benefit else (low, high)
