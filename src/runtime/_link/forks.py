"""Whether gRPC may be used before the application has made a call: what a later fork would do."""

from __future__ import annotations

import os
import re

_FIRST_GOOD = (1, 80)
"""From this version of gRPC on, a child can use it although its parent did; the ones before crash
or hang there (measured on 1.60 to 1.85), even when the parent had closed everything."""


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
