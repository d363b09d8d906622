"""What gRPC needs so that the application can fork."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

_FIRST_GOOD = (1, 80)
"""From this version of gRPC on, a child can use it although its parent did; the ones before crash
or hang there (measured on 1.60 to 1.85), even when the parent had closed everything."""

_SETTLED_WITHIN_S = 0.05
_NATIVE = (
    "event_engine",
    "grpc_",
    "lifeguard",
    "default-execut",
    "resolver-execu",
    "timer_manager",
)
"""How the names of gRPC's own threads begin, over its versions."""


def are_survived() -> bool:
    """Tell whether a child made by a fork can use gRPC after this process has.

    Where it cannot, the link waits for the first call: what forks its workers, such as gunicorn
    with --preload, makes none before.
    """
    if not hasattr(os, "fork"):
        return True
    if os.environ.get("GRPC_ENABLE_FORK_SUPPORT", "").strip().lower() in ("0", "false", "no"):
        return False
    import importlib.metadata  # 18 ms: not on the caller's thread

    numbers = re.findall(r"\d+", importlib.metadata.version("grpcio"))
    return tuple(int(number) for number in numbers[:2]) >= _FIRST_GOOD


def settle() -> None:
    """Wait until gRPC's own threads have gone, as they do when the last channel is closed.

    That takes 1 to 4 ms. A fork before it can copy a lock that one of them holds, and the child
    then waits for ever in its first use of gRPC. The time is limited because an application that
    uses gRPC itself keeps them.
    """
    if "grpc" not in sys.modules:
        return
    until = time.monotonic() + _SETTLED_WITHIN_S
    while _native_threads() and time.monotonic() < until:
        time.sleep(0.0005)


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
