"""Where Arc keeps what outlives the process."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Optional

from runtime._endpoint import Endpoint


def folder(cache_dir: Optional[str]) -> Path:
    """Return the folder that the setting `cache_dir` names, or the platform's own."""
    if cache_dir:
        return Path(os.path.expanduser(cache_dir))
    if sys.platform == "linux":
        # what platformdirs says too, which knows what to do without a home but takes 0.4 MiB
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        if os.path.isabs(base):
            return Path(base) / "arc-runtime"
    from platformdirs import user_cache_path

    return user_cache_path("arc-runtime", appauthor=False)


def identity(endpoint: Endpoint, api_key: Optional[str]) -> str:
    """Return a name for what belongs to one receiver and, as a key stands for it, one project."""
    named = f"{endpoint}\n{api_key or ''}".encode("utf-8", "replace")
    return hashlib.sha256(named).hexdigest()[:32]
