"""Tables, times and amounts, as people read them on a terminal."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from datetime import datetime, timezone
from typing import Any, List, Optional, Sequence

_GAP = "  "
_LEAST = 8


def clean(value: Any) -> str:
    """Return a value as one line without what a terminal would obey."""
    text = "" if value is None else str(value)
    text = text.replace("\r\n", " ").replace("\n", " ").replace("\t", " ")
    text = "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in text)
    encoding = sys.stdout.encoding or "ascii"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def quoted_name(name: str) -> str:
    """Return a name as it is typed in a shell."""
    return shlex.quote(clean(name))


def width() -> Optional[int]:
    """Return how many characters a line may have; None where nobody looks at a terminal."""
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        return shutil.get_terminal_size((80, 24)).columns
    return None


def cut(text: str, most: Optional[int]) -> str:
    """Return a text, shortened if it is longer than that."""
    return text if most is None or len(text) <= most else text[: max(1, most - 2)] + ".."


def table(
    titles: Sequence[str], rows: Sequence[Sequence[Any]], *, whole: Sequence[str] = ()
) -> List[str]:
    """Return aligned lines.

    Numbers stand to the right. Where the terminal is too narrow the widest columns give way, but
    not numbers and not the columns named in `whole`, as half of them is no use.
    """
    texts = [[clean(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(titles, *texts)]
    right = [
        bool(rows) and all(isinstance(row[place], (int, float)) for row in rows)
        for place in range(len(titles))
    ]
    yielding = [
        place for place, title in enumerate(titles) if not right[place] and title not in whole
    ]
    most = width()
    while most is not None and sum(widths) + len(_GAP) * (len(widths) - 1) > most:
        widest = max(yielding, key=lambda place: widths[place])
        if widths[widest] <= _LEAST:
            break
        widths[widest] -= 1
    return [_line(line, widths, right) for line in [list(titles), *texts]]


def _line(texts: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    cells = [
        cut(text, most).rjust(most) if numbers else cut(text, most).ljust(most)
        for text, most, numbers in zip(texts, widths, right)
    ]
    return _GAP.join(cells).rstrip()


def moment(text: str) -> datetime:
    """Return a time of Core's interface."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)


def clock(text: str) -> str:
    """Return a time in this machine's zone, the date only if it is not today's."""
    local = moment(text).astimezone()
    today = datetime.now(timezone.utc).astimezone().date()
    return local.strftime("%H:%M:%S" if local.date() == today else "%Y-%m-%d %H:%M:%S")


def span(seconds: float) -> str:
    """Return a length of time in its largest unit."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(0, int(seconds))} s"


def size(count: float) -> str:
    """Return an amount of bytes."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def percent(part: int, whole: int) -> str:
    """Return a part of a whole."""
    return f"{100 * part / whole:.1f} %" if whole else "0 %"


def amount(value: float) -> str:
    """Return a ratio, or an amount of evidence, with as many digits as tell something."""
    if value >= 1e6:
        return "over a million"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2g}" if value >= 0.0005 or not value else "0.000"
