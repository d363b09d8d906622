"""Error messages without what differs between calls that failed alike.

Each message is masked on its own, by rules that never change with what came before: so the same
words give the same template in every process and after a restart, which clustering of messages
(such as Drain) does not promise.
"""

from __future__ import annotations

import re
from functools import lru_cache

TEMPLATE_LIMIT = 300
"""Characters of a template."""

_READ = 2000
"""Characters of a message that are looked at."""
_ANY, _NUMBER, _SEVERAL = "<*>", "<n>", "<...>"

_URL = re.compile(r"https?://\S+")
_QUOTED = r"(?:'[^'\n]{1,200}'|\"[^\"\n]{1,200}\"|`[^`\n]{1,200}`)"
_LIST = re.compile(
    rf"(?<![\w\[(])(?<!, )(?<!['\"]:)(?<!['\"]: ){_QUOTED}"
    rf"(?:,\s*(?:(?:and|or)\s+)?{_QUOTED})+(?:,?\s*(?:and|or)\s+{_QUOTED})?(?!\s*:)"
)
_GIVEN = re.compile(r"(['\"]input['\"]\s*:).*", re.DOTALL)
"""What validators repeat of the request."""
_NAMED = re.compile(
    r"(?P<what>\b(?:function|tool|model|deployment|engine|organization|project|item|id|named|name|"
    rf"file|missing)s?\s+)?(?<![\w])(?P<quoted>{_QUOTED})(?!\w)",
    re.IGNORECASE,
)
_CONTEXT = re.compile(r"context=\([^)]*\)")
"""Where in a tool's schema."""
_WORD = re.compile(r"[a-zA-Z_$]+(?:[.:][a-zA-Z_]+|\[?\.?\d+\]?(?![a-zA-Z\d-]))*")
"""A parameter, a value of one or a path to one: what the provider calls it."""
_INDEX = re.compile(r"\d+")
_TOKEN = re.compile(r"[\w./:@+-]*\d[\w./:@+-]*")
_IS_NUMBER = re.compile(r"[-+]?[\d.,:]+")
_ORGANIZATION = re.compile(r"\borg(?:anization)?[-_ ][\w.-]+")
_SPACE = re.compile(r"\s+")


@lru_cache(maxsize=4096)
def template(message: str) -> str:
    """Return a message with numbers, ids, names of models and tools, and given values masked.

    Names of parameters stay, as they tell one failure from another.
    """
    text = _SPACE.sub(" ", message[:_READ]).strip()
    text = _URL.sub(_ANY, text)
    text = _GIVEN.sub(rf"\1 {_ANY}", text)
    text = _CONTEXT.sub(f"context={_ANY}", text)
    text = _LIST.sub(_SEVERAL, text)
    text = _NAMED.sub(_quoted, text)
    text = _ORGANIZATION.sub(f"organization {_ANY}", text)
    text = _TOKEN.sub(_token, text)
    return text[:TEMPLATE_LIMIT]


def path(param: str) -> str:
    """Return a path to a parameter without the positions in it."""
    return _INDEX.sub(_NUMBER, param)


def _quoted(found: re.Match[str]) -> str:
    what, quoted = found["what"] or "", found["quoted"]
    word = quoted[1:-1]
    if what or not _WORD.fullmatch(word):
        return f"{what}{_ANY}"
    return f"'{path(word)}'"


def _token(found: re.Match[str]) -> str:
    token = found[0]
    end = len(token.rstrip(".:"))
    token, rest = token[:end], token[end:]
    if _IS_NUMBER.fullmatch(token):
        return _NUMBER + rest
    steps = token.split(".")
    if any(step.isdigit() for step in steps) and not _INDEX.search(steps[0]):
        return ".".join(map(_step, steps)) + rest
    return _ANY + rest


def _step(step: str) -> str:
    if step.isdigit():
        return _NUMBER
    return _ANY if _INDEX.search(step) else step
