"""The command line: `arc simulate`, also `python -m arc_simulator`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from arc_simulator.answers import DROP_EXTENSION
from arc_simulator.catalogue import cases, catalogue_rules, named_rule, read_rules
from arc_simulator.errors import RuleError
from arc_simulator.rules import Rule
from arc_simulator.server import create_app
from arc_simulator.spaces import Settings, Space, Spaces

DEFAULT_PORT = 8089


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until interrupted; return the exit code."""
    options = parser().parse_args(argv)
    if options.list_rules:
        sys.stdout.writelines(f"{case.id}\n    {case.summary}\n" for case in cases().values())
        return 0
    try:
        rules = _rules(options.rules, options.rule)
        settings = Settings().replace({"latency_ms": options.latency_ms, "seed": options.seed})
        listener = _listen(options.host, options.port)
    except (RuleError, OSError) as error:
        sys.stderr.write(f"arc simulate: {error}\n")
        return 1
    _serve(listener, Spaces(Space("default", settings, rules)), options.ready_file)
    return 0


def parser() -> argparse.ArgumentParser:
    """Return what the command takes."""
    made = argparse.ArgumentParser(
        prog="arc simulate",
        description="Serve an API like OpenAI's that needs no key, and fails by rules as the real "
        "ones do. Without rules every call succeeds.",
        epilog="Point an SDK at it: OPENAI_BASE_URL=http://127.0.0.1:8089/v1 OPENAI_API_KEY=any",
    )
    add = made.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=DEFAULT_PORT, help="0: any free one (default: %(default)s)")
    add(
        "--rules",
        action="append",
        default=[],
        metavar="catalogue|FILE",
        help="fail by all rules of the built-in catalogue, or by those of a YAML file",
    )
    add(
        "--rule",
        action="append",
        default=[],
        metavar="ID",
        help="fail by one rule of the catalogue; may be repeated",
    )
    add("--list-rules", action="store_true", help="list the rules of the catalogue, and end")
    add(
        "--latency-ms",
        type=float,
        default=0.0,
        metavar="MS",
        help="wait so long before each answer (default: 0)",
    )
    add(
        "--seed",
        type=int,
        default=0,
        metavar="NUMBER",
        help="where a rule fails some calls by chance: the same number, the same calls",
    )
    add("--ready-file", type=Path, metavar="FILE", help="write the URL to FILE once it is served")
    return made


def _rules(sources: Sequence[str], names: Sequence[str]) -> list[Rule]:
    rules = [named_rule(name) for name in names]
    for source in sources:
        rules += catalogue_rules() if source == "catalogue" else read_rules(Path(source))
    return rules


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise OSError(f"cannot listen on {host} port {port}: {error}") from error
    # connections inherit it; without it every answer waits 40 ms for the client's delayed ACK
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _serve(listener: socket.socket, spaces: Spaces, ready_file: Path | None) -> None:
    host, port = listener.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def announce() -> None:
        if ready_file is not None:
            unfinished = ready_file.with_name(f"{ready_file.name}.part")
            unfinished.write_text(url, "utf-8")
            unfinished.replace(ready_file)  # whoever waits for the file never finds it empty
        sys.stdout.write(_banner(url, spaces["default"]))
        sys.stdout.flush()

    config = uvicorn.Config(
        create_app(spaces),
        http=_DroppableProtocol,
        ws="none",
        lifespan="off",
        log_level="critical",
        access_log=False,
        backlog=4096,
        # longer than clients keep idle connections, or they would write into a closing one
        timeout_keep_alive=120,
        timeout_graceful_shutdown=1,
    )
    # uvicorn repeats the signal that stopped it once it has shut down
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    with contextlib.suppress(KeyboardInterrupt):
        _Server(config, announce).run(sockets=[listener])


def _banner(url: str, space: Space) -> str:
    return (
        f"Arc provider simulator with {len(space.rules)} rules\n"
        f"  point an SDK here:  export OPENAI_BASE_URL={url}/v1 OPENAI_API_KEY=simulated\n"
        f"  rules and requests: {url}/_simulator/spaces/default\n"
        f"ready {url}\n"
    )


class _Server(uvicorn.Server):
    """Says so when it accepts connections."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announce()


class _DroppableProtocol(H11Protocol):
    """Lets the application close a connection in the middle of an answer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        app = self.app

        async def with_extension(scope: Scope, receive: Receive, send: Send) -> None:
            extensions = {**scope.get("extensions", {}), DROP_EXTENSION: transport.close}
            await app({**scope, "extensions": extensions}, receive, send)

        self.app = with_extension
