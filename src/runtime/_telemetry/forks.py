"""What gRPC needs so that the application can fork."""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from pathlib import Path
from typing import Optional

_FIRST_GOOD = (1, 80)
"""From this version of gRPC on, a child can use it although its parent did; the ones before crash
or hang there (measured on 1.60 to 1.85), even when the parent had closed everything."""

_SETTLED_WITHIN_S = 0.5
_KEPT_S = 0.05
"""In place of that once they have stayed: an application that uses gRPC itself keeps some."""
_NATIVE = (
    "event_engine",
    "grpc_",
    "lifeguard",
    "default-execut",
    "resolver-execu",
    "timer_manager",
)
"""How the names of gRPC's own threads begin, over its versions."""

_BY_SUBPROCESS = hasattr(os, "fork") and sys.version_info < (3, 10)
"""Whether `subprocess` forks in earnest, so that gRPC's handlers run in each child of it."""
_SWITCH = "GRPC_ENABLE_FORK_SUPPORT"

_loading = threading.Lock()
_used_by: Optional[int] = None
"""The process in which Arc has used gRPC, which may be a parent of this one."""
_bare = False
"""Whether gRPC is here without its handlers, so that no child may use it, whoever asks."""
_patience_s = _SETTLED_WITHIN_S
_left_to: Optional[int] = None
"""The process that has forked children who leave their telemetry to it."""


def load() -> None:
    """Import gRPC; where `subprocess` forks, without its handlers, which end or hang children.

    An application that has imported gRPC itself, or has said what it wants, is left as it is.
    """
    global _used_by, _bare
    if not _BY_SUBPROCESS:
        return
    if _used_by is None:  # before the lock, which a child forked meanwhile would find taken
        _used_by = os.getpid()
    with _loading:
        if _SWITCH in os.environ or "grpc" in sys.modules:
            return
        os.environ[_SWITCH] = "0"
        try:
            import grpc

            grpc.insecure_channel("localhost:1").close()  # the first use reads the variable
            _bare = True
        finally:
            del os.environ[_SWITCH]  # it is not for what this process starts


def forbid_grpc() -> bool:
    """Tell whether this process is a forked child that would wait for ever in gRPC.

    Without gRPC's handlers that is every child of a process which has used it.
    """
    return _BY_SUBPROCESS and _used_by is not None and _used_by != os.getpid()


def note_children() -> bool:
    """Take note that this process has just forked; True if its children depend on it now."""
    global _left_to
    if _BY_SUBPROCESS and _used_by == os.getpid():
        _left_to = _used_by
        return True
    return False


def have_children() -> bool:
    """Tell whether this process delivers what its forked children leave on disk."""
    return _left_to is not None and _left_to == os.getpid()


def are_survived() -> bool:
    """Tell whether a child made by a fork can use gRPC after this process has.

    Where it cannot, the link waits for the first call: what forks its workers, such as gunicorn
    with --preload, makes none before.
    """
    if not hasattr(os, "fork"):
        return True
    if _BY_SUBPROCESS:
        return False
    if os.environ.get(_SWITCH, "").strip().lower() in ("0", "false", "no"):
        return False
    import importlib.metadata  # 18 ms: not on the caller's thread

    numbers = re.findall(r"\d+", importlib.metadata.version("grpcio"))
    return tuple(int(number) for number in numbers[:2]) >= _FIRST_GOOD


def settle() -> None:
    """Wait until gRPC's own threads have gone, as they do when the last channel is closed.

    That takes 1 to 4 ms, and up to 450 where other programs keep all cores busy. A fork before it
    can copy a lock that one of them holds, so that the child waits for ever in its first use of
    gRPC, or end the parent: "Check failed: queue_.Empty()".
    """
    global _patience_s
    if _bare or "grpc" not in sys.modules:
        return
    until = time.monotonic() + _patience_s
    while _native_threads():
        if time.monotonic() > until:
            _patience_s = _KEPT_S
            return
        time.sleep(0.0005)
    _patience_s = _SETTLED_WITHIN_S


def _native_threads() -> bool:
    tasks = Path("/proc/self/task")
    if not tasks.is_dir():
        return True  # not Linux: nobody knows
    return any(_name(task).startswith(_NATIVE) for task in tasks.iterdir())


def _name(task: Path) -> str:
    try:
        return (task / "comm").read_text()
    except OSError:  # it has just ended
        return ""
