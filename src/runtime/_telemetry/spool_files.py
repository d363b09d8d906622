"""Batches as files in a folder that several processes share."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import struct
import sys
import zlib
from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional, Tuple

_HEADER = struct.Struct(">4sII")
_MAGIC = b"arc1"
_NAME = re.compile(r"(\d{13})-([0-9a-f]{8})-(\d{6,})-(\d+)-(\d+)\.(otlp|corrupt)", re.ASCII)
_BLOCK = 4096
_STALE_S = 3600.0


class CorruptFileError(Exception):
    """A file is not what was written."""


class Name(NamedTuple):
    """What the name of a file says about it, so that a folder is understood without a look inside.

    Sorting gives the order in which they were written, but for the clocks of several writers.
    """

    time_ms: int
    """When it was written, by the wall clock."""
    writer: str
    sequence: int
    spans: int
    bytes: int
    """Length of the file."""
    suffix: str = "otlp"

    def __str__(self) -> str:
        rest = f"{self.sequence:06}-{self.spans}-{self.bytes}.{self.suffix}"
        return f"{self.time_ms:013}-{self.writer}-{rest}"

    @property
    def cost(self) -> int:
        """Bytes that it takes on a disk with blocks of the usual size."""
        return -(-self.bytes // _BLOCK) * _BLOCK


def parse(text: str) -> Optional[Name]:
    """Read a name; None when the file is not one of ours."""
    found = _NAME.fullmatch(text)
    if found is None:
        return None
    time_ms, writer, sequence, spans, size, suffix = found.groups()
    return Name(int(time_ms), writer, int(sequence), int(spans), int(size), suffix)


def encode(payload: bytes) -> bytes:
    """Return the content of a file for a payload."""
    return _header(payload) + payload


def read(path: Path) -> bytes:
    """Return the payload in a file; raises `CorruptFileError` and `OSError`."""
    content = path.read_bytes()
    payload = content[_HEADER.size :]
    if content[: _HEADER.size] != _header(payload):
        raise CorruptFileError
    return payload


def _header(payload: bytes) -> bytes:
    return _HEADER.pack(_MAGIC, len(payload), zlib.crc32(payload))


def prepare(folder: Path) -> None:
    """Make the folder, for this user alone; raises `OSError`."""
    for each in (folder.parent, folder):
        with contextlib.suppress(FileExistsError):
            each.mkdir(mode=0o700, parents=True)
    status = os.lstat(folder)
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, "is not a folder")
    if hasattr(os, "geteuid") and status.st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, "the folder belongs to another user")
    if stat.S_IMODE(status.st_mode) & 0o077:
        os.chmod(folder, 0o700)


def write(folder: Path, name: Name, content: bytes) -> None:
    """Write a file, whole or not at all as far as processes may be killed; raises `OSError`.

    There is no fsync: it would cost a second of the disk's time for each second of an outage, to
    save telemetry of the last seconds before a power failure.
    """
    prepare(folder)
    unfinished = folder / f".{name}"
    handle = os.open(str(unfinished), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(unfinished, folder / str(name))
    except BaseException:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise


def listing(folder: Path, now_s: float) -> List[Name]:
    """Return the files of a folder, the oldest first; removes what a killed process left over."""
    names = []
    for text in _entries(folder):
        name = parse(text)
        if name is not None:
            names.append(name)
            continue
        unfinished = parse(text[1:])
        if unfinished is not None and now_s - unfinished.time_ms / 1e3 > _STALE_S:
            remove(folder, text)
    return sorted(names)


def remove(folder: Path, name: str) -> bool:
    """Delete a file; False when somebody else has, or when that is not possible."""
    try:
        (folder / name).unlink()
    except OSError:
        return False
    return True


def siblings(folder: Path) -> Iterator[Path]:
    """Yield the folders of other receivers."""
    for text in _entries(folder.parent):
        if text != folder.name:
            yield folder.parent / text


def _entries(folder: Path) -> List[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


class Lock:
    """Held by the one process that delivers what is in a folder; gone when that process dies.

    Two of one process do not exclude each other.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: Optional[int] = None

    @property
    def held(self) -> bool:
        """Whether this process has it."""
        return self._handle is not None

    def acquire(self) -> bool:
        """Take it if it is free; raises `OSError` where there are no locks."""
        if self._handle is not None:
            return True
        handle = os.open(str(self._path), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(handle)
        except OSError as problem:
            os.close(handle)
            if problem.errno in _BUSY:
                return False
            raise
        self._handle = handle
        return True

    def release(self) -> None:
        """Let another process take it."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


_BUSY: Tuple[int, ...] = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)

if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(handle: int) -> None:
        # a lock of the process, not of the handle, which a fork would copy
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
