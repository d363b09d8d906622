"""Core's HTTP interface over real stores, on a real server in this process."""

from __future__ import annotations

import http.client
import json
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn
from prometheus_client import CollectorRegistry, Counter

from arc_core._server import ports
from arc_core.access import Gate
from arc_core.model.feedback import Feedback
from arc_core.registry.registry import Registry
from arc_core.storage import CallStore
from arc_core.web import Context, LiveCalls, create_app
from core.call_records import batch, record


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def sentence(self) -> str:
        """Why it is refused."""
        assert self.headers["content-type"] == "application/problem+json"
        assert self.json["status"] == self.status
        return str(self.json["detail"])


class Served:
    """A server that is ready."""

    def __init__(self, context: Context, port: int) -> None:
        self.context = context
        self.port = port
        self.unready: str | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        path: str,
        body: Any = None,
        *,
        method: str | None = None,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask, and read the whole answer; a body that is no bytes is sent as JSON."""
        sent = dict(headers or {})
        if key is not None:
            sent["Authorization"] = f"Bearer {key}"
        if body is not None and not isinstance(body, bytes):
            sent.setdefault("Content-Type", "application/json")
            body = json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method or ("GET" if body is None else "POST"), path, body, sent)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def key(self, project: str) -> str:
        """Make a key of a project."""
        return self.context.registry.create_key(project, "of the test")[1]

    def runtime(self, runtime_id: str, **values: Any) -> None:
        """Have a Runtime of the project "default" seen."""
        report = {
            "service": "checkout",
            "host": "laptop",
            "pid": 7,
            "runtime_version": "0.2.0",
            "python": "3.11.7",
            "sdks": {"openai": "3.0.0"},
            "policy": "safe",
            "heals": False,
            "connected": True,
            "set_version": 1,
            "set_digest": "d",
            "verdicts": {},
        }
        self.context.registry.runtime_seen("default", runtime_id, **{**report, **values})

    def insert(self, *calls: dict[str, Any], feedback: Iterable[Feedback] = ()) -> None:
        """Store calls and publish them, as the collector does."""
        made = batch(*calls, feedback=feedback)
        self.context.store.insert(made, token=uuid.uuid4().hex)
        self.context.live.publish(made)


@contextmanager
def served(
    store: CallStore, folder: Path, *, demand_key: bool = False, **options: Any
) -> Iterator[Served]:
    """Serve over a call store and a fresh registry in a folder."""
    registry = Registry.open(f"sqlite:///{folder / 'registry.db'}")
    metrics = CollectorRegistry()
    Counter("arc_core_test", "For tests", registry=metrics).inc()
    context = Context(
        store=store,
        registry=registry,
        live=LiveCalls(),
        metrics=metrics,
        unready=lambda: made.unready,
        gate=Gate(registry, demand_key=demand_key),
        **options,
    )
    listener = ports.listen("127.0.0.1", 0, "--http-port")
    made = Served(context, listener.getsockname()[1])
    server = _Server(uvicorn.Config(create_app(context), log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        assert server.ready.wait(20)
        yield made
    finally:
        context.live.close()
        server.should_exit = True
        thread.join()
        context.gate.close()
        registry.close()


class _Server(uvicorn.Server):
    """A server that says when it is ready."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.ready.set()


def failing(**values: Any) -> dict[str, Any]:
    """Return a call that a provider refused."""
    refusal = {
        "failed": True,
        "status_code": 400,
        "error_type": "openai.BadRequestError",
        "error_code": "unsupported_value",
        "error_param": "temperature",
        "error_message": "Unsupported value: 'temperature' does not support 0.95.",
    }
    return record(**{**refusal, **values})
