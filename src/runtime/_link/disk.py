"""The last known good set on disk, for a start without Core."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import tempfile
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

from arc_protocol.version import __version__
from runtime import _cache
from runtime._endpoint import Endpoint
from runtime._link.holding import Entry, Holding, Refused, SetId, Signed

_logger = logging.getLogger("arc")

_MAX_BYTES = 64 * 1024 * 1024


class Stored(NamedTuple):
    """What a file holds."""

    policy: str
    version: str
    """Of the Runtime that has judged the patterns."""
    id: Optional[SetId]
    entries: List[Entry]
    refused: Dict[str, Refused]
    signed: Optional[Signed]


class UnusableFileError(Exception):
    """The file is not what was written; the message says what is wrong."""


class LastGood:
    """The file for one endpoint and key: a checksum, then JSON; written whole or not at all."""

    def __init__(self, folder: Optional[str], endpoint: Endpoint, api_key: Optional[str]) -> None:
        name = f"patterns-{_cache.identity(endpoint, api_key)}.json"
        self.path = _cache.folder(folder) / name
        self._complained = False
        self._seen: Optional[int] = None

    def is_new(self) -> bool:
        """Tell whether the file is another one than when this was asked before."""
        before = self._seen
        try:
            self._seen = self.path.stat().st_mtime_ns
        except OSError:
            return False
        return self._seen != before

    def load(self) -> Optional[Stored]:
        """Return what was saved; None when there is nothing, or nothing that can be used."""
        try:
            return _read(self.path)
        except FileNotFoundError:
            return None
        except (OSError, UnusableFileError) as problem:
            _logger.warning(
                "The patterns kept in %s are not used: %s. Arc goes on without them and replaces "
                "the file with the next set of Core.",
                self.path,
                problem,
            )
            return None

    def save(self, holding: Holding) -> None:
        """Replace the file; it is complete on the disk before it takes the place of the old one."""
        try:
            self._write(_encode(holding))
        except OSError as problem:
            if not self._complained:
                self._complained = True
                _logger.warning(
                    "Pushed patterns cannot be kept for the next start in %s: %s. "
                    "ARC_CACHE_DIR chooses another folder.",
                    self.path.parent,
                    problem.strerror or problem,
                )

    def _write(self, content: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # made with mode 0600, and under a name of its own for each process
        handle, name = tempfile.mkstemp(prefix=".patterns-", dir=str(self.path.parent))
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, self.path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise


def _encode(holding: Holding) -> bytes:
    content = {
        "policy": holding.policy,
        "version": __version__,
        "id": holding.id,
        "entries": [
            [*held.entry[:3], held.entry.document.decode("utf-8")] for held in holding.held.values()
        ],
        "refused": holding.refused,
        "signed": holding.signed,
    }
    body = json.dumps(content).encode("ascii")
    return hashlib.sha256(body).hexdigest().encode("ascii") + b"\n" + body


def _read(path: Path) -> Stored:
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        if hasattr(os, "geteuid") and status.st_uid not in (0, os.geteuid()):
            raise UnusableFileError("the file belongs to another user")
        content = file.read(_MAX_BYTES)
    checksum, _, body = content.partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode("ascii") != checksum:
        raise UnusableFileError("its checksum does not fit")
    try:
        return _decode(json.loads(body.decode("ascii")))
    except (ValueError, TypeError, KeyError, AttributeError) as problem:
        raise UnusableFileError("it has the form of another version of Arc") from problem


def _decode(content: Any) -> Stored:
    return Stored(
        policy=content["policy"],
        version=content["version"],
        id=SetId(*content["id"]) if content["id"] else None,
        entries=[
            Entry(name, revision, digest, document.encode("utf-8"))
            for name, revision, digest, document in content["entries"]
        ],
        refused={name: Refused(*refused) for name, refused in content["refused"].items()},
        signed=Signed(*content["signed"]) if content.get("signed") else None,
    )
