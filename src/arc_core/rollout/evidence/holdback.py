"""Whether a fix is still needed: the calls that are held back from it say so.

The null hypothesis is that held-back calls fail with probability `threshold` or more. Each call
multiplies the evidence by the likelihood ratio of a tenth of that rate against it, and evidence
below 1 starts anew, so that a change is found whenever it comes:

    M_n = max(M_{n-1}, 1) * p(y_n; threshold / 10) / p(y_n; threshold),  p(y; t) = t^y (1-t)^(1-y)

While the failure is there, M takes at least x calls on average to reach x (an e-detector; Shin,
Ramdas and Rinaldo, arXiv 2203.03532).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

ALARM = 1000.0
"""Evidence at which the failure counts as gone."""


@dataclass
class HoldbackTest:
    """The evidence so far, updated by each call that was held back."""

    threshold: float
    """Failure rate from which on the fix is needed, between 0 and 1."""
    log_evidence: float = 0.0
    """Natural logarithm of M_n."""

    def observe(self, *, failed: bool) -> None:
        """Take one call that was held back."""
        low = self.threshold / 10
        ratio = low / self.threshold if failed else (1 - low) / (1 - self.threshold)
        self.log_evidence = max(self.log_evidence, 0.0) + math.log(ratio)

    @property
    def gone(self) -> bool:
        """Whether the failure has been shown to be rarer than the threshold."""
        return self.reaches(ALARM)

    def reaches(self, evidence: float) -> bool:
        """Tell whether M_n is at least so much."""
        return self.log_evidence >= math.log(evidence)
