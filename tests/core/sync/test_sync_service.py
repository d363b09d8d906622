"""Pattern sync over real gRPC: what Runtimes are told, and that bad ones hurt nobody."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import grpc
import pytest
from grpc.aio import AioRpcError

from arc_core.sync.connection import Times
from arc_protocol.wire import digests, pattern_sync
from arc_protocol.wire.sync_pb2 import Applied, FromCore, FromRuntime, Hello, SetId, Verdict
from core.sync.standin import MemoryRegistry, cool, serving

_OWN_CONNECTION = [("grpc.use_local_subchannel_pool", 1)]
_PATH = f"/{pattern_sync.SERVICE}/{pattern_sync.SYNC}"


class Stream:
    """A Runtime's end of a stream, in bytes."""

    def __init__(self, call: Any) -> None:
        self.call = call

    async def send(self, message: FromRuntime | bytes) -> None:
        raw = message if isinstance(message, bytes) else message.SerializeToString()
        await self.call.write(raw)

    async def hello(self, runtime_id: str = "r1", **more: Any) -> None:
        await self.send(FromRuntime(hello=Hello(runtime_id=runtime_id, **more)))

    async def applied(self, of: SetId, *verdicts: Verdict, **more: Any) -> None:
        await self.send(FromRuntime(applied=Applied(set=of, verdicts=verdicts, **more)))

    async def next(self, kind: str) -> Any:
        """Return the next message, which must be of the kind; heartbeats are passed over."""
        while True:
            raw = await asyncio.wait_for(self.call.read(), 10)
            assert raw is not grpc.aio.EOF, await self.call.details()
            message = FromCore.FromString(raw)
            found = message.WhichOneof("message")
            if found == "heartbeat" and kind != "heartbeat":
                continue
            assert found == kind
            return getattr(message, kind)

    async def end(self) -> tuple[Any, str]:
        """Return status and sentence once Core has ended the stream."""
        try:
            while await asyncio.wait_for(self.call.read(), 10) is not grpc.aio.EOF:
                pass
        except AioRpcError as error:
            return error.code(), error.details() or ""
        return await self.call.code(), await self.call.details()


@asynccontextmanager
async def connected(port: int, key: str | None = None) -> AsyncIterator[Stream]:
    metadata = [("authorization", f"Bearer {key}")] if key else []
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Stream(channel.stream_stream(_PATH)(metadata=metadata))


@asynccontextmanager
async def serving_to(
    count: int,
    registry: MemoryRegistry,
    *,
    metadata: Any = (),
    options: Any = None,
    **settings: Any,
) -> AsyncIterator[tuple[Any, ...]]:
    """A server and so many streams to it, each over a connection of its own."""
    async with AsyncExitStack() as stack:
        service, port = await stack.enter_async_context(serving(registry, **settings))
        channels = [
            await stack.enter_async_context(
                grpc.aio.insecure_channel(
                    f"127.0.0.1:{port}", options=[*_OWN_CONNECTION, *(options or ())]
                )
            )
            for _ in range(count)
        ]
        yield (
            service,
            *(Stream(each.stream_stream(_PATH)(metadata=metadata)) for each in channels),
        )


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 30))


def test_a_new_runtime_gets_the_whole_set_and_each_change() -> None:
    """Entries, digests and versions are as the protocol says; the answer is kept."""
    registry = MemoryRegistry()
    registry.publish(cool("m1"))

    async def test() -> None:
        async with serving_to(1, registry) as (_, stream):
            who = {"service": "shop", "host": "h", "pid": 7, "python": "3.8"}
            await stream.hello(**who, sdks={"openai": "1"}, policy="safe", heals=True)
            welcome = await stream.next("welcome")
            assert (welcome.project, welcome.heartbeat_s) == ("default", 20)
            first = await stream.next("pattern_set")
            [entry] = first.entries
            assert (entry.name, entry.revision) == ("cool", 1)
            assert entry.document_json == digests.canonical(cool("m1").document)
            assert entry.digest == digests.of_document(entry.document_json)
            assert first.set.digest == digests.of_set([("cool", 1, entry.digest)])
            assert (first.set.epoch, first.set.version) == ("e1", 1)
            await stream.applied(first.set, dropped={"rejected": 2**64 - 1, "r" * 900: 1})
            seen = await asyncio.to_thread(registry.wait_for, "r1", set_version=1)
            assert seen == {
                "project": "default",
                "service": "shop",
                "host": "h",
                "pid": 7,
                "runtime_version": "",
                "python": "3.8",
                "sdks": {"openai": "1"},
                "policy": "safe",
                "heals": True,
                "connected": True,
                "set_version": 1,
                "set_digest": first.set.digest,
                "verdicts": {},
                "dropped": {"rejected": 2**63 - 1, "r" * 200: 1},
            }
            registry.publish(cool("m1"), cool("m2", name="other"))
            second = await stream.next("pattern_set")
            assert [entry.name for entry in second.entries] == ["cool", "other"]
            assert second.set.version == 2
        await asyncio.to_thread(registry.wait_for, "r1", connected=False)

    run(test)


def test_a_runtime_that_comes_back_is_not_sent_what_it_has() -> None:
    """The same digest is answered with Current, also when it is of another epoch."""
    registry = MemoryRegistry()
    registry.publish(cool("m1"))

    async def test() -> None:
        async with serving(registry) as (_, port):
            async with connected(port) as stream:
                await stream.hello()
                await stream.next("welcome")
                has = (await stream.next("pattern_set")).set
            async with connected(port) as stream:
                await stream.hello(have=SetId(epoch="older", version=9, digest=has.digest))
                await stream.next("welcome")
                assert (await stream.next("current")).set == has
                registry.publish(cool("m2"))
                assert (await stream.next("pattern_set")).set.version == 2
            async with connected(port) as stream:
                await stream.hello(have=has)
                await stream.next("welcome")
                assert (await stream.next("pattern_set")).set.version == 2

    run(test)


def test_verdicts_are_kept_with_their_reasons() -> None:
    """What is refused, overridden or off is known by name; a refused set changes nothing."""
    registry = MemoryRegistry()
    registry.publish(cool("m1"), cool("m2", name="other"))

    async def test() -> None:
        async with serving_to(1, registry) as (_, stream):
            await stream.hello()
            await stream.next("welcome")
            of = (await stream.next("pattern_set")).set
            refused = Verdict(
                name="cool", revision=1, digest="d", state=Verdict.REFUSED, reason="why " * 200
            )
            overridden = Verdict(name="other", revision=1, state=Verdict.OVERRIDDEN)
            disabled = Verdict(name="off", revision=1, state=Verdict.DISABLED)
            applied = Verdict(name="x", state=Verdict.APPLIED)
            await stream.applied(of, refused, overridden, disabled, applied)
            seen = await asyncio.to_thread(registry.wait_for, "r1", set_version=1)
            assert set(seen["verdicts"]) == {"cool", "other", "off"}
            assert seen["verdicts"]["cool"].state == "refused"
            assert seen["verdicts"]["cool"].reason == ("why " * 200)[: pattern_sync.MAX_REASON]
            assert seen["verdicts"]["other"].state == "overridden"
            assert seen["verdicts"]["off"].state == "disabled"
            registry.publish(cool("m3"))
            await stream.applied((await stream.next("pattern_set")).set, refused="torn")
            await asyncio.to_thread(registry.wait_for, "r1", verdict="*")
        seen = await asyncio.to_thread(registry.wait_for, "r1", connected=False)
        assert seen["verdicts"]["*"].reason == "torn"
        assert seen["set_version"] == 1

    run(test)


@pytest.mark.parametrize(
    ("key", "project"), [(None, "default"), ("secret-a", "a"), ("secret-b", "b")]
)
def test_the_key_decides_the_project(key: str | None, project: str) -> None:
    """A Runtime sees the patterns of its project and no others."""
    registry = MemoryRegistry()
    for one in ("default", "a", "b"):
        registry.publish(cool("m", name=f"of-{one}"), project=one)

    async def test() -> None:
        metadata = [("authorization", f"Bearer {key}")] if key else []
        async with serving_to(1, registry, metadata=metadata) as (_, stream):
            await stream.hello()
            assert (await stream.next("welcome")).project == project
            [entry] = (await stream.next("pattern_set")).entries
            assert entry.name == f"of-{project}"

    run(test)


@pytest.mark.parametrize(
    ("header", "word"),
    [(None, "demands"), ("Bearer nonsense", "unknown"), ("Basic eDp5", "Bearer KEY")],
)
def test_a_missing_or_wrong_key_is_refused_in_one_sentence(header: str | None, word: str) -> None:
    """The sentence says what to do, before anything is read."""

    async def test() -> None:
        metadata = [("authorization", header)] if header else []
        serve = serving_to(1, MemoryRegistry(), demand_key=True, metadata=metadata)
        async with serve as (_, stream):
            code, sentence = await stream.end()
            assert code is grpc.StatusCode.UNAUTHENTICATED
            assert word in sentence

    run(test)


def test_a_revoked_key_ends_the_stream() -> None:
    """It is looked at again while the stream is open."""
    registry = MemoryRegistry()

    async def test() -> None:
        times = Times(heartbeat_s=0.02, confirm_s=0)
        metadata = [("authorization", "Bearer secret-a")]
        async with serving_to(1, registry, times=times, metadata=metadata) as (_, stream):
            await stream.hello()
            await stream.next("welcome")
            registry.fails = True  # says nothing about the key
            await stream.next("pattern_set")
            await stream.next("heartbeat")
            registry.fails = False
            del registry.keys["secret-a"]
            code, sentence = await stream.end()
            assert code is grpc.StatusCode.UNAUTHENTICATED
            assert "revoked" in sentence

    run(test)


def test_an_idle_stream_has_heartbeats_with_the_set() -> None:
    """Silence means that the connection is dead."""
    registry = MemoryRegistry()
    registry.publish(cool("m1"))

    async def test() -> None:
        async with serving_to(1, registry, times=Times(heartbeat_s=0.02)) as (_, stream):
            await stream.hello()
            await stream.next("welcome")
            of = (await stream.next("pattern_set")).set
            beat = await stream.next("heartbeat")
            assert beat.set == of
            assert beat.server_time_unix_ms > 0

    run(test)


def test_only_the_newest_of_many_changes_is_sent_to_a_slow_reader() -> None:
    """There is no queue: what was not sent in time is passed over."""
    registry = MemoryRegistry()
    filling = {"rationale": "x" * 2000}

    async def test() -> None:
        async with serving_to(1, registry) as (service, stream):
            await stream.hello()
            await stream.next("welcome")
            for version in range(1, 201):
                entry = cool("m1", revision=version)
                entry.document.update(filling)
                many = [entry._replace(name=f"p{n}") for n in range(50)]
                registry.publish(*many)
                await asyncio.sleep(0)
            versions = []
            while not versions or versions[-1] < 200:
                versions.append((await stream.next("pattern_set")).set.version)
            assert versions == sorted(versions)
            assert len(versions) < 100
            assert service.connected == 1

    run(test)


def test_shutting_down_sends_runtimes_away_for_different_times() -> None:
    """They come back spread over time, and are told so before the stream ends well."""
    registry = MemoryRegistry()

    async def test() -> None:
        shares = itertools.cycle((0.0, 0.5))
        serve = serving_to(3, registry, jitter=lambda: next(shares))
        async with serve as (service, one, two, late):
            for stream, name in ((one, "r1"), (two, "r2")):
                await stream.hello(name)
                await stream.next("welcome")
                await stream.next("pattern_set")
            await service.drain()
            assert service.connected == 0
            goodbyes = [await stream.next("goodbye") for stream in (one, two)]
            assert {goodbye.retry_after_ms for goodbye in goodbyes} == {1000, 1500}
            assert [(await stream.end())[0] for stream in (one, two)] == [grpc.StatusCode.OK] * 2
            await late.hello("r3")
            await late.next("welcome")
            await late.next("goodbye")

    run(test)


async def _garbage(stream: Stream) -> None:
    await stream.send(b"\xff\xff\xff\xff garbage")


async def _no_hello(stream: Stream) -> None:
    await stream.send(FromRuntime(applied=Applied()))


async def _no_name(stream: Stream) -> None:
    await stream.hello("")


async def _two_hellos(stream: Stream) -> None:
    await stream.hello()
    await stream.hello()


async def _long_report(stream: Stream) -> None:
    await stream.hello()
    verdict = Verdict(name="x" * pattern_sync.MAX_REPORT_BYTES, state=Verdict.REFUSED)
    await stream.applied(SetId(), verdict)


async def _flood(stream: Stream) -> None:
    await stream.hello()
    for _ in range(101):
        await stream.applied(SetId())


async def _silence(_stream: Stream) -> None:
    pass


@pytest.mark.parametrize(
    ("misbehave", "code"),
    [
        (_garbage, grpc.StatusCode.INVALID_ARGUMENT),
        (_no_hello, grpc.StatusCode.INVALID_ARGUMENT),
        (_no_name, grpc.StatusCode.INVALID_ARGUMENT),
        (_two_hellos, grpc.StatusCode.INVALID_ARGUMENT),
        (_long_report, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (_flood, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (_silence, grpc.StatusCode.DEADLINE_EXCEEDED),
    ],
)
def test_a_runtime_that_misbehaves_is_cut_off_and_others_go_on(
    misbehave: Callable[[Stream], Awaitable[None]], code: Any
) -> None:
    """The bad stream ends with one sentence; the good one gets its next set."""
    registry = MemoryRegistry()

    async def test() -> None:
        async with serving_to(2, registry, times=Times(hello_s=1)) as (service, good, bad):
            await good.hello("good")
            await good.next("welcome")
            await good.next("pattern_set")
            await misbehave(bad)
            found, sentence = await bad.end()
            assert found is code, sentence
            assert sentence
            registry.publish(cool("m1"))
            assert (await good.next("pattern_set")).set.version == 1
            assert service.connected == 1

    run(test)


def test_a_message_of_100_mb_is_refused_and_others_go_on() -> None:
    """gRPC's own bound, which the server keeps at its default, comes first."""
    registry = MemoryRegistry()

    async def test() -> None:
        async with serving_to(2, registry) as (_, good, bad):
            await good.hello("good")
            await good.next("welcome")
            await good.next("pattern_set")
            with suppress(AioRpcError):
                await bad.send(bytes(100 * 1024 * 1024))
            assert (await bad.end())[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
            registry.publish(cool("m1"))
            assert (await good.next("pattern_set")).set.version == 1

    run(test)


def test_a_runtime_that_never_reads_is_cut_off_and_others_go_on() -> None:
    """It holds up nothing but its own stream, and that for a bounded time."""
    registry = MemoryRegistry()
    entries = []
    for number in range(2000):
        entry = cool("m1", name=f"p{number}")
        entry.document["rationale"] = "x" * 2000
        entries.append(entry)

    async def test() -> None:
        times = Times(write_s=0.5)
        options = [("grpc.http2.bdp_probe", 0), ("grpc.max_receive_message_length", 32 << 20)]
        serve = serving_to(2, registry, times=times, options=options)
        async with serve as (service, good, bad):
            await bad.hello("bad")
            await good.hello("good")
            await good.next("welcome")
            await good.next("pattern_set")
            while service.connected < 2:
                await asyncio.sleep(0.01)
            registry.publish(*entries)
            assert len((await good.next("pattern_set")).entries) == 2000
            while service.connected > 1:
                await asyncio.sleep(0.01)
            registry.publish(cool("m1"))
            assert len((await good.next("pattern_set")).entries) == 1

    run(test)


def test_a_registry_that_cannot_be_read_is_told_as_unavailable() -> None:
    """A new Runtime comes back later; one that is connected gets the change once it is readable."""
    registry = MemoryRegistry()
    registry.fails = True

    async def test() -> None:
        async with serving(registry) as (_, port):
            async with connected(port) as stream:
                await stream.hello()
                assert (await stream.end())[0] is grpc.StatusCode.UNAVAILABLE
            registry.fails = False
            async with connected(port) as stream:
                await stream.hello()
                await stream.next("welcome")
                await stream.next("pattern_set")

    run(test)


def test_many_runtimes_cost_one_reading_and_all_get_the_change() -> None:
    """A set is read and encoded once per version, however many streams there are."""
    registry = MemoryRegistry()

    async def test() -> None:
        async with serving_to(50, registry) as (service, *streams):
            for number, stream in enumerate(streams):
                await stream.hello(f"r{number}")
                await stream.next("welcome")
                await stream.next("pattern_set")
            assert service.connected == 50
            before = registry.reads
            registry.publish(cool("m1"))
            sets = [(await stream.next("pattern_set")).set for stream in streams]
            assert {each.version for each in sets} == {1}
            assert registry.reads - before <= 2  # one is of publish itself

    run(test)
