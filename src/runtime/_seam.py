"""Puts Arc in front of a method of somebody else's class, and takes it away again."""

from __future__ import annotations

import importlib
import sys
from typing import Any, Callable, List, Optional, Tuple

_ABSENT = object()
_INSTRUMENTATIONS = (
    "opentelemetry.instrumentation",
    "opentelemetry.util.genai",
    "openinference",
    "traceloop",
    "logfire",
    "ddtrace",
    "langfuse",
)
"""Packages that make GenAI spans of their own."""


class Seam:
    """Replacements of methods on classes, made once per process and undone together.

    Undoing puts the original back only where the replacement is still in place: what another
    library has put on top stays, and goes on to call our replacement, which then only passes on.
    """

    def __init__(self) -> None:
        self._replaced: List[Tuple[type, str, Any, Any]] = []

    def replace(self, owner: type, name: str, make: Callable[[Callable[..., Any]], Any]) -> None:
        """Set `owner.name` to what `make` returns for the function found there now."""
        own = owner.__dict__.get(name, _ABSENT)
        replacement = make(getattr(owner, name))
        setattr(owner, name, replacement)
        self._replaced.append((owner, name, own, replacement))

    def undo(self) -> None:
        """Put the originals back."""
        for owner, name, own, replacement in reversed(self._replaced):
            if owner.__dict__.get(name) is not replacement:
                continue
            if own is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, own)
        self._replaced.clear()


def instrumentation_of(function: Any) -> Optional[str]:
    """Name the instrumentation that has put itself around a function, if one has."""
    while function is not None:
        # wrapt keeps the wrapper there; functools.wraps copies names but not globals
        wrapper = getattr(function, "_self_wrapper", function)
        # which may be an object that can be called, as openinference's are
        known = getattr(wrapper, "__globals__", None) or {"__name__": type(wrapper).__module__}
        found = _instrumentation(known.get("__name__"))
        if found is not None:
            return found
        function = getattr(function, "__wrapped__", None)
    return None


def _instrumentation(module: Any) -> Optional[str]:
    named = str(module or "")
    if not named.startswith(_INSTRUMENTATIONS):
        return None
    return next(name for name in _INSTRUMENTATIONS if named.startswith(name))


def when_imported(name: str, action: Callable[[Any], None]) -> None:
    """Call `action(module)` now if the module has been imported, otherwise as soon as it is.

    `action` must not raise: an exception would fail the application's import.
    """

    def act(_module: Any) -> None:
        # waits where another thread is still in the middle of this import
        action(importlib.import_module(name))

    if sys.modules.get(name) is not None:  # None: a program says that it must not be imported
        act(None)
        return
    import wrapt  # 15 ms that only an application without the SDK so far needs

    wrapt.register_post_import_hook(act, name)
