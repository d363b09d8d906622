"""Ctrl-C and its relatives: the demo always gets to end what it has started."""

from __future__ import annotations

import contextlib
import signal
from typing import Any, Iterator

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")

_holding = False
_pending = False


def become_exceptions() -> None:
    """Have the first signal raise KeyboardInterrupt, and later ones change nothing."""
    for number in _numbers():
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, _interrupt)


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Put off a signal to the end of the block, in which a process starts and is noted down."""
    global _holding
    _holding = True
    try:
        yield
    finally:
        _holding = False
        if _pending:
            raise KeyboardInterrupt


def _interrupt(_number: int, _frame: Any) -> None:
    global _pending
    if _pending:
        return
    _pending = True
    if not _holding:
        raise KeyboardInterrupt


def _numbers() -> Iterator[signal.Signals]:
    for name in _SIGNALS:
        if hasattr(signal, name):  # Windows lacks some
            yield signal.Signals[name]
