"""Where tests keep calls: one place for each engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from arc_core.storage import CallStore, open_call_store


@dataclass
class Place:
    """A store that can be opened again; `url` is None for the folder."""

    url: str | None
    folder: Path
    opened: list[CallStore] = field(default_factory=list)

    def open(self) -> CallStore:
        store = open_call_store(self.url, self.folder)
        self.opened.append(store)
        return store

    def close(self) -> None:
        while self.opened:
            self.opened.pop().close()
