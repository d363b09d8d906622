"""The model declined to answer."""

from __future__ import annotations

import re

from arc_protocol.detection import reasons
from arc_protocol.detection.exchange import Exchange, Output

PRECEDENCE = 20

_SHORT = 400
"""Characters: one who answers after all says more."""
_DECLINES = re.compile(
    r"(?:(?:i['\u2019]m|i am) (?:really |very |truly )?sorry,? but |sorry,? (?:but )?|"
    r"(?:i )?apologi[sz]e,? but |unfortunately,? )?"
    r"i(?:['\u2019]m| am)? ?(?:can['\u2019]?t|cannot|can not|won['\u2019]t|will not|"
    r"unable to|not able to|must decline to) "
    r"(?:assist|help|comply|fulfil+|provide|create|generate|continue|engage|do|answer|discuss)\b",
    re.IGNORECASE,
)


def detect(exchange: Exchange) -> bool:
    """Tell whether a choice is a refusal: marked as one, or one in so many words."""
    return any(map(_refused, exchange.outputs))


def _refused(output: Output) -> bool:
    if output.refusal or output.finish_reason.lower() in reasons.REFUSED:
        return True
    said = output.text.strip()
    return len(said) <= _SHORT and not output.calls and _DECLINES.match(said) is not None
