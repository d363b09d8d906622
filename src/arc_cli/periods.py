"""Points in time as people write them: 30m, 2h, 1d, or ISO 8601."""

from __future__ import annotations

import argparse
import re
from datetime import datetime, timedelta, timezone

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def point(text: str) -> str:
    """Return a point in time as Core takes it; the type of an option."""
    ago = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    try:
        if ago:
            length = timedelta(**{_UNITS[ago.group(2)]: int(ago.group(1))})
            moment = datetime.now(timezone.utc) - length
        else:
            moment = datetime.fromisoformat(re.sub("[Zz]$", "+00:00", text)).astimezone(
                timezone.utc
            )
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time: write how long ago, such as 30m, 2h or 1d, or 2026-11-24T12:00"
        ) from None
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
