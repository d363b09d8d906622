"""`arc doctor` looks at the SDKs, and at who else is in front of their methods."""

from __future__ import annotations

from typing import Any

import pytest

from arc_cli import doctor_program
from cli.doctor.report import Examine


def test_without_an_sdk(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Perhaps this is not the application's environment."""
    monkeypatch.setattr(doctor_program.providers, "discover", lambda: iter([_Absent]))
    report = examine()
    assert "no_such_sdk" in report.of("sdk", "warning")[0]


class _Absent:
    SDK = "no_such_sdk"


def test_sdk_that_arc_does_not_get_in_front_of(
    examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change inside the SDK is a problem that nobody should learn of in production."""
    from openai import _base_client

    monkeypatch.setattr(_base_client.SyncAPIClient, "request", lambda self, what: None)
    report = examine()
    assert report.problems == ["sdk openai"]
    told = report.of("sdk openai", "problem")[0]
    assert "no longer takes" in told
    assert "1.x, 2.x, 3.x" in told


def test_client_class_that_goes_past_arc(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The class is named; Arc().wrap would help."""
    import openai
    from openai import _base_client

    original = _base_client.SyncAPIClient.request

    class Other(openai.OpenAI):
        def request(self, *args: Any, **kwargs: Any) -> Any:
            return original(self, *args, **kwargs)

    Other.request.__wrapped__ = original  # type: ignore[attr-defined]
    monkeypatch.setattr(openai, "OtherOpenAI", Other, raising=False)
    report = examine()
    assert report.problems == ["sdk openai"]
    assert "Other" in report.of("sdk openai", "problem")[0]


def test_new_major_version_of_an_sdk(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It works, as was seen; nobody has tested it."""
    monkeypatch.setattr(doctor_program, "_version", lambda name: "99.1.0")
    report = examine()
    assert report.code == 0
    assert "99.1.0" in report.of("sdk openai", "warning")[0]


def test_other_instrumentations(examine: Examine) -> None:
    """Those that are installed, and which of them is in front of the SDK now."""
    from openinference.instrumentation.openai import OpenAIInstrumentor

    inactive = examine().of("sdk openai", "ok")[-1]
    assert "openinference" in inactive
    assert "none is active now" in inactive
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument()
    try:
        report = examine()
    finally:
        instrumentor.uninstrument()
    assert report.problems == []
    assert "active now: openinference" in report.of("sdk openai", "ok")[-1]


def test_sdk_is_left_as_it_was(examine: Examine) -> None:
    """Looking at it leaves nothing in front of its methods."""
    import openai

    before = openai.OpenAI.request
    assert examine().code == 0
    assert openai.OpenAI.request is before
