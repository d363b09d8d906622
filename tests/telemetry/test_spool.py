"""The spool on a real disk: bounds, order, damage, disks that refuse, and several writers."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest

from runtime import _endpoint
from runtime._telemetry.batch import Batch
from runtime._telemetry.spool import AGE_LIMIT_S, Spool


class Disk:
    """A folder with spools, a clock that stands still, and what was dropped."""

    def __init__(self, path: Path) -> None:
        self.folder = path / "spool" / "receiver"
        self.now = 1_700_000_000.0
        self.drops: Dict[str, int] = {}

    def spool(self, **options: Any) -> Spool:
        return Spool(
            options.pop("folder", self.folder),
            drops=self._dropped,
            clock=lambda: self.now,
            wall_clock=lambda: self.now,
            **options,
        )

    def _dropped(self, reason: str, spans: int) -> None:
        self.drops[reason] = self.drops.get(reason, 0) + spans

    @property
    def files(self) -> List[str]:
        return sorted(name for name in os.listdir(self.folder) if name != "lock")

    def deliver(self, spool: Spool) -> List[bytes]:
        """Take everything, as an exporter with time does."""
        payloads = []
        while True:
            self.now += 5
            batch = spool.take()
            if batch is None:
                return payloads
            payloads.append(batch.payload)
            spool.done(batch)


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def fill(spool: Spool, disk: Disk, *payloads: bytes, spans: int = 1) -> None:
    for payload in payloads:
        disk.now += 0.01
        assert spool.write(Batch(payload, spans))


def test_batches_come_back_in_order(disk: Disk) -> None:
    """What was written is there for another spool, the oldest first, and gone once delivered."""
    fill(disk.spool(), disk, b"a", b"b", b"c")
    reader = disk.spool()
    assert b"".join(disk.deliver(reader)) == b"abc"
    assert disk.files == []
    assert disk.deliver(disk.spool()) == []


def test_small_files_travel_together(disk: Disk) -> None:
    """One request holds what fits, no more spans than a batch of its own would have."""
    fill(disk.spool(), disk, b"a", b"b", b"c", spans=200)
    assert disk.deliver(disk.spool()) == [b"ab", b"c"]


def test_nothing_is_lost_between_taking_and_delivery(disk: Disk) -> None:
    """What was taken and not delivered is taken again: a killed process leaves it there."""
    fill(disk.spool(), disk, b"a")
    reader = disk.spool()
    assert reader.take() is not None
    reader.release()
    assert disk.deliver(disk.spool()) == [b"a"]


def test_only_the_user_can_read_it(disk: Disk) -> None:
    """Files may hold prompts: 0600 in a folder with 0700, whatever the umask and the folder was."""
    disk.folder.mkdir(parents=True, mode=0o755)
    mask = os.umask(0)
    try:
        fill(disk.spool(), disk, b"a")
    finally:
        os.umask(mask)
    [name] = disk.files
    assert stat.S_IMODE((disk.folder / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(disk.folder.stat().st_mode) == 0o700


def test_size_is_bounded_and_the_oldest_go_first(disk: Disk) -> None:
    """Beyond the limit the oldest batches are dropped and counted; several writers share it."""
    writers = [disk.spool(size_limit=160_000) for _ in range(2)]
    for number in range(40):
        fill(writers[number % 2], disk, b"%02d" % number + b"x" * 7998, spans=3)
        assert sum((disk.folder / name).stat().st_size for name in disk.files) <= 180_000
    kept = b"".join(disk.deliver(disk.spool(size_limit=160_000)))
    numbers = [int(kept[at : at + 2]) for at in range(0, len(kept), 8000)]
    assert numbers == list(range(40 - len(numbers), 40))
    assert len(numbers) >= 15
    assert disk.drops == {"spool_full": 3 * (40 - len(numbers))}


def test_small_files_count_as_what_they_take_on_disk(disk: Disk) -> None:
    """A thousand files of one byte each take a thousand blocks."""
    spool = disk.spool(size_limit=160_000)
    fill(spool, disk, *[b"a"] * 100)
    assert len(disk.files) <= 40
    assert disk.drops["spool_full"] == 100 - len(disk.files)


def test_old_batches_are_dropped(disk: Disk) -> None:
    """What is older than a day is not sent; it is counted, also that of another receiver."""
    fill(disk.spool(), disk, b"a", spans=2)
    other = disk.folder.parent / "other"
    fill(disk.spool(folder=other), disk, b"b", spans=5)
    disk.now += AGE_LIMIT_S + 1
    fill(disk.spool(), disk, b"c")
    assert disk.deliver(disk.spool()) == [b"c"]
    assert disk.drops == {"spool_expired": 7}
    assert [name for name in os.listdir(other) if name != "lock"] == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: b"",
        lambda content: content[:-1] + b"X",
        lambda content: b"\0" * len(content),
        lambda content: content + b"more",
    ],
    ids=["cut", "empty", "changed", "zeros", "longer"],
)
def test_damaged_files_are_put_aside(disk: Disk, damage: Any, caplog: Any) -> None:
    """The rest is delivered; one sentence names the file, which stays until it is too old."""
    fill(disk.spool(), disk, b"good", b"bad", b"bad", b"fine", spans=2)
    for name in disk.files[1:3]:
        path = disk.folder / name
        path.write_bytes(damage(path.read_bytes()))
    spool = disk.spool()
    assert b"".join(disk.deliver(spool)) == b"goodfine"
    assert disk.drops == {"spool_corrupt": 4}
    assert [name.split(".")[1] for name in disk.files] == ["corrupt", "corrupt"]
    [record] = caplog.records
    assert disk.files[0] in record.getMessage()
    disk.now += AGE_LIMIT_S + 1
    assert disk.deliver(disk.spool()) == []
    assert disk.files == []
    assert disk.drops == {"spool_corrupt": 4}


def test_foreign_files_are_left_alone(disk: Disk) -> None:
    """What Arc did not write is neither sent nor deleted; what it left half written is, in time."""
    disk.folder.mkdir(parents=True)
    (disk.folder / "notes.txt").write_text("mine")
    stale = ".1600000000000-0123abcd-000001-1-20.otlp"
    fresh = f".{int(disk.now * 1e3)}-0123abcd-000001-1-20.otlp"
    for name in (stale, fresh):
        (disk.folder / name).write_bytes(b"half")
    fill(disk.spool(), disk, b"a")
    assert disk.deliver(disk.spool()) == [b"a"]
    assert disk.files == sorted([fresh, "notes.txt"])


def _no_folder(disk: Disk, _: Any) -> None:
    disk.folder.parent.parent.mkdir(exist_ok=True)
    disk.folder.parent.write_text("a file where the folder should be")


def _a_link(disk: Disk, _: Any) -> None:
    disk.folder.parent.mkdir()
    disk.folder.symlink_to(disk.folder.parent)


def _of_another_user(disk: Disk, monkeypatch: Any) -> None:
    disk.folder.mkdir(parents=True)
    uid = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: uid)


@pytest.mark.parametrize("case", [_no_folder, _a_link, _of_another_user])
def test_unusable_folder_is_one_sentence(
    disk: Disk, case: Any, caplog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches then stay in memory; the sentence says why and what to do."""
    case(disk, monkeypatch)
    spool = disk.spool()
    for _ in range(3):
        assert not spool.write(Batch(b"a", 1))
        disk.now += 61
    [record] = caplog.records
    assert str(disk.folder) in record.getMessage()
    assert "ARC_CACHE_DIR" in record.getMessage()
    assert disk.deliver(spool) == []


FULL = """
import resource, signal, sys
from pathlib import Path
from runtime._telemetry.batch import Batch
from runtime._telemetry.spool import Spool
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
now = [0.0]
spool = Spool(Path(sys.argv[1]), drops=print, clock=lambda: now[0])
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
assert spool.write(Batch(b"a" * 10_000, 1))
resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, limits[1]))
assert not spool.write(Batch(b"b" * 10_000, 1))
resource.setrlimit(resource.RLIMIT_FSIZE, limits)
assert not spool.write(Batch(b"c" * 10_000, 1))
now[0] += 61
assert spool.write(Batch(b"d" * 10_000, 1))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit of the file size")
def test_write_that_fails_half_way_leaves_nothing(disk: Disk) -> None:
    """As on a full disk: one sentence, no rest of a file, and another try a minute later."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(disk.folder)], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert done.stderr.count("cannot be kept on disk") == 1
    assert [payload[:1] for payload in disk.deliver(disk.spool())] == [b"a"]
    assert disk.files == []


HOLDER = """
import sys
from pathlib import Path
from runtime._telemetry.spool import Spool
spool = Spool(Path(sys.argv[1]), drops=print, wall_clock=lambda: float(sys.argv[2]))
batch = spool.take(at_once=True)
print(batch.payload.decode(), flush=True)
sys.stdin.read()
"""


def test_only_one_process_delivers(disk: Disk) -> None:
    """While one delivers, others do not; when it is killed, they go on with what it had."""
    fill(disk.spool(), disk, b"a")
    command = [sys.executable, "-c", HOLDER, str(disk.folder), str(disk.now)]
    other = disk.spool()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        try:
            assert holder.stdout.readline() == b"a\n"
            assert other.take(at_once=True) is None
            fill(other, disk, b"b")
        finally:
            holder.kill()
    assert b"".join(disk.deliver(other)) == b"ab"


def test_delivery_is_gentle(disk: Disk) -> None:
    """Between two batches there is time for what happens now; a hurry goes on at once."""
    fill(disk.spool(), disk, b"a", b"b", b"c", spans=500)
    spool = disk.spool()
    batch = spool.take()
    assert batch is not None
    spool.done(batch)
    assert spool.take() is None
    assert 0 < spool.wait_s < 1
    disk.now += spool.wait_s
    assert spool.take() is not None


def test_what_is_of_this_process_can_go_at_once(disk: Disk) -> None:
    """An end, or a flush, waits for no pause; of what others have left it takes one batch."""
    fill(disk.spool(), disk, b"a", b"b", b"c", spans=500)
    spool = disk.spool(first_look_s=5)
    assert spool.take() is None
    for left in (1, 0):
        batch = spool.take(at_once=True)
        assert (batch is not None) == left
        if batch:
            spool.done(batch)
    fill(spool, disk, b"d", spans=500)
    for payload in (b"b", b"c", b"d"):
        batch = spool.take(at_once=True)
        assert batch is not None
        assert batch.payload == payload
        spool.done(batch)
    assert spool.take(at_once=True) is None


def test_parent_takes_what_its_children_leave(disk: Disk) -> None:
    """Soon after it is there, and all of it at the end, also while another batch is under way."""
    parent, child = disk.spool(has_children=lambda: True), disk.spool()
    fill(child, disk, b"a", spans=500)
    assert disk.deliver(parent) == [b"a"]
    fill(child, disk, b"b", spans=500)
    disk.now += 1.1
    batch = parent.take()
    fill(child, disk, b"c", b"d", spans=500)
    for payload in (b"b", b"c", b"d"):
        assert batch is not None
        assert batch.payload == payload
        parent.done(batch)
        batch = parent.take(at_once=True)
    assert batch is None
    disk.now += 1.1
    child.refresh()
    assert child.spans == 0


def test_spans_of_this_process_that_wait(disk: Disk) -> None:
    """It counts its own, until any process has delivered them."""
    spool, other = disk.spool(), disk.spool()
    fill(spool, disk, b"a", spans=2)
    fill(other, disk, b"b", spans=3)
    assert (spool.spans, other.spans) == (2, 3)
    disk.deliver(other)
    assert spool.take(at_once=True) is None
    assert (spool.spans, other.spans) == (0, 0)


def test_without_any_receiver_nothing_is_written(disk: Disk) -> None:
    """The default address that nobody named counts once somebody has answered there."""
    spool = disk.spool(named=False)
    assert not spool.write(Batch(b"a", 1))
    assert not disk.folder.exists()
    spool.done(Batch(b"delivered", 1))
    assert disk.files == []
    assert spool.write(Batch(b"a", 1))
    assert disk.spool(named=False).write(Batch(b"b", 1))


def test_receivers_and_keys_have_folders_of_their_own(tmp_path: Path) -> None:
    """A key stands for a project: what waits for one must not be sent for another."""
    spools = []
    for address in ("grpc://localhost:1", "grpcs://localhost:1"):
        for key in (None, "arc_a_1", "arc_b_2"):
            endpoint = _endpoint.parse(address)
            assert endpoint is not None
            spools.append(Spool.of(endpoint, key, str(tmp_path), lambda *_: None))
            assert spools[-1].write(Batch(b"a", 1))
    folders = os.listdir(tmp_path / "spool")
    assert len(folders) == 6
    assert not any("arc_" in name for name in folders)
