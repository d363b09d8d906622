"""Lets a function of the application change each text before it leaves the process."""

from __future__ import annotations

import importlib
import logging
from typing import Any, Callable, Dict, List, Mapping, Optional, Union

from arc_protocol import semconv
from runtime._telemetry import content
from runtime._telemetry.description import Description

_logger = logging.getLogger("arc")

_STRUCTURE = frozenset(
    ("role", "type", "id", "name", "finish_reason", "modality", "mime_type", "file_id")
)
"""What says of a message or a part what it is; everything else in it was said by somebody."""
_LARGEST = 64 * 1024 * 1024

Hook = Callable[[str], str]


class Redaction:
    """Applies the hook to calls and feedback, on the worker's thread.

    Where it fails, the texts stay at home: what it would have made of them is not known.
    """

    def __init__(self, hook: Union[Hook, str], *, failed: Callable[[], None]) -> None:
        """A text names the hook as module:function; it is imported when it is needed first.

        `failed` is called for each call or feedback whose texts are left out.
        """
        self._hook = hook
        self._count = failed
        self._seen: List[type] = []

    def of_call(self, description: Description, *, with_content: bool) -> Description:
        """Return a description whose texts the hook has seen; without its content where not.

        Without `with_content` the content, which is not sent then, stays for what is made of it.
        """
        attributes = dict(description.attributes)
        said = description.content
        try:
            hook = self._ready()
            if with_content:
                said = _redacted(hook, said)
            failure = description.failure and _once(hook, description.failure)
            first = attributes.get(semconv.ARC_HEAL_ERROR_MESSAGE)
            if first is not None:
                attributes[semconv.ARC_HEAL_ERROR_MESSAGE] = _once(hook, first)
        except Exception as fault:
            self._failed(fault)
            said, failure = {}, None if description.failure is None else ""
            attributes.pop(semconv.ARC_HEAL_ERROR_MESSAGE, None)
            attributes[semconv.ARC_CONTENT_TRUNCATED] = True
        return description._replace(
            attributes=attributes, content=said, failure=failure, redacted=True
        )

    def of_text(self, text: Optional[str]) -> Optional[str]:
        """Return what the hook makes of a text; None where it fails."""
        try:
            return None if text is None else _once(self._ready(), text)
        except Exception as fault:
            self._failed(fault)
            return None

    def _ready(self) -> Hook:
        if not isinstance(self._hook, str):
            return self._hook
        module, _, path = self._hook.partition(":")
        found: Any = importlib.import_module(module)
        for name in path.split("."):
            found = getattr(found, name)
        self._hook = found
        return self._ready()

    def _failed(self, fault: Exception) -> None:
        self._count()
        if type(fault) in self._seen:
            return
        self._seen.append(type(fault))
        # not the words of the fault, which may hold what was to be redacted
        _logger.warning(
            "The redact hook %s fails with %s: texts that it does not take are left out of "
            "telemetry; calls go on as they are.",
            self._hook if isinstance(self._hook, str) else getattr(self._hook, "__name__", "given"),
            type(fault).__name__,
        )


def _once(hook: Hook, text: str) -> str:
    redacted = hook(text)
    if isinstance(redacted, str):
        return redacted
    raise TypeError("a redact hook returns a text")


def _redacted(hook: Hook, said: Mapping[str, Any]) -> Dict[str, Any]:
    return {
        name: _structure(hook, content.plain(value, limit=_LARGEST)) for name, value in said.items()
    }


def _structure(hook: Hook, value: Any) -> Any:
    """Return messages, parts or tools with everything redacted that was said in them."""
    if isinstance(value, list):
        return [_structure(hook, each) for each in value]
    if isinstance(value, dict):
        return {name: _member(hook, name, each) for name, each in value.items()}
    return _words(hook, value)


def _member(hook: Hook, name: str, value: Any) -> Any:
    if name in _STRUCTURE and not isinstance(value, (dict, list)):
        return value
    return _structure(hook, value) if name == "parts" else _words(hook, value)


def _words(hook: Hook, value: Any) -> Any:
    """Return any structure with all its texts redacted."""
    if isinstance(value, str):
        return _once(hook, value)
    if isinstance(value, list):
        return [_words(hook, each) for each in value]
    if isinstance(value, dict):
        return {name: _words(hook, each) for name, each in value.items()}
    return value
