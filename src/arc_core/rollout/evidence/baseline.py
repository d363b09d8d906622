"""What healthy calls took before the fix: beyond their 95th percentile a call is slow or costly."""

from __future__ import annotations

from dataclasses import dataclass, field

_ENOUGH = 20
"""Calls before which there is no bound."""
_ALL = 100
"""Calls after which the bound stays."""
_SHARE = 0.95


@dataclass
class Baseline:
    """The first healthy calls without the fix, and what follows from them."""

    seen: list[float] = field(default_factory=list)

    def observe(self, value: float) -> None:
        """Take what one healthy call without the fix took."""
        if len(self.seen) < _ALL:
            self.seen.append(value)

    @property
    def bound(self) -> float | None:
        """The 95th percentile; None while it is not known."""
        if len(self.seen) < _ENOUGH:
            return None
        return sorted(self.seen)[int(_SHARE * (len(self.seen) - 1))]

    def exceeded(self, value: float) -> bool:
        """Tell whether a call took more than nearly all did."""
        bound = self.bound
        return bound is not None and value > bound
