"""The command `arc core`."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from arc_core._server import ports, tls
from arc_core.config import SettingError, Settings, read
from arc_core.config import parser as parser
from arc_protocol.errors import ArcError

if TYPE_CHECKING:
    from arc_core.sync.signing import SigningKey


def main(argv: Sequence[str] | None = None) -> int:
    """Run Core until it is told to end; return the exit code.

    2 when settings cannot be used, 1 when a port or a store cannot be opened.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["move"]:
        return _move(arguments[1:])
    try:
        settings = read(arguments, os.environ)
        tls.check(settings)
        signing_key = _signing_key(settings)
    except SettingError as problem:
        return _refuse(problem, 2)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("arc.core").setLevel(settings.log_level)
    try:
        _run(settings, signing_key)
    except ArcError as problem:
        return _refuse(problem, 1)
    return 0


def _move(arguments: Sequence[str]) -> int:
    from arc_core._server.move import move

    try:
        move(arguments, os.environ, _tell)
    except SettingError as problem:
        return _refuse(problem, 2)
    except ArcError as problem:
        return _refuse(problem, 1)
    return 0


def _signing_key(settings: Settings) -> SigningKey | None:
    if settings.signing_key is None:
        return None
    from arc_core.sync.signing import SigningKey

    try:
        return SigningKey.read(settings.signing_key)
    except ValueError as problem:
        raise SettingError(f"--signing-key is {settings.signing_key}: {problem}.") from None


def _run(settings: Settings, signing_key: SigningKey | None) -> None:
    # what it says of a taken port in a line of C++, a sentence of ours says with what to do
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    with ports.listen(settings.host, settings.http_port, "--http-port") as listener:
        # imported late: a wrong setting or a taken port is told at once
        from arc_core._server.banner import banner
        from arc_core._server.core import serve
        from arc_core._server.stores import open_stores

        with open_stores(settings) as (store, registry):
            http_port = listener.getsockname()[1]

            def ready(grpc_port: int) -> None:
                signed_by = None if signing_key is None else signing_key.public
                _tell(banner(settings, store, registry, (grpc_port, http_port), signed_by))

            _run_loop(serve(settings, store, registry, listener, ready, signing_key))


def _run_loop(main: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:  # there is none for Windows
        asyncio.run(main)
    else:
        uvloop.run(main)


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _refuse(problem: Exception, code: int) -> int:
    for line in str(problem).splitlines():
        sys.stderr.write(f"arc core: {line}\n")
    return code
