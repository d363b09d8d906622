"""The states of patterns, by which commands choose."""

from __future__ import annotations

STATES = (
    *("candidate", "shadow", "rescue", "canary", "active", "paused", "dormant", "retired"),
    *("inconclusive", "rejected", "rolled_back"),
)
"""As Core names them; the command line runs without Core's packages."""
