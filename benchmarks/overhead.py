"""What Arc adds to one call on the caller's thread: decide, fix and record."""

from __future__ import annotations

import functools
import time
from typing import Any, Callable

import openai
import wrapt
from openai import _base_client
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from benchmarks import stub
from benchmarks.by_hand import match_copy_append
from benchmarks.paired import Difference, compare
from runtime import Arc
from telemetry.receiver import Receiver


def main() -> None:
    """Print one line for each measurement: microseconds beyond the stub."""
    client = stub.install()
    original = _base_client.SyncAPIClient.request
    with Receiver() as receiver:
        arc = Arc(endpoint=receiver.endpoint, metrics_port=0, log_level="WARNING")
        arced = openai.OpenAI.request
        call = functools.partial(_call, client)
        risky, safe = stub.options(temperature=0.95), stub.options(temperature=0.5)

        def measure(name: str, request: Callable[..., Any], options: Any, **more: Any) -> None:
            base, other = (call(each, options, **more) for each in (original, request))
            result = compare(base, other, between=functools.partial(_settle, arc))
            _print(name, result)

        measure("no-op wrapper", _no_op(original), risky)
        measure("no-op wrapt wrapper", wrapt.FunctionWrapper(original, _pass_on), risky)
        measure("hand-rolled match, copy, append", match_copy_append(original), risky)
        measure("Arc: nothing matches", arced, safe)
        measure("Arc: match and fix", arced, risky)
        measure("Arc: stream of 50 chunks", arced, safe, stream=True)
        for count in (1, 1_000, 10_000):
            names = [
                arc.register_pattern({"model": f"other-{n}", "top_k": {">": 5}}, {"top_p": 1})
                for n in range(count)
            ]
            measure(f"Arc: {count:,} patterns for other models", arced, risky)
            for name in names:
                arc.unregister(name)
        for n in range(1_000):
            arc.register_pattern(
                {"model": "gpt-4.1", "seed": n, "top_p": {">": n / 1000}}, {"n": 1}
            )
        measure("Arc: 1,000 patterns for the same model", arced, stub.options(seed=7, top_p=0.001))
        arc.shutdown()


def _settle(arc: Arc) -> None:
    """Let the worker deliver what a block has left and go back to sleep.

    Awake it would compete with the first calls of the next block, for which no call of an
    application waits either.
    """
    arc.flush(10)
    time.sleep(0.002)


def _call(
    client: Any, request: Callable[..., Any], options: Any, *, stream: bool = False
) -> Callable[[], object]:
    if not stream:
        return lambda: request(client, ChatCompletion, options, stream=False, stream_cls=None)
    stream_cls = openai.Stream[ChatCompletionChunk]

    def run() -> None:
        for _ in request(client, ChatCompletion, options, stream=True, stream_cls=stream_cls):
            pass

    return run


def _no_op(original: Callable[..., Any]) -> Callable[..., Any]:
    def request(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **kwargs)

    return request


def _pass_on(wrapped: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
    return wrapped(*args, **kwargs)


def _print(name: str, result: Difference) -> None:
    print(
        f"{name:42} median {result.median_us:6.2f} us   P99 {result.p99_us:6.2f} us   "
        f"first after a pause {result.first_us:6.1f} us"
    )


if __name__ == "__main__":
    main()
