"""Makes gRPC calls on the thread that asks for them, where no other can be started."""

from __future__ import annotations

import threading
from typing import Any, Callable, Dict, Tuple


def no_more_threads() -> bool:
    """Tell whether the interpreter ends: Python 3.12 starts no thread then.

    gRPC's own calls need one, and closing a channel whose thread is missing waits for ever.
    """
    return not threading.main_thread().is_alive()


class DirectCall:
    """A call that has ended once it is made; the part of `grpc.Future` and `grpc.Call` we use."""

    def __init__(self, method: Any, payload: bytes, **options: Any) -> None:
        made = make(method, payload, options)
        self._outcome: Callable[[], Tuple[Any, Any]] = lambda: made

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Have `callback` called with this call once it has ended."""
        callback(self)

    def done(self) -> bool:
        """Tell whether the call has ended."""
        return True

    def cancel(self) -> None:
        """Leave the call to the end of its channel, which ends it too."""

    def code(self) -> Any:
        """Return gRPC's status code."""
        return self._outcome()[1].code()

    def details(self) -> Any:
        """Return what the status says in words."""
        return self._outcome()[1].details()

    def trailing_metadata(self) -> Any:
        """Return what the server sent after its answer."""
        return self._outcome()[1].trailing_metadata()

    def result(self) -> Any:
        """Return the answer of a call that has ended well."""
        return self._outcome()[0]


def make(method: Any, payload: bytes, options: Dict[str, Any]) -> Tuple[Any, Any]:
    """Make a call; return its answer and the call, which for a failed one is its error."""
    import grpc

    try:
        answer, call = method.with_call(payload, **options)
    except grpc.RpcError as error:
        return None, error  # which is a call as well
    return answer, call
