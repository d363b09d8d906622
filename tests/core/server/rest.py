"""Core's REST interface as tests ask it."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from core.core_process import CoreProcess


def get(process: CoreProcess, path: str) -> Any:
    with urllib.request.urlopen(f"{process.http_url}{path}", timeout=20) as response:
        return json.load(response)


def post(process: CoreProcess, path: str, body: Any) -> Any:
    headers = {"content-type": "application/json"}
    asked = urllib.request.Request(
        f"{process.http_url}{path}", json.dumps(body).encode(), headers, method="POST"
    )
    with urllib.request.urlopen(asked, timeout=20) as response:
        return json.load(response)


def calls(process: CoreProcess) -> list[dict[str, Any]]:
    """Return all calls."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while cursor is not None:
        page = get(process, f"/api/v1/calls?limit=1000{cursor and '&cursor=' + cursor}")
        found += page["calls"]
        cursor = page["next_cursor"]
    return found
