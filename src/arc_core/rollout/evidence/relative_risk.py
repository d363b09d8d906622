"""How many times as often treated calls fail as the others: an interval that holds at any moment.

Among failed calls alone, the chance that call i was a treated one is, whatever the failure rate is
and however it drifts,

    theta_i(r) = pi_i r / (pi_i r + 1 - pi_i)

with pi_i the known probability of being treated and r the relative risk: the conditional test of
Lindon and Malek, arXiv 2011.03567. With L(r) the logarithm of the likelihood of all arms drawn,
r is in the interval while

    log mean_g exp L(g) - L(r) < log (1 / alpha)

over the values g of a grid. By Ville's inequality the true r ever leaves it with probability alpha
at most, so the interval may be looked at as often as one likes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

_LOWEST, _HIGHEST, _VALUES = 1e-3, 1e2, 161
GRID = tuple(_LOWEST * (_HIGHEST / _LOWEST) ** (place / (_VALUES - 1)) for place in range(_VALUES))
"""The relative risks that are considered."""

ALPHA = 0.05
"""Probability that the true relative risk is ever outside."""


class Interval(NamedTuple):
    """Relative risks: 1 is "no effect", 0.1 "treated calls fail a tenth as often"."""

    low: float
    """0 where the smallest value of the grid is not excluded."""
    likeliest: float | None
    """None before anything has failed."""
    high: float | None
    """None where the largest value of the grid is not excluded: no upper bound is known."""


@dataclass
class RelativeRisk:
    """What failed so far. Counts by probability say all that the likelihood needs to know."""

    failed: list[list[float]] = field(default_factory=list)
    """For each probability of being treated: it, failed calls of the control arm, treated ones."""

    def observe(self, *, treated: bool, probability: float) -> None:
        """Take one failed call; `probability` is that with which it was treated."""
        if not 0.0 < probability < 1.0:
            return
        known = next((each for each in self.failed if each[0] == probability), None)
        if known is None:
            known = [probability, 0, 0]
            self.failed.append(known)
        known[2 if treated else 1] += 1

    def interval(self) -> Interval:
        """Return the relative risks that are not excluded."""
        if not self.failed:
            return Interval(0.0, None, None)
        likelihoods = [self._log_likelihood(risk) for risk in GRID]
        limit = _log_mean(likelihoods) - math.log(1 / ALPHA)
        inside = [place for place, each in enumerate(likelihoods) if each > limit]
        first, last = inside[0], inside[-1]
        return Interval(
            low=0.0 if first == 0 else GRID[first],
            likeliest=GRID[likelihoods.index(max(likelihoods))],
            high=None if last == len(GRID) - 1 else GRID[last],
        )

    def excludes(self, risk: float) -> bool:
        """Tell whether a relative risk, which need not be one of the grid, is outside."""
        if not self.failed:
            return False
        limit = _log_mean([self._log_likelihood(each) for each in GRID]) - math.log(1 / ALPHA)
        return self._log_likelihood(risk) <= limit

    def _log_likelihood(self, risk: float) -> float:
        total = 0.0
        for probability, control, treated in self.failed:
            odds = probability / (1 - probability) * risk
            # log theta and log (1 - theta), in a form that is exact for small and large odds
            total -= treated * math.log1p(1 / odds) + control * math.log1p(odds)
        return total


def _log_mean(logs: list[float]) -> float:
    top = max(logs)
    return top + math.log(sum(math.exp(each - top) for each in logs) / len(logs))
