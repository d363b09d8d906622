"""Makes gRPC calls where the application's threads are greenlets of gevent."""

from __future__ import annotations

import sys
from typing import Any, Callable

from runtime._telemetry.direct import DirectCall, make


def are_threads() -> bool:
    """Tell whether gevent has put greenlets in the place of threads."""
    monkey: Any = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


class PooledCall(DirectCall):
    """A call that a real thread makes.

    gRPC's own threads would be greenlets that wait for an answer without ever letting another
    one run: a receiver that hangs would stop the whole application.
    """

    def __init__(self, method: Any, payload: bytes, **options: Any) -> None:
        import gevent

        self._pending = gevent.get_hub().threadpool.spawn(make, method, payload, options)
        self._outcome = self._pending.get

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Have `callback` called with this call once it has ended."""
        self._pending.rawlink(lambda _: callback(self))

    def done(self) -> bool:
        """Tell whether the call has ended."""
        return bool(self._pending.ready())
