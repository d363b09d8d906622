"""A program under Arc: makes the calls of a plan through the real SDK, each at its time.

`python -m benchmarks.learning.application PLAN LOG`, a JSON object a line in both. It says `ready`
when it is connected to Core, and begins at the Unix time that it reads from its input.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai

from benchmarks.learning.sites import CHAT, EMBEDDINGS, RESPONSES
from runtime import Arc

CALL_HEADER = "x-benchmark-call"
"""Names the call where it arrives."""
_THREADS = 16
_CONNECT_WITHIN_S = 30.0
_CALL_WITHIN_S = 20.0


def main(plan: Path, log: Path) -> None:
    """Make all calls; what became of each is in the log at the end."""
    arc = Arc()
    deadline = time.monotonic() + _CONNECT_WITHIN_S
    pause = threading.Event()
    while arc.link.state != "connected" and time.monotonic() < deadline:
        pause.wait(0.05)
    print("ready", flush=True)
    orders = [json.loads(line) for line in plan.read_text("utf-8").splitlines()]
    began_at = float(sys.stdin.readline())
    done = asyncio.run(_Program(orders, began_at).run())
    log.write_text("".join(json.dumps(each) + "\n" for each in done), "utf-8")
    arc.shutdown()


class _Program:
    def __init__(self, orders: list[dict[str, Any]], began_at: float) -> None:
        self._orders = orders
        self._began_at = began_at
        options: dict[str, Any] = {"max_retries": 0, "timeout": _CALL_WITHIN_S}
        self._sync = openai.OpenAI(**options)
        self._async = openai.AsyncOpenAI(**options)
        self._extra: dict[str, frozenset[str]] = {}

    async def run(self) -> list[dict[str, Any]]:
        """Start each call when it is due, whatever has become of those before."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(_THREADS) as threads:
            under_way = []
            for order in self._orders:
                await asyncio.sleep(max(0.0, self._began_at + order["at_s"] - time.time()))
                if order["how"] == "async":
                    under_way.append(loop.create_task(self._await(order)))
                else:
                    under_way.append(loop.run_in_executor(threads, self._call, order))
            return list(await asyncio.gather(*under_way))

    def _call(self, order: dict[str, Any]) -> dict[str, Any]:
        began, error = time.time(), None
        try:
            reply = self._create(self._sync, order)
            if order["request"].get("stream"):
                for _ in reply:
                    pass
        except openai.APIError as problem:
            error = type(problem).__name__
        return self._done(order, began, error)

    async def _await(self, order: dict[str, Any]) -> dict[str, Any]:
        began, error = time.time(), None
        try:
            reply = await self._create(self._async, order)
            if order["request"].get("stream"):
                async for _ in reply:
                    pass
        except openai.APIError as problem:
            error = type(problem).__name__
        return self._done(order, began, error)

    def _create(self, client: Any, order: dict[str, Any]) -> Any:
        places = {
            CHAT: client.chat.completions,
            RESPONSES: client.responses,
            EMBEDDINGS: client.embeddings,
        }
        create = places[order["endpoint"]].create
        known = inspect.signature(create).parameters
        request = order["request"]
        given = {name: value for name, value in request.items() if name in known}
        rest = {name: value for name, value in request.items() if name not in known}
        return create(**given, extra_body=rest or None, extra_headers={CALL_HEADER: order["id"]})

    def _done(self, order: dict[str, Any], began: float, error: str | None) -> dict[str, Any]:
        began_s, ended_s = began - self._began_at, time.time() - self._began_at
        return {"id": order["id"], "began_s": began_s, "ended_s": ended_s, "error": error}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
