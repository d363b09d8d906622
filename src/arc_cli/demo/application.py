"""One of the demo's applications: it calls the OpenAI SDK in a loop until its input is closed.

`Arc()` is all that it has of Arc. Each call is printed, with the time of its end. It makes the same
call over and over, or with the argument `mixed` the kinds of calls of part three.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from itertools import cycle
from typing import Any, Dict, List, Tuple

import openai

from arc_cli.demo.cases import REASONING_REQUEST, TRAFFIC
from runtime import Arc


def main() -> None:
    """Call until the input is closed; what telemetry is left goes out at the exit."""
    arc = Arc()
    client = openai.OpenAI(max_retries=0)
    closed = threading.Event()
    threading.Thread(target=_watch_input, args=(closed,), daemon=True).start()
    for kind, request in cycle(_requests(sys.argv[1:])):
        if closed.is_set():
            break
        done = _call(client, request)
        link = arc.link
        done.update(kind=kind, set_version=link.version, link=link.state)
        print(json.dumps(done), flush=True)


def _requests(arguments: List[str]) -> List[Tuple[str, Dict[str, Any]]]:
    if arguments != ["mixed"]:
        return [("", REASONING_REQUEST)]
    return [(name, kind.request) for name, kind in TRAFFIC.items() for _ in range(kind.share)]


def _watch_input(closed: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    closed.set()


def _call(client: openai.OpenAI, request: Dict[str, Any]) -> Dict[str, Any]:
    began, error, reply = time.time(), None, None
    try:
        reply = client.chat.completions.create(**request).id
    except openai.APIStatusError as refusal:
        error = str(refusal.body["message"] if isinstance(refusal.body, dict) else refusal)
    return {"began": began, "ended": time.time(), "error": error, "reply": reply}


if __name__ == "__main__":
    main()
