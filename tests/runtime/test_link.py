"""The link between a real Arc and a Core that says what it is told to."""

from __future__ import annotations

import logging
import queue
import threading
import urllib.request
from pathlib import Path
from typing import Any, Callable, List

import grpc
import openai
import pytest

from arc_protocol.wire.sync_pb2 import Current, Goodbye, SetId, Verdict
from core_stand_in import StandIn, cool, pattern_set
from runtime import Arc
from runtime_shapes import RISKY
from telemetry.receiver import Receiver, free_port
from waiting import wait_until


@pytest.fixture
def linked(start: Callable[..., Arc], core: StandIn) -> Callable[..., Arc]:
    """Start Arc with the stand-in for Core."""

    def start_linked(**settings: Any) -> Arc:
        return start(**{"endpoint": core.endpoint, **settings})

    return start_linked


def pushed(arc: Arc) -> List[str]:
    return [pattern.name for pattern in arc.patterns() if pattern.origin.label == "pushed"]


def told(caplog: pytest.LogCaptureFixture, level: int = logging.WARNING) -> List[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= level and r.name == "arc"]


def test_pushed_pattern_is_applied_shown_and_answered(
    linked: Any, core: StandIn, client: openai.OpenAI
) -> None:
    """From Core to the request that is sent, and back to Core."""
    arc = linked()
    connection = core.connection()
    hello = connection.hello()
    assert (hello.policy, hello.HasField("have")) == ("safe", False)
    assert hello.sdks["openai"] == openai.__version__
    offered = pattern_set(3, cool(value=0.5, model="gpt-4.1"), revision=4)
    applied = connection.push(offered)
    assert applied.set == offered.set
    assert not applied.verdicts
    pattern = arc.patterns()[0]
    assert (pattern.name, pattern.origin.label, pattern.revision) == ("cool", "pushed", 4)
    assert arc.link == ("connected", 3, 1, False, {})
    client.chat.completions.create(**RISKY)
    assert arc.flush(10)
    message = core.telemetry.get(timeout=10)
    [resource] = message.resource_spans
    attributes = {each.key: each.value for each in resource.resource.attributes}
    assert attributes["arc.runtime.id"].string_value == hello.runtime_id
    assert b'"value":0.5' in message.SerializeToString().replace(b'": ', b'":')


def test_refused_pattern_is_reported_and_told_once(
    linked: Any, core: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    """The rest is in force; the reason is at Core, in the log and in `arc.link`."""
    arc = linked()
    connection = core.connection()
    connection.hello()
    bad = {**cool("bad"), "fix": {"messages": None}}
    for version in (1, 2):
        applied = connection.push(pattern_set(version, cool(), bad))
        [verdict] = applied.verdicts
        assert (verdict.name, verdict.state) == ("bad", Verdict.REFUSED)
        assert '"content" would' in verdict.reason
    assert pushed(arc) == ["cool"]
    assert arc.link.refused == {"bad": verdict.reason}
    assert len([line for line in told(caplog) if "bad" in line]) == 1


def test_lost_telemetry_is_reported_to_core(
    linked: Any, core: StandIn, client: openai.OpenAI
) -> None:
    """Whoever looks after the fleet must not have to ask each process."""
    arc = linked()
    connection = core.connection()
    connection.hello()
    assert not connection.push(pattern_set(1, cool())).dropped
    core.rejects = 1
    client.chat.completions.create(**RISKY)
    arc.flush(10)
    assert dict(connection.applied().dropped) == {"rejected": 1}


def test_set_that_does_not_fit_its_digest_leaves_the_one_before(linked: Any, core: StandIn) -> None:
    """The whole is refused with a reason, and the next right one is taken."""
    arc = linked()
    connection = core.connection()
    connection.hello()
    connection.push(pattern_set(1, cool("first")))
    torn = pattern_set(2, cool("second"), cool("third"))
    del torn.entries[0]
    applied = connection.push(torn)
    assert (applied.set.version, "digest" in applied.refused) == (2, True)
    assert (pushed(arc), arc.link.version) == (["first"], 1)
    connection.push(pattern_set(3, cool("third")))
    assert pushed(arc) == ["third"]


def test_local_pattern_overrides_and_core_is_told(linked: Any, core: StandIn) -> None:
    """Also when it is registered after the push, and again when it is taken away."""
    arc = linked()
    connection = core.connection()
    connection.hello()
    connection.push(pattern_set(1, cool()))
    arc.register_pattern({"model": "gpt-4o"}, {"temperature": 0}, name="cool")
    [verdict] = connection.applied().verdicts
    assert (verdict.name, verdict.state) == ("cool", Verdict.OVERRIDDEN)
    assert pushed(arc) == []
    arc.unregister("cool")
    assert not connection.applied().verdicts
    assert pushed(arc) == ["cool"]


def test_patterns_survive_a_restart_without_core(linked: Any, core: StandIn) -> None:
    """They are in force from disk before Core answers, marked stale, and not sent again."""
    arc = linked()
    connection = core.connection()
    connection.hello()
    offered = pattern_set(1, cool(), {**cool("bad"), "fix": {"model": "x"}})
    connection.push(offered)
    arc.shutdown()
    core.stop()
    arc = linked()
    wait_until(lambda: pushed(arc) == ["cool"])
    assert (arc.link.version, arc.link.stale) == (1, True)
    arc.shutdown()
    core.start()
    arc = linked()
    connection = core.connection()
    hello = connection.hello()
    assert hello.have == offered.set
    assert [verdict.name for verdict in hello.rejected] == ["bad"]
    renamed = SetId(epoch="e2", version=9, digest=offered.set.digest)
    connection.send(current=Current(set=renamed))
    assert connection.applied().set == renamed
    assert (arc.link.version, arc.link.stale) == (9, False)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content[:-20],
        lambda content: content.replace(b"0.5", b"1.5"),
        lambda content: b"",
        lambda content: b"\x00" * 100,
    ],
)
def test_corrupt_file_is_ignored_with_one_warning_and_replaced(
    spoil: Any, linked: Any, core: StandIn, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file that was cut or changed never becomes a pattern."""
    arc = linked()
    connection = core.connection()
    connection.hello()
    connection.push(pattern_set(1, cool()))
    arc.shutdown()
    [file] = tmp_path.glob("arc-cache/patterns-*.json")
    assert file.stat().st_mode & 0o777 == 0o600
    good = file.read_bytes()
    file.write_bytes(spoil(good))
    arc = linked()
    connection = core.connection()
    assert not connection.hello().HasField("have")
    assert pushed(arc) == []
    [line] = [line for line in told(caplog) if str(file) in line]
    assert "checksum" in line
    connection.push(pattern_set(1, cool()))
    wait_until(lambda: file.read_bytes() == good)
    assert list(file.parent.iterdir()) == [file]


def test_folder_that_cannot_be_written_is_told_once(
    linked: Any, core: StandIn, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Patterns work as ever."""
    (tmp_path / "taken").write_text("a file")
    arc = linked(cache_dir=str(tmp_path / "taken" / "cache"))
    connection = core.connection()
    connection.hello()
    connection.push(pattern_set(1, cool()))
    connection.push(pattern_set(2, cool("other")))
    assert pushed(arc) == ["other"]
    assert len([line for line in told(caplog) if "ARC_CACHE_DIR" in line]) == 1


def test_lost_core_leaves_patterns_in_force_and_is_found_again(linked: Any, core: StandIn) -> None:
    """What it has is not sent a second time."""
    arc = linked()
    connection = core.connection()
    connection.hello()
    offered = pattern_set(1, cool())
    connection.push(offered)
    core.stop()
    wait_until(lambda: arc.link.state == "unreachable")
    assert (pushed(arc), arc.link.stale) == (["cool"], True)
    core.start()
    connection = core.connection(30)
    assert connection.hello().have == offered.set
    connection.send(current=Current(set=offered.set))
    connection.applied()
    assert not arc.link.stale


def test_goodbye_and_a_clean_end_are_waited_out(linked: Any, core: StandIn) -> None:
    """No tight loop of streams, and no return before the time that Core asked for."""
    linked()
    connection = core.connection()
    connection.hello()
    connection.end()
    with pytest.raises(queue.Empty):
        core.connection(0.9)
    connection = core.connection()
    connection.hello()
    connection.send(goodbye=Goodbye(reason="restart", retry_after_ms=1500))
    connection.end()
    with pytest.raises(queue.Empty):
        core.connection(1.4)
    core.connection()


@pytest.mark.usefixtures("linked_at_once")
def test_silent_stream_is_given_up(start: Any) -> None:
    """A connection on which heartbeats stay away is dead, whatever TCP says."""
    with StandIn(heartbeat_s=1) as core:
        start(endpoint=core.endpoint)
        connection = core.connection()
        assert connection.ended.wait(10)
        core.connection()


@pytest.mark.parametrize(
    "code", [grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED]
)
def test_wrong_key_is_one_sentence_and_a_right_one_works_at_once(
    code: Any, linked: Any, core: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    """Core's words are passed on; it is not asked again for minutes."""

    def demand(context: Any) -> None:
        if ("authorization", "Bearer right") not in context.invocation_metadata():
            context.abort(code, "The key is unknown.")

    core.answer = demand
    arc = linked(api_key="wrong")
    wait_until(lambda: arc.link.state == "refused")
    [line] = told(caplog)
    assert "The key is unknown" in line
    assert "wrong" not in line
    assert core.streams == 1
    linked(api_key="right")
    assert core.connection().metadata["authorization"] == "Bearer right"
    wait_until(lambda: arc.link.state == "connected")


def test_key_is_sent_in_clear_text_where_that_was_written(start: Any, core: StandIn) -> None:
    """Telemetry warns of it."""
    start(endpoint=f"grpc://0.0.0.0:{core.port}", api_key="k")
    assert core.connection().metadata["authorization"] == "Bearer k"


@pytest.mark.usefixtures("linked_at_once")
def test_plain_collector_is_no_reason_to_worry(
    start: Any, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """It takes telemetry alone: nothing is said above DEBUG."""
    arc = start(log_level="DEBUG")
    wait_until(lambda: arc.link.state == "unsupported")
    assert told(caplog) == []
    assert len([r for r in caplog.records if "UNIMPLEMENTED" in r.getMessage()]) == 1


def test_policy_can_change_while_running(linked: Any, core: StandIn) -> None:
    """What it no longer allows is out of force before Core has said anything."""
    arc = linked(policy="content")
    connection = core.connection()
    connection.hello()
    offered = pattern_set(1, cool(), {**cool("text"), "fix": {"messages[0].content": "x"}})
    connection.push(offered)
    assert set(pushed(arc)) == {"cool", "text"}
    linked(policy="safe")
    connection = core.connection()
    hello = connection.hello()
    assert (hello.policy, hello.HasField("have")) == ("safe", False)
    assert pushed(arc) == ["cool"]
    [verdict] = connection.push(offered).verdicts
    assert verdict.name == "text"


def test_policy_of_paths_holds_also_after_a_restart(linked: Any, core: StandIn) -> None:
    """Core is told its one text, and why a pattern is refused; nothing is asked anew."""
    policy = {"temperature": {"low": 0, "high": 0.5}}
    text = '{"*":"safe","temperature":{"high":0.5,"low":0}}'
    arc = linked(policy=policy)
    connection = core.connection()
    assert connection.hello().policy == text
    offered = pattern_set(1, cool("kept", 0.5), cool("hot", 0.7))
    [verdict] = connection.push(offered).verdicts
    assert (verdict.name, verdict.reason) == (
        "hot",
        'The policy lets pushed patterns set "temperature" only to numbers from 0 to 0.5, '
        'not set "temperature" to 0.7.',
    )
    assert pushed(arc) == ["kept"]
    arc.shutdown()
    arc = linked(policy=text)
    hello = core.connection().hello()
    assert (hello.policy, hello.have.digest) == (text, offered.set.digest)
    assert [each.name for each in hello.rejected] == ["hot"]
    assert pushed(arc) == ["kept"]


def test_another_core_has_patterns_of_its_own(linked: Any, start: Any, core: StandIn) -> None:
    """Those of the one before go, and come back with it; without an endpoint there are none."""
    arc = linked()
    connection = core.connection()
    connection.hello()
    connection.push(pattern_set(1, cool("of-one")))
    with StandIn() as other:
        start(endpoint=other.endpoint)
        connection = other.connection()
        assert not connection.hello().HasField("have")
        assert pushed(arc) == []
        connection.push(pattern_set(1, cool("of-other")))
        assert pushed(arc) == ["of-other"]
        start(endpoint="")
        wait_until(lambda: pushed(arc) == [])
        assert arc.link.state == "off"
    linked()
    assert core.connection().hello().have.version == 1
    assert pushed(arc) == ["of-one"]


def test_metrics_say_how_the_link_is(linked: Any, core: StandIn) -> None:
    """`arc_link_up` and `arc_patterns_refused`."""
    arc = linked(metrics_port=free_port())
    connection = core.connection()
    connection.hello()
    connection.push(pattern_set(1, {**cool("bad"), "fix": {"model": "x"}}))

    def scrape() -> str:
        with urllib.request.urlopen(str(arc.metrics_url)) as answer:
            return str(answer.read().decode())

    wait_until(lambda: arc.metrics_url is not None)
    wait_until(lambda: "arc_link_up 1.0" in scrape())
    assert "arc_patterns_refused 1.0" in scrape()


def test_shutdown_ends_the_stream_and_its_threads(linked: Any, core: StandIn) -> None:
    """Nothing of Arc is left, and Core sees the end."""
    arc = linked()
    connection = core.connection()
    connection.hello()
    arc.shutdown()
    assert connection.ended.wait(10)
    wait_until(lambda: not [t for t in threading.enumerate() if t.name.startswith("arc-link")])
