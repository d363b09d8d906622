"""Gives back memory that only the start needed."""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Iterator
from pathlib import Path

_MAPS = Path("/proc/self/smaps")
_MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) r-xp [0-9a-f]+ \S+ [1-9][0-9]* +(/.*)")
_LARGE = 64 * 1024 * 1024
_DONT_NEED = 4
"""MADV_DONTNEED; the same on every processor that Linux has, but one that Python left long ago."""


def forget_code() -> None:
    """Let go of code that libraries ran once, when they were loaded; Linux only.

    Of the call store's engine that is 150 MB. What is needed again comes back, page by page, from
    the file's copy in the kernel.
    """
    if sys.platform != "linux":
        return
    try:
        maps = _MAPS.read_text()
    except OSError:  # some kernels and sandboxes do not have it
        return
    library = ctypes.CDLL(None)
    library.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for start, size in _unchanged_code(maps.splitlines()):
        library.madvise(start, size, _DONT_NEED)  # where it is refused, all stays as it is


def _unchanged_code(lines: list[str]) -> Iterator[tuple[int, int]]:
    """Return start and size of large pieces of code that are as in their files."""
    start = size = 0
    for line in lines:
        mapping = _MAPPING.match(line)
        if mapping:
            start = int(mapping[1], 16)
            size = int(mapping[2], 16) - start
        elif line.startswith("Private_Dirty:") and size >= _LARGE and line.split()[1] == "0":
            yield start, size
        elif line.startswith("VmFlags:"):
            size = 0
