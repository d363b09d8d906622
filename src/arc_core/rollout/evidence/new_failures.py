"""Failures that only treated calls have: a fix that breaks something else, seen before it is much.

Where a fix has nothing to do with a failure, each call that has it was treated with the known
probability pi. So the evidence that it comes from the fix is the product of 1 / pi over these
calls, and 0 once a call without the fix has it; P(evidence >= x ever) <= 1 / x. The k-th failure
that appears must show k (k + 1) times as much: the chances that one of them all is blamed wrongly
add up to 1 / x at most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

_LEAST = 3
"""Treated calls that must have it."""
_MOST = 100
"""Failures that are told apart."""


@dataclass
class NewFailures:
    """What has been seen of failures other than the one that the fix is for."""

    seen: dict[str, list[float]] = field(default_factory=dict)
    """By signature, in the order of appearance: calls of the control arm, treated ones, and the
    natural logarithm of the evidence if there are none of the control arm."""

    def observe(self, signature: str, *, treated: bool, probability: float) -> None:
        """Take one failed call; `probability` is that with which it was treated."""
        if signature not in self.seen and len(self.seen) >= _MOST:
            return
        counts = self.seen.setdefault(signature, [0, 0, 0.0])
        counts[treated] += 1
        if treated:
            counts[2] -= math.log(probability)

    def blamed(self, evidence: float) -> tuple[str, int] | None:
        """Return a failure that comes from the fix, and how many treated calls had it."""
        for place, (signature, (control, treated, log_evidence)) in enumerate(self.seen.items(), 1):
            needed = math.log(evidence * place * (place + 1))
            if not control and treated >= _LEAST and log_evidence >= needed:
                return signature, int(treated)
        return None
