"""Child processes that end without the functions that `atexit` knows."""

from __future__ import annotations

import functools
import sys
from typing import Any, Callable, Set

_LAST = -100
"""Behind the queues of `multiprocessing`, at -5: whoever waits for a child's results has them."""

_attended: Set[str] = set()
"""Holds for forked children too, as does what those modules have been told."""


def attend(leave: Callable[[], None]) -> None:
    """Have `leave` called at the end of this process, and of all it forks, if they end so.

    For a function of a module. It is called by `Arc()` and in each forked child, because nothing
    is imported for this: what such a child takes, its parent has imported.
    """
    for name, tell in _TELL.items():
        module = sys.modules.get(name)
        if module is not None and name not in _attended:
            tell(module, leave)
            _attended.add(name)


def _multiprocessing(util: Any, leave: Callable[[], None]) -> None:
    """Its children leave by `os._exit` on most platforms, after its own finalizers."""
    from multiprocessing import parent_process

    # a child forgets all finalizers when it begins, and then calls these
    util.register_after_fork(leave, functools.partial(_finalize, util))
    if parent_process() is not None:
        _finalize(util, leave)


def _finalize(util: Any, leave: Callable[[], None]) -> None:
    util.Finalize(None, leave, exitpriority=_LAST)


def _celery(signals: Any, leave: Callable[[], None]) -> None:
    """Its workers leave by `os._exit` too, after `worker_max_tasks_per_child` tasks or at the end.

    They have their own kind of `multiprocessing`, whose finalizers do not run.
    """

    def end(**_: Any) -> None:
        leave()

    signals.worker_process_shutdown.connect(end, weak=False)


_TELL = {"multiprocessing.util": _multiprocessing, "celery.signals": _celery}
