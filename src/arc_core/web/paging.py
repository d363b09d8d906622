"""Pages of lists that are short enough to be read whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from arc_core.web.fields import Field, text, whole
from arc_core.web.problems import ProblemError

Item = TypeVar("Item")

MOST_ITEMS = 1000

PAGE = (
    Field("cursor", text(), "next_cursor of the page before"),
    Field("limit", whole(1, MOST_ITEMS), "how many at most", default=100),
)


def after(
    items: Sequence[Item], place: Callable[[Item], str], cursor: str | None
) -> Sequence[Item]:
    """Return what follows the item at the cursor; raises `ProblemError`."""
    if cursor is None:
        return items
    for index, item in enumerate(items):
        if place(item) == cursor:
            return items[index + 1 :]
    raise ProblemError(
        400, "The cursor is no longer known; begin again without it.", field="cursor"
    )


def cut(
    items: Sequence[Item], place: Callable[[Item], str], limit: int
) -> tuple[Sequence[Item], str | None]:
    """Return the first items, and the cursor of the page after them if there is more."""
    page = items[:limit]
    return page, place(page[-1]) if len(items) > limit else None
