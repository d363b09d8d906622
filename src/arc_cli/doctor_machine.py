"""Checks of `arc doctor`: the port for metrics and the folder for what outlives a process."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any, Iterator, Optional

from arc_cli.doctor_finding import OK, PROBLEM, WARNING, Finding
from runtime import _cache
from runtime._telemetry import spool_files
from runtime._telemetry.spool import SIZE_LIMIT

_SCRAPE_WITHIN_S = 2.0


def metrics_port(port: int) -> Iterator[Finding]:
    """Say whether an application could serve its metrics there."""
    if not port:
        yield Finding("metrics port", OK, "0: no metrics are served")
        return
    try:
        with socket.socket() as probe:
            if os.name != "nt":  # where it means that others may be robbed of the port
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except OSError as problem:
        if problem.errno == errno.EACCES:
            who = "needs more rights than this user has"
        elif _is_arc(port):
            who = f"is taken by another process with Arc{_holder(port)}"
        else:
            who = f"is taken{_holder(port)}"
        yield Finding(
            "metrics port",
            WARNING,
            f"port {port} {who}; an application takes the next free one, which its log names",
            "ARC_METRICS_PORT chooses another port, 0 turns the metrics off",
        )
    else:
        yield Finding("metrics port", OK, f"port {port} is free")


def _is_arc(port: int) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/metrics", timeout=_SCRAPE_WITHIN_S) as answer:
            return b"arc_requests_intercepted" in answer.read(1 << 20)
    except (OSError, ValueError):
        return False
    except Exception:  # whatever speaks there, it is no HTTP
        return False


def _holder(port: int) -> str:
    """Name the process that listens on a port, as far as Linux tells this user."""
    sockets = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in _text(table).splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                sockets.add(f"socket:[{fields[9]}]")
    for process in Path("/proc").glob("[0-9]*"):
        if sockets.intersection(_handles(process / "fd")):
            command = _text(str(process / "cmdline")).replace("\0", " ").strip()
            return f" by process {process.name} ({command[:80]})"
    return ""


def _handles(folder: Path) -> Iterator[str]:
    with contextlib.suppress(OSError):  # of another user, or gone
        for handle in os.listdir(folder):
            with contextlib.suppress(OSError):
                yield os.readlink(folder / handle)


def _text(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


def cache_folder(settings: Any) -> Iterator[Finding]:
    """Say whether telemetry and patterns can be kept on disk."""
    folder = _cache.folder(settings.cache_dir)
    made = _first_missing(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=str(folder)):
            free = shutil.disk_usage(str(folder)).free
    except OSError as problem:
        yield Finding(
            "cache folder",
            PROBLEM,
            f"{folder} cannot be written: {problem.strerror or problem}; telemetry waits in "
            "memory alone, and a start without Arc Core has no pushed patterns",
            "ARC_CACHE_DIR chooses another folder",
        )
        return
    finally:
        _remove(folder, made)
    if free < 2 * SIZE_LIMIT:
        yield Finding(
            "cache folder",
            WARNING,
            f"{folder} has only {free // 2**20} MiB left on its disk; telemetry that waits takes "
            f"up to {SIZE_LIMIT // 2**20} MiB",
            "make room, or choose another folder with ARC_CACHE_DIR",
        )
        return
    yield Finding("cache folder", OK, f"{folder} can be written{_waiting(settings, folder)}")


def _waiting(settings: Any, folder: Path) -> str:
    endpoint = settings.receiver()
    if endpoint is None:
        return ""
    spool = folder / "spool" / _cache.identity(endpoint, settings.api_key)
    names = [each for each in spool_files.listing(spool, time.time()) if each.suffix == "otlp"]
    if not names:
        return ""
    spans = sum(each.spans for each in names)
    return f"; {spans} spans wait there for {endpoint}"


def _first_missing(folder: Path) -> Optional[Path]:
    missing = None
    for each in (folder, *folder.parents):
        if each.exists():
            break
        missing = each
    return missing


def _remove(folder: Path, made: Optional[Path]) -> None:
    """Leave no empty folders behind that were not there before."""
    while made is not None and folder != made.parent:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent
