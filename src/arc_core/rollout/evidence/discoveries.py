"""How much evidence a promotion needs, so that few of all promotions are wrong.

e-LOND (Xu and Ramdas, arXiv 2311.06412): trial t is decided at the level

    alpha_t = q * gamma_t * (promotions before t + 1),   gamma_t = 6 / (pi^2 t^2)

and promotes when its evidence reaches 1 / alpha_t. The expected share of wrong promotions among
all stays below q, whatever the trials have in common.
"""

from __future__ import annotations

import math

FALSE_DISCOVERY_RATE = 0.05
"""q."""

STRICTEST = 1e6
"""Evidence that always suffices: the levels go to 0 while trials without effect add up."""


def evidence_needed(trial: int, promotions: int, rate: float = FALSE_DISCOVERY_RATE) -> float:
    """Return the evidence that promotes trial number `trial`, from 1, after so many promotions."""
    gamma = 6 / (math.pi**2 * trial**2)
    return min(STRICTEST, 1 / (rate * gamma * (promotions + 1)))
