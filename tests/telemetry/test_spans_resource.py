"""The resource: which process telemetry comes from."""

from __future__ import annotations

import os
import sys

import pytest

from arc_protocol.version import __version__
from runtime._telemetry.resource import attributes, resource


def test_the_process_is_named_by_host_pid_and_version() -> None:
    """What Core tells Runtimes apart by is there without any setting."""
    found = attributes(environ={})
    assert found["process.pid"] == os.getpid()
    assert found["host.name"]
    assert found["telemetry.sdk.name"] == "arc"
    assert found["telemetry.sdk.language"] == "python"
    assert found["telemetry.sdk.version"] == found["arc.runtime.version"] == __version__
    assert found["service.instance.id"] == found["arc.runtime.id"]


def test_the_runtime_id_is_new_each_time() -> None:
    """A forked child asks again and is told apart from its parent."""
    assert attributes(environ={})["arc.runtime.id"] != attributes(environ={})["arc.runtime.id"]


@pytest.mark.parametrize(
    ("setting", "environ", "name"),
    [
        ("mine", {"OTEL_SERVICE_NAME": "theirs"}, "mine"),
        (
            None,
            {"OTEL_SERVICE_NAME": "theirs", "OTEL_RESOURCE_ATTRIBUTES": "service.name=x"},
            "theirs",
        ),
        (None, {"OTEL_RESOURCE_ATTRIBUTES": "service.name=listed"}, "listed"),
        (None, {}, "worker"),
    ],
)
def test_the_service_name_is_the_setting_then_the_environment_then_the_program(
    monkeypatch: pytest.MonkeyPatch, setting: str, environ: dict, name: str
) -> None:
    """The first that is given counts."""
    monkeypatch.setattr(sys, "argv", ["/srv/app/worker.py", "--fast"])
    assert attributes(setting, environ)["service.name"] == name


@pytest.mark.parametrize(
    ("argument", "name"),
    [
        ("/srv/app/__main__.py", "app"),
        ("-c", "unknown_service:python"),
        ("", "unknown_service:python"),
    ],
)
def test_a_program_without_a_file_of_its_own_has_a_name(
    monkeypatch: pytest.MonkeyPatch, argument: str, name: str
) -> None:
    """A package run with -m is named after the package."""
    monkeypatch.setattr(sys, "argv", [argument])
    assert attributes(environ={})["service.name"] == name


def test_listed_attributes_are_added_and_cannot_change_what_names_arc() -> None:
    """The list is that of every OpenTelemetry SDK: percent-encoded pairs."""
    listed = "team=a%20b, region = eu ,broken,arc.runtime.version=0,service.instance.id=pod-1"
    found = attributes(environ={"OTEL_RESOURCE_ATTRIBUTES": listed})
    assert (found["team"], found["region"]) == ("a b", "eu")
    assert "broken" not in found
    assert found["arc.runtime.version"] == __version__
    assert found["service.instance.id"] == "pod-1"


def test_the_encoded_resource_holds_the_same_names() -> None:
    """A broken character in the environment does not break it."""
    encoded = resource("service-\udcff", {})
    assert {each.key for each in encoded.attributes} == set(attributes("x", {}))
