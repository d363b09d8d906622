"""Endpoints: what users may write and what they are told when they wrote something else."""

from __future__ import annotations

import pytest

from runtime._endpoint import Endpoint, parse
from runtime.errors import SettingError


@pytest.mark.parametrize(
    ("text", "host", "port", "tls"),
    [
        ("grpc://localhost:50051", "localhost", 50051, False),
        ("grpc://collector:4317/", "collector", 4317, False),
        ("grpcs://core.example.com:443", "core.example.com", 443, True),
        ("GRPCS://Core.Example.Com:443", "core.example.com", 443, True),
        ("localhost:60000", "localhost", 60000, False),
        ("my_service", "my_service", 50051, False),
        ("grpcs://core", "core", 50051, True),
        ("  10.0.0.7:1  ", "10.0.0.7", 1, False),
        ("[::1]:65535", "::1", 65535, False),
        ("grpc://[FE80::1]", "fe80::1", 50051, False),
    ],
)
def test_reads_what_users_write(text: str, host: str, port: int, tls: bool) -> None:
    """Scheme and port are optional, and a port is kept also where the scheme is left out."""
    assert parse(text) == Endpoint(host, port, tls)


@pytest.mark.parametrize(
    ("text", "told", "traces"),
    [
        ("http://localhost:4318", "http://localhost:4318", "/v1/traces"),
        ("https://Core.example.com/", "https://core.example.com:443", "/v1/traces"),
        ("http://core", "http://core:80", "/v1/traces"),
        ("https://core/Otlp/", "https://core:443/Otlp", "/Otlp/v1/traces"),
        ("http://[::1]:8050/v1/traces", "http://[::1]:8050", "/v1/traces"),
    ],
)
def test_reads_addresses_of_otlp_over_http(text: str, told: str, traces: str) -> None:
    """Ports are those of the web; the path of OTLP may be written or left out."""
    endpoint = parse(text)
    assert endpoint is not None
    assert (str(endpoint), endpoint.traces, endpoint.http) == (told, traces, True)
    assert endpoint.tls is text.startswith("https")


@pytest.mark.parametrize("text", [None, "", "   "])
def test_empty_means_no_endpoint(text: str) -> None:
    """Nothing written is a way to say that nothing shall be sent."""
    assert parse(text) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("http://core/v1?x=1", "without a query"),
        ("unix://socket", "unknown scheme unix"),
        ("grpc://", "not an address"),
        ("grpc://core/v1/traces", "not an address"),
        ("two words", "not an address"),
        ("::1", "IPv6 in brackets"),
        ("[::g]:1", "no IPv6 address"),
        ("core:", "bad port"),
        ("core:0", "bad port"),
        ("core:65536", "bad port"),
        ("core:99999999999", "bad port"),
        ("core:-1", "bad port"),
        ("core:+1", "bad port"),
        ("core:\u0661", "bad port"),
        ("core:http", "bad port"),
    ],
)
def test_refuses_with_what_to_write_instead(text: str, told: str) -> None:
    """A text that is no endpoint is quoted, with what would be right."""
    with pytest.raises(SettingError, match="write ") as refused:
        parse(text)
    assert told in str(refused.value)
    assert text in str(refused.value)


def test_password_is_not_repeated() -> None:
    """An endpoint with credentials is refused without showing them."""
    with pytest.raises(SettingError, match="ARC_API_KEY") as refused:
        parse("grpc://me:hunter2@core:50051")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("[::1]", True),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("localhost.example.com", False),
        ("core", False),
    ],
)
def test_knows_loopback(text: str, loopback: bool) -> None:
    """Only names and addresses that cannot leave the machine count as loopback."""
    endpoint = parse(text)
    assert endpoint is not None
    assert endpoint.loopback is loopback


@pytest.mark.parametrize("text", ["grpc://core:1", "grpcs://[::1]:50051", "grpc://10.0.0.7:4317"])
def test_shows_itself_as_users_write_it(text: str) -> None:
    """The text of an endpoint can be written into a setting again."""
    assert str(parse(text)) == text


def test_default_is_told_apart_from_a_wish() -> None:
    """The default that nobody asked for keeps the mark that it was given."""
    endpoint = parse("localhost", explicit=False)
    assert endpoint == Endpoint("localhost", 50051, tls=False, explicit=False)
