"""What the worker's thread does, put together of telemetry, the link and the patterns."""

from __future__ import annotations

from typing import Any, Callable

from runtime._feedback import Feedback
from runtime._guard import Guard
from runtime._link.link import Link
from runtime._patterns import PatternRegistry
from runtime._telemetry import forks
from runtime._telemetry.pipeline import Pipeline


class Work:
    """Telemetry for each item; in between, looking after the link and compiling patterns."""

    def __init__(
        self,
        pipeline: Pipeline,
        link: Link,
        registry: PatternRegistry,
        guard: Guard,
        mend: Callable[[], None],
    ) -> None:
        """`mend` puts Arc back in front of the calls where somebody has taken it away."""
        self._registry = registry
        self._pipeline = pipeline
        self._link = link
        self._guard = guard
        self._mend = mend

    def handle(self, item: Any) -> None:
        if not isinstance(item, Feedback):
            self._link.called()
        self._pipeline.handle(item)

    def pump(self) -> float:
        try:
            self._mend()
        except Exception as fault:
            self._guard.caught("mend", fault)
        try:
            delay_s = self._link.pump()
        except Exception as fault:  # telemetry goes on
            self._guard.caught("link", fault)
            delay_s = 1.0
        try:
            again_s = self._registry.settle()
        except Exception as fault:
            self._guard.caught("patterns", fault)
            again_s = None
        if again_s is not None:
            delay_s = min(delay_s, again_s)
        return min(delay_s, self._pipeline.pump())

    def drain(self, timeout_s: float) -> bool:
        return self._pipeline.drain(timeout_s)

    def suspend(self) -> None:
        self._link.suspend()
        self._pipeline.suspend()
        forks.settle()

    def forget(self) -> None:
        self._link.forget()
        self._pipeline.forget()
