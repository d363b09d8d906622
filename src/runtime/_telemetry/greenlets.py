"""Makes gRPC calls where the application's threads are greenlets of gevent."""

from __future__ import annotations

import sys
from typing import Any, Callable, Tuple


def are_threads() -> bool:
    """Tell whether gevent has put greenlets in the place of threads."""
    monkey: Any = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


class PooledCall:
    """A call that a real thread makes; the part of `grpc.Future` and `grpc.Call` that we use.

    gRPC's own threads would be greenlets that wait for an answer without ever letting another
    one run: a receiver that hangs would stop the whole application.
    """

    def __init__(self, method: Any, payload: bytes, **options: Any) -> None:
        import gevent

        threads = gevent.get_hub().threadpool
        self._outcome = threads.spawn(_make, method, payload, options)

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Have `callback` called with this call once it has ended."""
        self._outcome.rawlink(lambda _: callback(self))

    def done(self) -> bool:
        """Tell whether the call has ended."""
        return bool(self._outcome.ready())

    def cancel(self) -> None:
        """Leave the call to the end of its channel, which ends it too."""

    def code(self) -> Any:
        """Return gRPC's status code."""
        return self._outcome.get()[1].code()

    def details(self) -> Any:
        """Return what the status says in words."""
        return self._outcome.get()[1].details()

    def trailing_metadata(self) -> Any:
        """Return what the server sent after its answer."""
        return self._outcome.get()[1].trailing_metadata()

    def result(self) -> Any:
        """Return the answer of a call that has ended well."""
        return self._outcome.get()[0]


def _make(method: Any, payload: bytes, options: Any) -> Tuple[Any, Any]:
    import grpc

    try:
        answer, call = method.with_call(payload, **options)
    except grpc.RpcError as error:
        return None, error  # which is a call as well
    return answer, call
