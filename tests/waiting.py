"""Wait for what happens elsewhere, with a deadline."""

from __future__ import annotations

import threading
import time
from typing import Callable


def wait_until(condition: Callable[[], bool], timeout_s: float = 30) -> None:
    """Return as soon as the condition holds; fail after the time."""
    pause = threading.Event()
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"did not come true within {timeout_s} s"
        pause.wait(0.005)
