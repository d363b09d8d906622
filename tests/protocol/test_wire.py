"""The wire messages: generated code, digests, and the service's helpers over real gRPC."""

from __future__ import annotations

import hashlib
from concurrent import futures
from pathlib import Path
from typing import Any, Iterator

import grpc

from arc_protocol.wire import digests, pattern_sync, sync_pb2

_WIRE = Path(sync_pb2.__file__).parent


def test_generated_code_is_that_of_the_file() -> None:
    """After a change of sync.proto, scripts/generate-wire has to be run."""
    digest = hashlib.sha256((_WIRE / "sync.proto").read_bytes()).hexdigest()
    assert digest in (_WIRE / "sync_pb2.py").read_text()


def test_digests_are_what_the_protocol_says() -> None:
    """Literal values: another language must come to the same."""
    document = digests.canonical({"pattern": {"b": 1.5, "a": "é"}, "fix": {"a": None}})
    assert document == b'{"fix":{"a":null},"pattern":{"a":"\\u00e9","b":1.5}}'
    digest = digests.of_document(document)
    assert digest == hashlib.sha256(document).hexdigest()
    listed = f'[["one",3,"{digest}"]]'.encode()
    assert digests.of_set([("one", 3, digest)]) == hashlib.sha256(listed).hexdigest()
    assert digests.of_set([]) == hashlib.sha256(b"[]").hexdigest()


def test_handler_and_call_speak_to_each_other() -> None:
    """Messages go both ways over a real server, under the name that the protocol gives it."""

    def sync(requests: Iterator[bytes], _context: Any) -> Iterator[bytes]:
        for request in requests:
            hello = sync_pb2.FromRuntime.FromString(request).hello
            welcome = sync_pb2.Welcome(project=f"of {hello.runtime_id}")
            yield sync_pb2.FromCore(welcome=welcome).SerializeToString()

    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    server.add_generic_rpc_handlers((pattern_sync.handler(sync),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            hello = sync_pb2.FromRuntime(hello=sync_pb2.Hello(runtime_id="r1"))
            answers = pattern_sync.call(channel, iter([hello]), [])
            assert [answer.welcome.project for answer in answers] == ["of r1"]
    finally:
        server.stop(None).wait(10)
