"""Pattern sync: brings every change of the patterns to all connected Runtimes."""

from arc_core.sync.service import PatternSync

__all__ = ["PatternSync"]
