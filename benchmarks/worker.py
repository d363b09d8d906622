"""What the worker computes for one call after its end: processor time, stage by stage."""

from __future__ import annotations

import itertools
import statistics
import time
from typing import Any, Callable, Dict, Iterator, List, Tuple

from openai.types.chat import ChatCompletionChunk

from benchmarks import stub
from runtime._config import read
from runtime._flow import Exchange, Interception
from runtime._guard import Guard
from runtime._patterns import PatternRegistry
from runtime._seam import Seam
from runtime._telemetry import pipeline, spans, tracer
from runtime._telemetry.batches import Batches
from runtime._telemetry.pipeline import Pipeline
from runtime.providers import openai as provider

CALLS = 64
ROUNDS = 15

_WORDS = "The quick brown fox jumps over the lazy dog and looks for the next one. "


def small() -> Dict[str, Any]:
    """Return a request of one message, to which the built-in pattern applies."""
    messages = [{"role": "user", "content": "Hi"}]
    return {"model": "gpt-4.1", "messages": messages, "temperature": 0.95}


def large(mark: str = "") -> Dict[str, Any]:
    """Return one of 30 messages and 10 tools; `mark` makes the messages different ones."""
    words = mark + _WORDS
    messages: List[Dict[str, Any]] = [{"role": "system", "content": words * 10}]
    while len(messages) < 30:
        at = len(messages)
        function = {"name": f"tool_{at % 10}", "arguments": f'{{"city": "{mark}", "days": {at}}}'}
        called = {"id": f"call_{mark}{at}", "type": "function", "function": function}
        answer = {"role": "tool", "tool_call_id": f"call_{mark}{at}", "content": f"{at}{words * 4}"}
        messages += [
            {"role": "user", "content": f"{at}. {words * 3}"},
            {"role": "assistant", "content": None, "tool_calls": [called]},
            answer,
            {"role": "assistant", "content": f"{at}: {words * 2}"},
        ]
    return {"model": "gpt-4.1", "messages": messages[:30], "tools": TOOLS, "temperature": 0.95}


_numbers = itertools.count()


def unseen() -> Dict[str, Any]:
    """Return one like `large` of which no message was in a request before."""
    return large(f"{next(_numbers)} ")


def _tool(name: str) -> Dict[str, Any]:
    properties = {
        "city": {"type": "string", "description": "Name of the city, in English."},
        "days": {"type": "integer", "minimum": 1, "maximum": 14},
        "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
    }
    schema = {"type": "object", "properties": properties, "required": ["city"]}
    function = {"name": name, "description": _WORDS * 2, "parameters": schema}
    return {"type": "function", "function": function}


TOOLS = [_tool(f"tool_{n}") for n in range(10)]


def main() -> None:
    """Print microseconds of processor time per call, in all and by stage."""
    print(f"{'':32}{'all':>8}" + "".join(f"{name:>12}" for name in STAGES))
    for name, make in (
        ("small", small),
        ("30 messages, 10 tools", large),
        ("all messages new", unseen),
    ):
        for stream in (False, True):
            stages = _measure(make, stream=stream)
            total = sum(stages.values())
            label = f"{name}{', stream' if stream else ''}"
            shown = "".join(f"{stages.get(stage, 0):12.1f}" for stage in STAGES)
            print(f"{label:32}{total:8.1f}{shown}")


STAGES = ("reply", "describe", "detection", "metrics", "tracer", "encode", "batch", "rest")


def _measure(make: Callable[[], Dict[str, Any]], *, stream: bool) -> Dict[str, float]:
    rounds: List[Dict[str, float]] = []
    with _Measured() as measured:
        for _ in range(ROUNDS):
            exchanges = list(measured.exchanges(make, stream=stream))
            rounds.append(measured.handle(exchanges))
    return {stage: statistics.median(one[stage] for one in rounds) for stage in STAGES}


class _Measured:
    """A pipeline whose parts are timed: its own code runs, with a clock around each call."""

    def __enter__(self) -> _Measured:
        self._spent = dict.fromkeys(STAGES, 0)
        guard = Guard()
        self._pipeline = made = Pipeline(guard)
        made.settings = read({"endpoint": "localhost:1", "metrics_port": 0, "spool": False})
        made.worker = _NoWorker()
        self._registry = PatternRegistry()
        self._interception = Interception(self._registry.current, lambda _: None, guard)
        import openai

        stub.install()
        self._stainless = provider.intercept(openai, self._interception, Seam())
        made._follow_settings()
        self._undo: List[Tuple[Any, str, Any]] = []
        self._time(made, "_reply", "reply")
        self._time(pipeline, "describe", "describe")
        self._time(made._failures, "note", "detection")
        self._time(made._metrics, "observe", "metrics")
        self._time(tracer, "record", "tracer")
        self._time(spans, "encode", "encode")
        self._time(made._exporter, "add", "batch")
        return self

    def __exit__(self, *_: object) -> None:
        for owner, name, original in self._undo:
            setattr(owner, name, original)

    def _time(self, owner: Any, name: str, stage: str) -> None:
        original, spent, clock = getattr(owner, name), self._spent, time.thread_time_ns

        def timed(*args: Any, **kwargs: Any) -> Any:
            started_at = clock()
            try:
                return original(*args, **kwargs)
            finally:
                spent[stage] += clock() - started_at

        self._undo.append((owner, name, original))
        setattr(owner, name, timed)

    def exchanges(self, make: Callable[[], Dict[str, Any]], *, stream: bool) -> Iterator[Exchange]:
        """Yield exchanges that have ended, as the caller's thread leaves them."""
        client = stub.client()
        api = provider.find_api("post", "/chat/completions")
        assert api is not None
        server = provider.find_server(type(client), client.base_url)
        for _ in range(CALLS):
            # messages of a request of its own, tools as programs have them: made once
            exchange = Exchange(
                self._interception,
                self._stainless,
                api,
                server,
                type(client),
                make(),
                time.perf_counter(),
            )
            if stream:
                exchange.open()
                for chunk in CHUNKS:
                    exchange.add(chunk)
            exchange.end(None if stream else stub.REPLY)
            yield exchange

    def handle(self, exchanges: List[Exchange]) -> Dict[str, float]:
        """Return the microseconds that each stage took per call."""
        spent = self._spent
        for stage in spent:
            spent[stage] = 0
        started_at = time.thread_time_ns()
        for exchange in exchanges:
            self._pipeline.handle(exchange)
        batches: Batches = self._pipeline._exporter._batches  # type: ignore[union-attr]
        sending_at = time.thread_time_ns()
        batches.take()
        ended_at = time.thread_time_ns()
        spent["batch"] += ended_at - sending_at
        spent["rest"] = ended_at - started_at - sum(spent.values())
        return {stage: ns / 1e3 / len(exchanges) for stage, ns in spent.items()}


class _NoWorker:
    dropped = 0

    def wake(self) -> None:
        pass


def _chunk(delta: Dict[str, Any], finish_reason: Any = None) -> ChatCompletionChunk:
    choice = {"index": 0, "finish_reason": finish_reason, "delta": delta}
    return ChatCompletionChunk.model_validate(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "gpt-4.1-2025-04-14",
            "choices": [choice],
        }
    )


CHUNKS = [
    _chunk({"role": "assistant", "content": ""}),
    *(_chunk({"content": f" word{n}"}) for n in range(48)),
    _chunk({}, "stop"),
]


if __name__ == "__main__":
    main()
