"""Streams of a Stainless SDK that tell Arc what passes through them.

The SDK itself makes them, because it is asked for a subclass of its own stream class; so they are
what the application expects in every respect. A chunk is looked at when the application has
taken it, never before.
"""

from __future__ import annotations

import types
import typing
import weakref
from itertools import islice
from typing import Any, AsyncIterator, Dict, Iterator

from runtime._flow import SLICE, Exchange

_CACHE_LIMIT = 1024
_T = typing.TypeVar("_T")
_unclaimed: weakref.WeakKeyDictionary[Any, Exchange] = weakref.WeakKeyDictionary()
"""Exchanges whose raw response the application may turn into a stream, by HTTP response."""


class ObservedStreams:
    """Makes the observed subclasses of one SDK's stream classes, each once."""

    def __init__(self, sync_class: type, async_class: type) -> None:
        self._methods = {sync_class: _sync_methods, async_class: _async_methods}
        self._twins: Dict[Any, Any] = {}

    def observed(self, stream_cls: Any) -> Any:
        """Return the observed twin of `Stream[Chunk]`; anything unknown as it is."""
        try:
            return self._twins[stream_cls]
        except KeyError:
            if len(self._twins) >= _CACHE_LIMIT:  # an application may make new classes for ever
                self._twins.clear()
            twin = self._twins[stream_cls] = self._twin(stream_cls)
            return twin

    def attach(self, exchange: Exchange, reply: Any) -> bool:
        """Let the exchange end with the stream `reply`; False when that is none of ours."""
        if hasattr(type(reply), "_arc_exchange"):
            reply._arc_exchange = exchange
            # not the response, which must go when the application drops it
            exchange.request = getattr(reply.response, "request", None)
            exchange.headers = getattr(reply.response, "headers", None)
            return True
        response = getattr(reply, "http_response", None)
        if response is None:
            return False
        _unclaimed[response] = exchange
        weakref.finalize(response, exchange.abandon).atexit = False
        return True

    def _twin(self, stream_cls: Any) -> Any:
        origin = typing.get_origin(stream_cls) or stream_cls
        bases = self._methods if isinstance(origin, type) else ()
        base: Any = next((each for each in bases if issubclass(origin, each)), None)
        if base is None:
            return stream_cls
        namespace = self._methods[base](origin)
        chunk = typing.get_args(stream_cls)[:1]
        if chunk:
            # where the SDK looks for the type of chunks: among the arguments, from openai 1.6 on
            # among the bases, and only there until 1.8
            namespace["__orig_bases__"] = (base[chunk], typing.Generic[_T])  # type: ignore[index]
        twin: Any = types.new_class(
            origin.__name__, (origin,), exec_body=lambda body: body.update(namespace)
        )
        return twin[chunk] if chunk else twin


def _claim(stream: Any) -> Any:
    """The exchange of a stream; a stream that the application made itself may have none."""
    exchange = stream._arc_exchange
    if exchange is None:
        exchange = stream._arc_exchange = _unclaimed.pop(stream.response, None)
    return exchange


def _abandon(stream: Any) -> None:
    exchange = _claim(stream)
    if exchange is not None:
        exchange.abandon()


def _sync_methods(origin: Any) -> Dict[str, Any]:
    def stream(self: Any) -> Iterator[Any]:
        inner = origin.__stream__(self)
        exchange = _claim(self)
        if exchange is None:
            yield from inner
            return
        try:
            for chunk in inner:
                exchange.add(chunk)
                yield chunk
                break
            while True:
                chunks = exchange.chunks
                append = chunks.append
                for chunk in islice(inner, SLICE - 1):
                    append(chunk)
                    yield chunk
                if len(chunks) < SLICE - 1:
                    break
                exchange.hand_over()
        except GeneratorExit:
            exchange.abandon()
            raise
        except BaseException as error:
            exchange.fail(error)
            raise
        exchange.end(None)

    def close(self: Any) -> None:
        origin.close(self)
        _abandon(self)

    return _methods(origin, stream, close)


def _async_methods(origin: Any) -> Dict[str, Any]:
    def stream(self: Any) -> AsyncIterator[Any]:
        return _AsyncChunks(self, origin.__stream__(self))

    async def close(self: Any) -> None:
        await origin.close(self)
        _abandon(self)

    return _methods(origin, stream, close)


def _methods(origin: Any, stream: Any, close: Any) -> Dict[str, Any]:
    methods = {
        "__module__": origin.__module__,
        "__qualname__": origin.__qualname__,
        "__doc__": origin.__doc__,
        "__del__": _abandon,
        "_arc_exchange": None,
        "__stream__": stream,
    }
    # streams of openai before 1.6 have none, and applications ask for it before they call it
    if hasattr(origin, "close"):
        methods["close"] = close
    return methods


class _AsyncChunks:
    """An iterator and no generator: one more generator would be one more to close by the loop."""

    __slots__ = ("_inner", "_stream")

    def __init__(self, stream: Any, inner: Any) -> None:
        self._stream = stream
        self._inner = inner

    def __aiter__(self) -> _AsyncChunks:
        return self

    async def __anext__(self) -> Any:
        exchange = _claim(self._stream)
        try:
            chunk = await self._inner.__anext__()
        except StopAsyncIteration:
            if exchange is not None:
                exchange.end(None)
            raise
        except BaseException as error:
            if exchange is not None:
                exchange.fail(error)
            raise
        if exchange is not None:
            exchange.add(chunk)
        return chunk
