"""The exporter with a spool: what goes to disk, when, and how it comes to a real receiver."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import grpc
import pytest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from runtime import _endpoint
from runtime._telemetry.otlp import Exporter
from runtime._telemetry.spool import Spool
from telemetry.receiver import Gate, Receiver, free_port, hang, status
from waiting import wait_until


class Disk:
    """Exporters that share a folder, as processes do one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "spool" / "receiver"
        self.drops: Dict[str, int] = {}
        self.exporters: List[Exporter] = []
        self._last_id = 0

    def exporter(self, endpoint: str, **options: Any) -> Exporter:
        parsed = _endpoint.parse(endpoint, explicit=options.pop("explicit", True))
        assert parsed is not None
        options.setdefault("jitter", lambda: 1.0)
        clock = options.get("clock", time.monotonic)
        spool = Spool(self.folder, drops=self._dropped, named=parsed.explicit, clock=clock)
        made = Exporter(
            parsed,
            resource=Resource(),
            drops=self._dropped,
            wake=lambda: None,
            spool=spool,
            **options,
        )
        self.exporters.append(made)
        return made

    def _dropped(self, reason: str, spans: int) -> None:
        self.drops[reason] = self.drops.get(reason, 0) + spans

    def add(self, exporter: Exporter, count: int, size: int = 10) -> None:
        for _ in range(count):
            self._last_id += 1
            exporter.add(Span(name="x" * size, span_id=self._last_id.to_bytes(8, "big")))

    @property
    def files(self) -> List[str]:
        names = os.listdir(self.folder) if self.folder.exists() else []
        return sorted(name for name in names if name.endswith(".otlp"))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path)
    yield made
    for exporter in made.exporters:
        exporter.suspend()


def ids(receiver: Receiver) -> List[int]:
    return [int.from_bytes(span.span_id, "big") for span in receiver.spans]


@pytest.fixture
def away(disk: Disk) -> Callable[[int], str]:
    """Put so many spans on disk by an exporter whose receiver is away; return its address."""

    def put(count: int, size: int = 10) -> str:
        endpoint = f"grpc://localhost:{free_port()}"
        exporter = disk.exporter(endpoint)
        disk.add(exporter, count, size)
        exporter.drain(1)
        exporter.close()
        return endpoint

    return put


def test_nothing_is_written_while_delivery_works(disk: Disk) -> None:
    """A receiver that answers leaves no trace on the disk."""
    with Receiver() as receiver:
        exporter = disk.exporter(receiver.endpoint)
        for _ in range(3):
            disk.add(exporter, 600)
            assert exporter.drain(10)
        exporter.close()
    assert not disk.folder.exists()


def test_spans_go_to_disk_as_soon_as_the_receiver_is_away(disk: Disk) -> None:
    """All that waits, also while another attempt is under way: the process may be killed."""
    now = [0.0]
    with Receiver() as receiver:
        receiver.script(status(grpc.StatusCode.UNAVAILABLE))
        receiver.answer = hang
        exporter = disk.exporter(receiver.endpoint, clock=lambda: now[0])
        disk.add(exporter, 3)
        exporter.pump()
        wait_until(lambda: exporter.pump() >= 0 and exporter.state == "unreachable")
        assert sum(_spans(disk)) == 3
        now[0] += 1.5
        exporter.pump()
        receiver.wait_for_requests(2)
        disk.add(exporter, 4)
        exporter.pump()
        assert sum(_spans(disk)) == 7
        assert exporter.waiting == 7


def _spans(disk: Disk) -> List[int]:
    return [int(name.split("-")[3]) for name in disk.files]


def test_another_exporter_delivers_in_order(disk: Disk, away: Any) -> None:
    """Each span once, with its own id, the oldest first."""
    endpoint = away(1300)
    assert sum(_spans(disk)) == 1300
    with Receiver(port=int(endpoint.rsplit(":", 1)[1])) as receiver:
        exporter = disk.exporter(endpoint)
        wait_until(lambda: exporter.pump() >= 0 and exporter.sent == 1300)
        assert ids(receiver) == list(range(1, 1301))
    assert disk.files == []
    assert disk.drops == {}


def test_idle_process_delivers_what_another_left(disk: Disk, away: Any) -> None:
    """A restarted application need not make a call for it."""
    endpoint = away(2)
    with Receiver(port=int(endpoint.rsplit(":", 1)[1])) as receiver:
        exporter = disk.exporter(endpoint)
        wait_until(lambda: exporter.pump() >= 0 and len(receiver.spans) == 2)
        wait_until(lambda: exporter.pump() >= 0 and disk.files == [])


def test_live_spans_go_between_batches_from_disk(disk: Disk, away: Any) -> None:
    """After a batch from disk it is the turn of what happens now."""
    endpoint = away(600)
    with Receiver(port=int(endpoint.rsplit(":", 1)[1])) as receiver:
        exporter = disk.exporter(endpoint)
        exporter.pump()
        receiver.wait_for_requests(1)
        disk.add(exporter, 1)
        wait_until(lambda: exporter.pump() >= 0 and len(receiver.spans) == 601)
    assert ids(receiver)[512] == 601


def test_process_that_is_still_away_does_not_keep_others_from_delivering(
    disk: Disk, away: Any
) -> None:
    """A failed attempt leaves the files to whoever reaches the receiver."""
    endpoint = away(2)
    stuck = disk.exporter(endpoint)
    stuck.drain(1)
    assert stuck.state == "unreachable"
    with Receiver(port=int(endpoint.rsplit(":", 1)[1])) as receiver:
        disk.exporter(endpoint).drain(10)
        assert ids(receiver) == [1, 2]
        disk.add(stuck, 1)
        assert stuck.drain(10)
        assert ids(receiver) == [1, 2, 3]


def test_full_buffer_goes_to_disk_not_away(disk: Disk) -> None:
    """A receiver that is too slow for what happens loses nothing either."""
    gate = Gate()
    with Receiver() as receiver:
        receiver.answer = gate
        exporter = disk.exporter(receiver.endpoint, buffer_limit=100_000)
        disk.add(exporter, 1)
        exporter.pump()
        disk.add(exporter, 3_000, size=100)
        assert disk.drops == {}
        assert disk.files
        gate.open()
        assert exporter.drain(10)
        assert sorted(ids(receiver)) == list(range(1, 3002))


def test_what_is_left_at_the_end_goes_to_disk(disk: Disk) -> None:
    """Also what a hanging receiver had been sent; none of it counts as dropped."""
    with Receiver() as receiver:
        receiver.answer = hang
        exporter = disk.exporter(receiver.endpoint)
        disk.add(exporter, 600)
        assert not exporter.drain(0.1)
        exporter.close()
    assert sum(_spans(disk)) == 600
    assert disk.drops == {}


@pytest.mark.parametrize(
    ("code", "left"), [("UNAUTHENTICATED", 3), ("UNIMPLEMENTED", 3), ("INVALID_ARGUMENT", 0)]
)
def test_refusals(disk: Disk, away: Any, code: str, left: int) -> None:
    """What another key or version of the receiver may take stays on disk; a bad batch does not."""
    endpoint = away(3)
    with Receiver(port=int(endpoint.rsplit(":", 1)[1])) as receiver:
        receiver.answer = status(getattr(grpc.StatusCode, code))
        exporter = disk.exporter(endpoint)
        exporter.drain(10)
        assert len(receiver.requests) == 1
    assert exporter.state == "refused"
    assert sum(_spans(disk)) == left
    assert disk.drops == ({} if left else {"refused": 3})


def test_default_address_without_anybody(disk: Disk) -> None:
    """Who neither named a receiver nor ever had one finds nothing on the disk."""
    port = free_port()
    exporter = disk.exporter(f"localhost:{port}", explicit=False)
    disk.add(exporter, 1)
    exporter.drain(1)
    assert not disk.folder.exists()
    assert exporter.waiting == 1
    with Receiver(port=port) as receiver:
        assert exporter.drain(10)
        assert len(receiver.spans) == 1
    disk.add(exporter, 1)
    exporter.drain(1)
    exporter.pump()
    assert len(disk.files) == 1


def test_sentence_says_how_much_waits_where(disk: Disk, away: Any, caplog: Any) -> None:
    """Users learn that there are files, and for how long."""
    away(1)
    [record] = caplog.records
    assert "64 MiB for 24 hours, on disk" in record.getMessage()
