"""The lock on a data folder, which says who holds it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from arc_core.storage.call_store import StoreBusyError

if TYPE_CHECKING:
    from pathlib import Path


class FolderLock:
    """Keeps other processes out of a folder until it is released or the process ends."""

    def __init__(self, folder: Path) -> None:
        path = folder / "arc.lock"
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(os.pread(self._file, 4096, 0))
            os.close(self._file)
            raise StoreBusyError(
                f"The call store in {folder} is open in {holder}: stop that one, or give this one"
                " a folder of its own."
            ) from None
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        who = {"pid": os.getpid(), "host": socket.gethostname(), "since": now}
        # the lock is what counts; a full disk must not keep us from opening the store to clean up
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, json.dumps(who).encode(), 0)

    def release(self) -> None:
        """Let others have the folder."""
        os.close(self._file)


def _holder(content: bytes) -> str:
    try:
        who = json.loads(content)
        return f"process {who['pid']} on {who['host']} since {who['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
