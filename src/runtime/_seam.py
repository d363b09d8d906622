"""Puts Arc in front of a method of somebody else's class, and takes it away again."""

from __future__ import annotations

import importlib
import sys
from typing import Any, Callable, Iterator, List, NamedTuple, Optional

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


class _Replaced(NamedTuple):
    owner: type
    name: str
    make: Callable[[Callable[..., Any]], Any]
    found: Any
    """What was called before."""
    own: Any
    """What was the class's own, which may have inherited what was found."""
    replacement: Any


class Seam:
    """Replacements of methods on classes, made once per process and undone together.

    Undoing puts the original back only where the replacement is still in place: what another
    library has put on top stays, and goes on to call our replacement, which then only passes on.
    """

    def __init__(self) -> None:
        self._replaced: List[_Replaced] = []

    def replace(self, owner: type, name: str, make: Callable[[Callable[..., Any]], Any]) -> None:
        """Set `owner.name` to what `make` returns for the function found there now."""
        found = getattr(owner, name)
        self._put(owner, name, make, found, make(found))

    def mend(self) -> bool:
        """Replace again what somebody has put the original in place of; False if nobody has.

        That is what other libraries do which put back what they once found. Where a wrapper of
        theirs still calls our replacement, or may do so as it does not tell what it wraps, all
        stays as it is.
        """
        mended = False
        for owner, name, make in {
            (each.owner, each.name): each[:3] for each in self._replaced
        }.values():
            current = getattr(owner, name)
            chain = list(_chain(current))
            if any(each.replacement is one for each in self._replaced for one in chain):
                continue
            if not any(_last(each.found) is chain[-1] for each in self._replaced):
                continue
            before = (
                each.replacement
                for each in self._replaced
                if (each.owner, each.name) == (owner, name) and each.found is current
            )
            self._put(owner, name, make, current, next(before, None) or make(current))
            mended = True
        return mended

    def _put(self, owner: type, name: str, make: Any, found: Any, replacement: Any) -> None:
        own = owner.__dict__.get(name, _ABSENT)
        setattr(owner, name, replacement)
        self._replaced = [
            each
            for each in self._replaced
            if (each.owner, each.name, each.replacement) != (owner, name, replacement)
        ]
        self._replaced.append(_Replaced(owner, name, make, found, own, replacement))

    def undo(self) -> None:
        """Put the originals back."""
        replaced, self._replaced = self._replaced, []
        for each in reversed(replaced):
            if each.owner.__dict__.get(each.name) is not each.replacement:
                continue
            if each.own is _ABSENT:
                delattr(each.owner, each.name)
            else:
                setattr(each.owner, each.name, each.own)


def _chain(function: Any) -> Iterator[Any]:
    """Yield a function and what it says that it wraps, from the outside to the inside."""
    while function is not None:
        yield function
        function = getattr(function, "__wrapped__", None)


def _last(function: Any) -> Any:
    return list(_chain(function))[-1]


def instrumentation_of(function: Any) -> Optional[str]:
    """Name the instrumentation that has put itself around a function, if one has."""
    for one in _chain(function):
        # wrapt keeps the wrapper there; functools.wraps copies names but not globals
        wrapper = getattr(one, "_self_wrapper", one)
        # which may be an object that can be called, as openinference's are
        known = getattr(wrapper, "__globals__", None) or {"__name__": type(wrapper).__module__}
        found = _instrumentation(known.get("__name__"))
        if found is not None:
            return found
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
