"""What Arc puts in front of other people's methods, and how it takes it away again."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Iterator

import openai
import pytest

from runtime import Arc
from runtime._seam import Seam, when_imported
from runtime_shapes import RISKY


def temperatures(space: Any) -> Any:
    return [request["json"]["temperature"] for request in space.requests()]


class Base:
    def method(self) -> str:
        return "base"


class Inheriting(Base):
    pass


def around(original: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args: f"around {original(*args)}"


@pytest.fixture
def seam() -> Iterator[Seam]:
    made = Seam()
    yield made
    made.undo()
    assert Base().method() == "base"


def test_undoing_leaves_classes_as_they_were(seam: Seam) -> None:
    """A class that inherits its method does so again afterwards."""
    own = Base.__dict__["method"]
    seam.replace(Inheriting, "method", around)
    seam.replace(Base, "method", around)
    assert (Base().method(), Inheriting().method()) == ("around base", "around base")
    seam.undo()
    seam.undo()
    assert Base.__dict__["method"] is own
    assert "method" not in Inheriting.__dict__


def test_what_was_put_back_is_replaced_again(seam: Seam) -> None:
    """Wherever the original stands again, also where it was inherited; and nowhere twice."""
    original = Base.__dict__["method"]
    seam.replace(Base, "method", around)
    seam.replace(Inheriting, "method", lambda _: Base.__dict__["method"])
    assert not seam.mend()
    for _ in range(3):
        Base.method = original  # type: ignore[method-assign]
        assert seam.mend()
        assert not seam.mend()
        assert Base().method() == "around base"
    seam.undo()
    assert Base.__dict__["method"] is original
    assert not seam.mend()


@pytest.mark.parametrize("tells", [True, False])
def test_a_wrapper_around_ours_is_left_alone(seam: Seam, tells: bool) -> None:
    """Whether or not it tells what it wraps: nothing is done twice."""
    own = Base.__dict__["method"]
    seam.replace(Base, "method", around)
    ours = Base.__dict__["method"]

    def other(self: Base) -> str:
        return f"other {ours(self)}"

    Base.method = functools.wraps(ours)(other) if tells else other  # type: ignore[method-assign]
    try:
        assert not seam.mend()
        assert Base().method() == "other around base"
    finally:
        Base.method = own  # type: ignore[method-assign]


def test_a_wrapper_that_leaves_ours_out_gets_ours_around_it(seam: Seam) -> None:
    """It tells that it wraps the original."""
    own = Base.__dict__["method"]
    seam.replace(Base, "method", around)

    @functools.wraps(own)
    def other(self: Base) -> str:
        return f"other {own(self)}"

    Base.method = other  # type: ignore[method-assign]
    assert seam.mend()
    assert Base().method() == "around other base"
    Base.method = own  # type: ignore[method-assign]


def test_replacements_on_top_of_each_other_come_off_in_order(seam: Seam) -> None:
    """Two of ours on one method leave the original."""
    own = Base.__dict__["method"]
    seam.replace(Base, "method", around)
    seam.replace(Base, "method", around)
    assert Base().method() == "around around base"
    seam.undo()
    assert Base.__dict__["method"] is own


def test_what_another_library_put_on_top_stays(seam: Seam) -> None:
    """Undoing does not tear away a wrapper that is not ours."""
    own = Base.__dict__["method"]
    seam.replace(Base, "method", around)
    ours = Base.__dict__["method"]

    def theirs(self: Base) -> str:
        return f"theirs {ours(self)}"

    Base.method = theirs  # type: ignore[method-assign]
    try:
        seam.undo()
        assert Base().method() == "theirs around base"
    finally:
        Base.method = own  # type: ignore[method-assign]


def test_shutdown_leaves_the_sdk_as_it_was(start: Any) -> None:
    """Every class of the SDK has the methods that it had before."""
    classes = [*openai.OpenAI.__mro__, *openai.AsyncOpenAI.__mro__, openai.AzureOpenAI]
    before = [dict(vars(kind)) for kind in classes]
    arc = start()
    assert [dict(vars(kind)) for kind in classes] != before
    arc.shutdown()
    assert [dict(vars(kind)) for kind in classes] == before


def test_wrapper_of_the_application_outlives_arc(
    start: Any, space: Any, client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A method that the application wrapped around Arc's goes on to work without and with it."""
    arc = start()
    wrapped = openai.OpenAI.request
    seen = []

    @functools.wraps(wrapped)
    def request(self: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(self)
        return wrapped(self, *args, **kwargs)

    monkeypatch.setattr(openai.OpenAI, "request", request)
    client.chat.completions.create(**RISKY)
    arc.shutdown()
    client.chat.completions.create(**RISKY)
    start()
    client.chat.completions.create(**RISKY)
    assert seen == [client] * 3
    assert temperatures(space) == [0.7, 0.95, 0.7]


def test_stop_and_start_again_and_again(start: Any, space: Any, client: openai.OpenAI) -> None:
    """Each Arc fixes once, however many there were before."""
    for _ in range(3):
        arc = start()
        client.chat.completions.create(**RISKY)
        assert arc.flush(10)
        arc.shutdown()
    client.chat.completions.create(**RISKY)
    assert temperatures(space) == [0.7, 0.7, 0.7, 0.95]


def test_methods_keep_what_tools_read(arc: Arc) -> None:
    """Name, documentation and signature are those of the SDK."""
    import inspect

    original = inspect.unwrap(openai.OpenAI.request)
    assert openai.OpenAI.request is not original
    assert openai.OpenAI.request.__qualname__ == original.__qualname__
    assert inspect.signature(openai.OpenAI.request) == inspect.signature(original)
    assert inspect.iscoroutinefunction(openai.AsyncOpenAI.request)


def test_action_for_a_module_that_is_there_runs_at_once() -> None:
    """And gets the module."""
    seen = []
    when_imported("json", seen.append)
    assert [module.__name__ for module in seen] == ["json"]


def test_action_for_a_later_module_runs_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it is imported, and finished."""
    (tmp_path / "arc_test_later.py").write_text("value = 1\n", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    seen = []
    when_imported("arc_test_later", lambda module: seen.append(module.value))
    assert seen == []
    import arc_test_later  # type: ignore[import-not-found] # noqa: F401

    assert seen == [1]
    sys.modules.pop("arc_test_later")


WITHOUT_SDK = """
import sys
sys.modules["openai"] = None  # as if it were not installed
from runtime import Arc
arc = Arc()
print(len(arc.patterns()), arc.faults())
try:
    import openai
except ImportError as missing:
    print(type(missing).__name__)
print(arc.flush(5), arc.wrap("client"))
arc.shutdown()
"""


def test_program_without_the_sdk(tmp_path: Path) -> None:
    """Arc in a program that does not have the SDK is no reason to fail, nor hides that it lacks."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_SDK],
        env={**os.environ, "ARC_ENDPOINT": "", "ARC_METRICS_PORT": "0"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1 {}\nModuleNotFoundError\nTrue client\n"
