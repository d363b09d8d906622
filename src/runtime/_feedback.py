"""What somebody says of a reply: read where it is given, sent by the worker."""

from __future__ import annotations

import math
import time
from numbers import Real
from typing import Any, Mapping, NamedTuple, Optional

from arc_protocol.feedback import OUTCOMES, SOURCES
from runtime.errors import ArcError

_LABEL_LIMIT = 100
_ID_LIMIT = 256


class Feedback(NamedTuple):
    """A judgement of one reply, as `read` understood it."""

    response_id: str
    outcome: Optional[str]
    """good or bad; None when it was not said."""
    score: Optional[float]
    """From 0, the worst, to 1."""
    label: Optional[str]
    explanation: Optional[str]
    source: str
    given_ns: int
    """Unix time in nanoseconds."""


def read(
    response_or_id: Any,
    *,
    outcome: Any = None,
    label: Any = None,
    score: Any = None,
    explanation: Any = None,
    source: Any = "end_user",
) -> Feedback:
    """Check what an application gave; raises `ArcError` with one sentence."""
    if outcome is None and label is None and score is None:
        raise ArcError("it says nothing: give an outcome, a score or a label")
    if outcome is not None and outcome not in OUTCOMES:
        raise ArcError(f"outcome is {_shown(outcome)}: write good or bad")
    if source not in SOURCES:
        raise ArcError(f"source is {_shown(source)}: write one of {', '.join(SOURCES)}")
    if explanation is not None and not isinstance(explanation, str):
        raise ArcError(f"explanation is {_shown(explanation)}: write a text")
    return Feedback(
        response_id=_response_id(response_or_id),
        outcome=outcome,
        score=_score(score),
        label=_label(label),
        explanation=explanation or None,
        source=source,
        given_ns=time.time_ns(),
    )


def _response_id(given: Any) -> str:
    found = given
    if isinstance(given, Mapping):
        found = given.get("id")
    elif not isinstance(given, str):
        found = getattr(given, "id", None)
    if isinstance(found, str) and 0 < len(found) <= _ID_LIMIT:
        return found
    raise ArcError(
        f"{_shown(given)} has no id of a reply: give the SDK's reply object, or its id as text"
    )


def _score(given: Any) -> Optional[float]:
    if given is None:
        return None
    if not isinstance(given, bool) and isinstance(given, Real):
        score = float(given)
        if math.isfinite(score) and 0 <= score <= 1:
            return score
    raise ArcError(f"score is {_shown(given)}: write a number from 0, the worst, to 1")


def _label(given: Any) -> Optional[str]:
    if given is None:
        return None
    if isinstance(given, str) and 0 < len(given.strip()) <= _LABEL_LIMIT:
        return given.strip()
    raise ArcError(
        f"label is {_shown(given)}: write a short name of at most {_LABEL_LIMIT} characters, "
        "such as wrong_language"
    )


def _shown(value: Any) -> str:
    """Return a value for people; of objects the type alone, as they may hold what was said."""
    if isinstance(value, (str, int, float, bool)):
        text = repr(value)
        return text if len(text) <= 80 else f"{text[:77]}..."
    return f"a {type(value).__name__}"
