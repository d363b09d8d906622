"""Whether something has begun to fail more often than it may.

The null hypothesis is that calls fail with probability `low` or less. Each call multiplies the
evidence by the likelihood ratio of `high` against it, and evidence below 1 starts anew, so that a
change is found whenever it comes:

    M_n = max(M_{n-1}, 1) * p(y_n; high) / p(y_n; low),  p(y; t) = t^y (1-t)^(1-y)

While the null hypothesis holds, M takes at least `x` calls on average to reach `x`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class RiseTest:
    """The evidence so far, updated call by call."""

    low: float
    """Failure rate up to which all is well, between 0 and `high`."""
    high: float
    """Failure rate to look for, below 1."""
    log_evidence: float = 0.0
    """Natural logarithm of M_n."""

    def observe(self, *, failed: bool) -> None:
        """Take one call."""
        ratio = self.high / self.low if failed else (1 - self.high) / (1 - self.low)
        self.log_evidence = max(self.log_evidence, 0.0) + math.log(ratio)

    def reaches(self, evidence: float) -> bool:
        """Tell whether M_n is at least so much."""
        return self.log_evidence >= math.log(evidence)
