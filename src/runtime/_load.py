"""How busy the application keeps the process that Arc lives in."""

from __future__ import annotations

from time import perf_counter, process_time, thread_time

_BUSY = 0.5
"""The share of a core from which on every pause of the worker is felt by the application."""


class Load:
    """What threads other than the one that asks do with the processor; for one thread alone."""

    def __init__(self) -> None:
        self._seen_at = perf_counter()
        self._used_s = process_time() - thread_time()

    def is_high(self) -> bool:
        """Tell whether the other threads took more than half a core since it was last asked."""
        now, used_s = perf_counter(), process_time() - thread_time()
        passed_s, since_s = now - self._seen_at, used_s - self._used_s
        self._seen_at, self._used_s = now, used_s
        return since_s > _BUSY * passed_s
