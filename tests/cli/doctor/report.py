"""What `arc doctor --json` has printed."""

from __future__ import annotations

import json
from typing import Callable, List

from arc_protocol.version import __version__


class Report:
    """What the command printed as JSON."""

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        self.json = json.loads(text)
        assert self.json["ok"] is (code == 0)
        assert self.json["arc"] == __version__

    def of(self, check: str, level: str = "") -> List[str]:
        """Return what was found, with the advice, by this check."""
        return [
            f"{each['found']} -> {each['advice']}"
            for each in self.json["findings"]
            if each["check"] == check and level in ("", each["level"])
        ]

    @property
    def problems(self) -> List[str]:
        return [each["check"] for each in self.json["findings"] if each["level"] == "problem"]

    @property
    def warnings(self) -> List[str]:
        return [each["check"] for each in self.json["findings"] if each["level"] == "warning"]


Examine = Callable[..., Report]
